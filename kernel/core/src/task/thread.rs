//! A thread: what the scheduler runs, with what belongs to it alone.

use super::Credentials;
use crate::sched::Entity;
use alloc::sync::Arc;
use hal::sync::SpinLock;

/// What the kernel keeps with each thread.
pub struct Thread {
    scheduling: Entity,
    credentials: SpinLock<Arc<Credentials>>,
}

impl Thread {
    /// The scheduler's part.
    #[inline]
    pub fn scheduling(&self) -> &Entity {
        &self.scheduling
    }

    /// Who the thread acts for.
    #[inline]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// Makes the thread's address space the one of this CPU.
    pub(crate) fn activate_address_space(&self) {}

    /// Whether a signal waits for the thread that it doesn't block.
    pub fn signal_pending(&self) -> bool {
        false
    }

    /// Whether the thread is to end.
    pub fn is_killed(&self) -> bool {
        false
    }
}
