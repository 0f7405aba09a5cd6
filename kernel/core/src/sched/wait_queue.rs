//! Sleeping until a condition holds, and telling those who wait that it may.

use super::entity::State;
use super::{cpu, timer};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::task::{self, Current, ThreadRef};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::{AtomicU32, AtomicU64, fence};
use hal::sync::IrqSpinLock;
use smallvec::SmallVec;

/// What may end a wait besides its condition and its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interruption {
    /// Nothing.
    None,
    /// Any signal that isn't blocked.
    Signal,
    /// The end of the process.
    Kill,
}

impl Interruption {
    fn state(self) -> State {
        match self {
            Interruption::None => State::UNINTERRUPTIBLE,
            Interruption::Signal => State::INTERRUPTIBLE,
            Interruption::Kill => State::KILLABLE,
        }
    }

    fn happened(self, current: &Current) -> bool {
        match self {
            Interruption::None => false,
            Interruption::Signal => current.signal_pending(),
            Interruption::Kill => current.is_killed(),
        }
    }
}

/// Someone who wants to hear of wake-ups without sleeping in the queue: poll, epoll. Called from any context, also
/// interrupts, with the queue's lock held: it takes no lock but ones that mask interrupts, and none of a wait queue
/// that could be waking it.
pub trait Waiter: Send + Sync {
    /// The condition may hold now.
    fn wake(&self);
}

/// The registered [`Waiter`]s of a queue.
struct Waiters {
    list: IrqSpinLock<Vec<(u64, Arc<dyn Waiter>)>>,
    next: AtomicU64,
}

/// A waiter's place in a queue; dropping it ends the registration.
pub struct WaiterHandle {
    waiters: Arc<Waiters>,
    id: u64,
}

impl Drop for WaiterHandle {
    fn drop(&mut self) {
        let removed = {
            let mut list = self.waiters.list.lock();
            list.iter()
                .position(|(id, _)| *id == self.id)
                .map(|position| list.swap_remove(position))
        };
        drop(removed);
    }
}

struct Sleepers {
    threads: SmallVec<[ThreadRef; 2]>,
    waiters: Option<Arc<Waiters>>,
}

