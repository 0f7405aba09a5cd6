//! A thread: what the scheduler runs, with what belongs to it alone.

use super::{Credentials, Process};
use crate::sched::Entity;
use crate::signal::ThreadSignals;
use alloc::sync::Arc;
use hal::sync::SpinLock;

/// What the kernel keeps with each thread.
pub struct Thread {
    host_tid: u32,
    process: Arc<Process>,
    signals: ThreadSignals,
    scheduling: Entity,
    credentials: SpinLock<Arc<Credentials>>,
}

impl Thread {
    /// The host's number of the thread.
    pub fn host_tid(&self) -> u32 {
        self.host_tid
    }

    /// The process it belongs to.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// Its own signals.
    #[inline]
    pub fn signals(&self) -> &ThreadSignals {
        &self.signals
    }

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
