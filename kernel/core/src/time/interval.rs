//! The interval timers of setitimer(2): their signals.

use alloc::sync::{Arc, Weak};

use super::alarm::AlarmOwner;
use crate::signal::{self, Origin, Signal, SignalInfo};
use crate::task::Process;

/// One of a process's interval timers.
pub struct IntervalTimer {
    process: Weak<Process>,
    signal: Signal,
}

impl IntervalTimer {
    /// Interval timer `which` (ITIMER_REAL 0, ITIMER_VIRTUAL 1, ITIMER_PROF 2) of a process.
    pub(super) fn new(process: &Arc<Process>, which: usize) -> IntervalTimer {
        IntervalTimer {
            process: Arc::downgrade(process),
            signal: match which {
                0 => Signal::SIGALRM,
                1 => Signal::SIGVTALRM,
                _ => Signal::SIGPROF,
            },
        }
    }
}

impl AlarmOwner for IntervalTimer {
    fn expired(&self, _count: u64) {
        if let Some(process) = self.process.upgrade() {
            // A standard signal always fits.
            let _ = signal::to_process(&process, SignalInfo::kernel(self.signal), Origin::Kernel);
        }
    }
}
