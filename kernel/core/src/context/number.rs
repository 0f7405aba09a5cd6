//! Task numbers: what a process, thread, group or session is called, by the host and inside a list.
//!
//! One [`TaskNumber`] stands for one number, like Linux's `struct pid`. The thread, its process, and the
//! process group and session that bear its number all hold it, so that a number is not given out again
//! while anything is called by it.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use hal::sync::IrqSpinLock;

use super::ProcessList;

/// The number of one task: the host's, and the one inside its process list.
pub struct TaskNumber {
    host: u32,
    /// What the task itself sees; kept beside `inside` so that getpid is one load.
    own: AtomicU32,
    /// `None` for a task of the boot list.
    inside: IrqSpinLock<Option<NumberInside>>,
    release: fn(u32),
}

/// A number that a list has given out. Dropping it gives it back.
pub(super) struct NumberInside {
    list: Arc<ProcessList>,
    number: u32,
}

impl NumberInside {
    /// Takes the next free number of the list for the task with this host number.
    pub(super) fn allocate(list: &Arc<ProcessList>, host: u32) -> Self {
        NumberInside {
            list: Arc::clone(list),
            number: list.allocate_number(host),
        }
    }
}

impl Drop for NumberInside {
    fn drop(&mut self) {
        self.list.release_number(self.number);
    }
}

impl TaskNumber {
    /// The number of a new task. `release` is called with the host's number when nothing bears it any more.
    pub fn new(host: u32, release: fn(u32)) -> Self {
        TaskNumber {
            host,
            own: AtomicU32::new(host),
            inside: IrqSpinLock::new(None),
            release,
        }
    }

    /// The host's number.
    pub fn host(&self) -> u32 {
        self.host
    }

    /// The number that the task itself sees.
    pub fn own(&self) -> u32 {
        self.own.load(Ordering::Relaxed)
    }

    /// The number that members of `list` see; `None` when the task is out of their sight.
    pub fn seen_by(&self, list: &ProcessList) -> Option<u32> {
        if list.is_boot() {
            return Some(self.host);
        }
        match &*self.inside.lock() {
            Some(inside) if core::ptr::eq(&*inside.list, list) => Some(inside.number),
            _ => None,
        }
    }

    /// Gives the task its number in `list`, and takes back the one that it had in another list.
    pub(super) fn enter(&self, list: &Arc<ProcessList>) {
        let entered = if list.is_boot() {
            None
        } else if self.seen_by(list).is_some() {
            return;
        } else {
            Some(NumberInside::allocate(list, self.host))
        };
        let own = entered.as_ref().map_or(self.host, |inside| inside.number);
        let left = {
            let mut inside = self.inside.lock();
            self.own.store(own, Ordering::Relaxed);
            core::mem::replace(&mut *inside, entered)
        };
        drop(left);
    }
}

impl Drop for TaskNumber {
    fn drop(&mut self) {
        (self.release)(self.host);
    }
}
