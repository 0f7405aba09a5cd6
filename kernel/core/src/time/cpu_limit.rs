//! RLIMIT_CPU: what a process gets that uses more CPU time than it may.

use alloc::sync::{Arc, Weak};

use super::alarm::AlarmOwner;
use super::clock::{Clock, CpuTimeKind};
use super::value::SECOND;
use crate::signal::{self, Origin, Signal, SignalInfo};
use crate::task::{Process, Resource};

/// Watches over one process. Its alarm goes off at the soft limit and every second from then on.
pub struct CpuLimit(Weak<Process>);

impl CpuLimit {
    pub(super) fn new(process: &Arc<Process>) -> Self {
        Self(Arc::downgrade(process))
    }
}

impl AlarmOwner for CpuLimit {
    fn expired(&self, _count: u64) {
        let Some(process) = self.0.upgrade() else {
            return;
        };
        let used = Clock::Process(process.clone(), CpuTimeKind::Both).now() / SECOND;
        let limit = process.limits().lock().get(Resource::CpuTime);
        let signal = if used >= limit.hard {
            Signal::SIGKILL
        } else if used >= limit.soft {
            Signal::SIGXCPU
        } else {
            return;
        };
        // A standard signal always fits.
        let _ = signal::to_process(&process, SignalInfo::kernel(signal), Origin::Kernel);
    }
}