/// Threads that sleep until a condition holds.
pub struct WaitQueue {
    /// Whether a waker must look: sleeping threads, plus one once a `Waiter` has registered.
    interested: AtomicU32,
    sleepers: IrqSpinLock<Sleepers>,
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitQueue {
    /// A queue nobody waits in.
    pub const fn new() -> Self {
        Self {
            interested: AtomicU32::new(0),
            sleepers: IrqSpinLock::new(Sleepers {
                threads: SmallVec::new_const(),
                waiters: None,
            }),
        }
    }

    /// Sleeps until `condition` gives a value; nothing else ends it. The condition runs with no lock of the queue held.
    pub fn wait_until<R>(&self, condition: impl FnMut() -> Option<R>) -> R {
        let mut condition = condition;
        // A thread of a test that is no task of the kernel's looks again and again.
        #[cfg(test)]
        if hal::task::try_current::<task::Thread>().is_none() {
            loop {
                if let Some(value) = condition() {
                    return value;
                }
                std::thread::yield_now();
            }
        }
        loop {
            // Without a deadline and an interruption only the condition ends a wait.
            if let Ok(Some(value)) = self.wait_deadline(&mut condition, None, Interruption::None) {
                return value;
            }
        }
    }

    /// Sleeps until `condition` gives a value or a signal is pending.
    ///
    /// # Errors
    /// `RESTART_SYSCALL` when a signal ended the wait: pass it on, delivery makes it a restart or `EINTR`.
    pub fn wait_interruptible<R>(&self, condition: impl FnMut() -> Option<R>) -> Result<R> {
        let mut condition = condition;
        loop {
            if let Some(value) = self.wait_deadline(&mut condition, None, Interruption::Signal)? {
                return Ok(value);
            }
        }
    }

    /// Sleeps until `condition` gives a value or the process is killed.
    ///
    /// # Errors
    /// `RESTART_SYSCALL` when it is killed; the value never reaches userland.
    pub fn wait_killable<R>(&self, condition: impl FnMut() -> Option<R>) -> Result<R> {
        let mut condition = condition;
        loop {
            if let Some(value) = self.wait_deadline(&mut condition, None, Interruption::Kill)? {
                return Ok(value);
            }
        }
    }

    /// Sleeps until `condition` gives a value, `deadline` (ns since boot) passes (none), or it is interrupted.
    ///
    /// # Errors
    /// `RESTART_SYSCALL` when interrupted; `ENOMEM` when there is no memory for the timer.
    pub fn wait_deadline<R>(
        &self,
        mut condition: impl FnMut() -> Option<R>,
        deadline: Option<u64>,
        interruption: Interruption,
    ) -> Result<Option<R>> {
        if let Some(value) = condition() {
            return Ok(Some(value));
        }
        let current = task::current();
        let mut timeout = None;
        let result = loop {
            // The state first: a waker that finds the thread in the queue takes it out, and must find that it is about
            // to sleep. One taken out as "awake" would sleep on, unseen, if the condition was true for a moment only.
            current.scheduling().set_state(interruption.state());
            let queued = self.enter(&current);
            fence(SeqCst);
            if let Some(value) = condition() {
                break Ok(Some(value));
            }
            if interruption.happened(&current) {
                break Err(Errno::RESTART_SYSCALL);
            }
            match expire(&current, deadline, &mut timeout) {
                Ok(false) => {}
                Ok(true) => break Ok(None),
                Err(error) => break Err(error),
            }
            if queued {
                cpu::schedule();
            } else {
                // No memory to be found by a waker: look again and again, letting others run.
                current.scheduling().set_state(State::RUNNABLE);
                cpu::yield_now();
            }
        };
        current.scheduling().set_state(State::RUNNABLE);
        self.leave(&current);
        drop(timeout);
        result
    }

    /// Enters the current thread unless it is in; false if there is no memory for it.
    fn enter(&self, current: &Current) -> bool {
        let mut sleepers = self.sleepers.lock();
        if sleepers.threads.iter().any(|thread| current.is(thread)) {
            return true;
        }
        if sleepers.threads.make_room(1).is_err() {
            return false;
        }
        sleepers.threads.push(current.arc());
        self.interested.fetch_add(1, Relaxed);
        true
    }

    fn leave(&self, current: &Current) {
        let mut sleepers = self.sleepers.lock();
        if let Some(position) = sleepers
            .threads
            .iter()
            .position(|thread| current.is(thread))
        {
            let thread = sleepers.threads.remove(position);
            self.interested.fetch_sub(1, Relaxed);
            drop(sleepers);
            drop(thread);
        }
    }

    /// Wakes the thread that has waited longest, and tells every registered waiter. Callable from interrupts.
    /// The caller has made the condition true before.
    pub fn wake_one(&self) {
        self.wake(1);
    }

    /// Wakes all waiting threads and tells every registered waiter. Callable from interrupts.
    pub fn wake_all(&self) {
        self.wake(usize::MAX);
    }

    #[inline]
    fn wake(&self, limit: usize) {
        // Orders the caller's stores to the condition before the look at who waits.
        fence(SeqCst);
        if self.interested.load(Relaxed) != 0 {
            self.wake_slowly(limit);
        }
    }

    #[inline(never)]
    fn wake_slowly(&self, limit: usize) {
        let waiters = {
            let mut sleepers = self.sleepers.lock();
            let mut woken = 0;
            while woken < limit && !sleepers.threads.is_empty() {
                let thread = sleepers.threads.remove(0);
                self.interested.fetch_sub(1, Relaxed);
                // One that something else has woken already may leave without looking at the condition, so another
                // one is woken for it.
                if cpu::wake(&thread, State::ANY_SLEEP) {
                    woken += 1;
                }
            }
            sleepers.waiters.clone()
        };
        if let Some(waiters) = waiters {
            for (_, waiter) in waiters.list.lock().iter() {
                waiter.wake();
            }
        }
    }

    /// Registers one who is told of every wake-up, until the handle is dropped.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn register(&self, waiter: &Arc<dyn Waiter>) -> Result<WaiterHandle> {
        let waiters = {
            let existing = self.sleepers.lock().waiters.clone();
            match existing {
                Some(waiters) => waiters,
                None => {
                    let new = Arc::new(Waiters {
                        list: IrqSpinLock::new(Vec::new()),
                        next: AtomicU64::new(0),
                    });
                    let mut sleepers = self.sleepers.lock();
                    if sleepers.waiters.is_none() {
                        self.interested.fetch_add(1, Relaxed);
                    }
                    sleepers.waiters.get_or_insert(new).clone()
                }
            }
        };
        let id = waiters.next.fetch_add(1, Relaxed);
        {
            let mut list = waiters.list.lock();
            list.make_room(1)?;
            list.push((id, waiter.clone()));
        }
        fence(SeqCst);
        Ok(WaiterHandle { waiters, id })
    }

    /// Whether a thread waits here.
    pub fn has_sleepers(&self) -> bool {
        !self.sleepers.lock().threads.is_empty()
    }
}

/// Sleeps until `condition` gives a value, `deadline` (ns since boot) passes (none), or it is interrupted. Who makes the
/// condition true wakes the thread by itself ([`super::wake`]), after a fence.
///
/// # Errors
/// `RESTART_SYSCALL` when interrupted; `ENOMEM` when there is no memory for the timer.
pub fn sleep<R>(
    current: &Current,
    mut condition: impl FnMut() -> Option<R>,
    deadline: Option<u64>,
    interruption: Interruption,
) -> Result<Option<R>> {
    let mut timeout = None;
    let result = loop {
        current.scheduling().set_state(interruption.state());
        fence(SeqCst);
        if let Some(value) = condition() {
            break Ok(Some(value));
        }
        if interruption.happened(current) {
            break Err(Errno::RESTART_SYSCALL);
        }
        match expire(current, deadline, &mut timeout) {
            Ok(false) => cpu::schedule(),
            Ok(true) => break Ok(None),
            Err(error) => break Err(error),
        }
    };
    current.scheduling().set_state(State::RUNNABLE);
    result
}

/// Whether the deadline has passed; arms the timer that ends the sleep if it hasn't.
fn expire(
    current: &Current,
    deadline: Option<u64>,
    timeout: &mut Option<timer::TimerHandle>,
) -> Result<bool> {
    let Some(deadline) = deadline else {
        return Ok(false);
    };
    if hal::time::now() >= deadline {
        return Ok(true);
    }
    if timeout.is_none() {
        *timeout = Some(timer::arm_wake(deadline, current.arc())?);
    }
    Ok(false)
}
