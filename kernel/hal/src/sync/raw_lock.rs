//! The lock word under the spin locks: one flag, taken by compare and swap.
//!
//! Contenders wait with WFE on the word. There is no queue: sections are short and CPUs few, and an
//! uncontended pair of lock and unlock is five instructions.

use super::machine;
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// A flag that one CPU at a time can have.
#[derive(Debug)]
pub struct RawLock {
    taken: AtomicU32,
}

impl RawLock {
    pub const fn new() -> Self {
        Self {
            taken: AtomicU32::new(0),
        }
    }

    /// Takes the flag, waiting for it. The caller has disabled preemption.
    #[inline(always)]
    pub fn lock(&self) {
        machine::lock(&self.taken);
    }

    /// Takes the flag if it is free.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        self.taken.compare_exchange(0, 1, Acquire, Relaxed).is_ok()
    }

    /// Gives the flag back. The caller has it.
    #[inline(always)]
    pub fn unlock(&self) {
        self.taken.store(0, Release);
    }

    pub fn is_locked(&self) -> bool {
        self.taken.load(Relaxed) != 0
    }
}
