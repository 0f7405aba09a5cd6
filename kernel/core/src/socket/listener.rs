//! Connections that wait to be accepted.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering};

use super::unix::UnixSocket;
use crate::errno::Result;
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue};

/// Most connections that wait, whatever listen(2) asks for (net.core.somaxconn).
const MAXIMUM_BACKLOG: usize = 4096;

/// The queue of a listening socket.
pub struct Listener {
    waiting: Mutex<VecDeque<Arc<UnixSocket>>>,
    count: AtomicUsize,
    backlog: AtomicUsize,
    /// Told when a connection came.
    pub readable: Arc<WaitQueue>,
    /// Told when there is room for connections, or no hope.
    pub room: Arc<WaitQueue>,
}

impl Listener {
    /// An empty queue for `backlog` connections and one more, as on Linux.
    pub fn new(backlog: usize) -> Listener {
        Listener {
            waiting: Mutex::new(VecDeque::new()),
            count: AtomicUsize::new(0),
            backlog: AtomicUsize::new(backlog.min(MAXIMUM_BACKLOG)),
            readable: Arc::new(WaitQueue::new()),
            room: Arc::new(WaitQueue::new()),
        }
    }

    /// Changes how many may wait.
    pub fn set_backlog(&self, backlog: usize) {
        self.backlog
            .store(backlog.min(MAXIMUM_BACKLOG), Ordering::Relaxed);
        self.room.wake_all();
    }

    /// Whether a connection waits.
    pub fn has_connection(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Whether one more may wait.
    pub fn has_room(&self) -> bool {
        self.count.load(Ordering::Acquire) <= self.backlog.load(Ordering::Relaxed)
    }

    /// Adds a connection; false: there is no room.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn push(&self, connection: &Arc<UnixSocket>) -> Result<bool> {
        {
            let mut waiting = self.waiting.lock();
            if waiting.len() > self.backlog.load(Ordering::Relaxed) {
                return Ok(false);
            }
            waiting.make_room(1)?;
            waiting.push_back(connection.clone());
            self.count.store(waiting.len(), Ordering::Release);
        }
        self.readable.wake_all();
        Ok(true)
    }

    /// Takes the connection that has waited longest.
    pub fn pop(&self) -> Option<Arc<UnixSocket>> {
        let connection = {
            let mut waiting = self.waiting.lock();
            let connection = waiting.pop_front();
            self.count.store(waiting.len(), Ordering::Release);
            connection
        }?;
        self.room.wake_all();
        Some(connection)
    }

    /// Puts a connection back that was taken and can't be handed over: it is the next one again. Without memory for
    /// that it ends.
    pub fn put_back(&self, connection: Arc<UnixSocket>) {
        {
            let mut waiting = self.waiting.lock();
            if waiting.make_room(1).is_err() {
                return;
            }
            waiting.push_front(connection);
            self.count.store(waiting.len(), Ordering::Release);
        }
        self.readable.wake_all();
    }
}
