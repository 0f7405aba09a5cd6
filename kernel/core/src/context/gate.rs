//! A gate that processes pass on their way into a list, and that whole-list actions shut.
//!
//! Passing is one atomic addition. Shutting waits until nobody is inside, so that an action on every
//! member (a signal, the freezer, the death of number 1) misses none that is about to appear.

use core::sync::atomic::{AtomicU32, Ordering};

use crate::sched::WaitQueue;

const SHUT: u32 = 1 << 31;

/// The gate of one process list.
pub struct Gate {
    /// How many are inside, and [`SHUT`].
    state: AtomicU32,
    queue: WaitQueue,
}

/// Keeping the gate shut, with nobody inside.
pub struct Shut<'a>(&'a Gate);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate with nobody inside.
    pub const fn new() -> Self {
        Gate {
            state: AtomicU32::new(0),
            queue: WaitQueue::new(),
        }
    }

    /// Goes inside; sleeps while the gate is shut. Each entry is matched by one [`Self::leave`].
    pub fn enter(&self) {
        if !self.try_enter() {
            self.queue.wait_until(|| self.try_enter().then_some(()));
        }
    }

    fn try_enter(&self) -> bool {
        self.state
            .try_update(Ordering::Acquire, Ordering::Relaxed, |state| {
                (state & SHUT == 0).then(|| state + 1)
            })
            .is_ok()
    }

    /// Goes out.
    pub fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::Release) == SHUT + 1 {
            self.queue.wake_all();
        }
    }

    /// Shuts the gate and sleeps until nobody is inside.
    pub fn shut(&self) -> Shut<'_> {
        self.queue.wait_until(|| {
            (self.state.fetch_or(SHUT, Ordering::Acquire) & SHUT == 0).then_some(())
        });
        self.queue
            .wait_until(|| (self.state.load(Ordering::Acquire) == SHUT).then_some(()));
        Shut(self)
    }
}

impl Drop for Shut<'_> {
    fn drop(&mut self) {
        self.0.state.store(0, Ordering::Release);
        self.0.queue.wake_all();
    }
}
