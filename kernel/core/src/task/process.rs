//! A process: what its threads share.

use super::limits::{Limits, Resource};
use super::ThreadRef;
use crate::sched::WaitQueue;
use crate::signal::state::Shared;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use hal::sync::{IrqSpinLock, SpinLock};

/// The command name of a process: up to 15 bytes (prctl(2), PR_SET_NAME).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CommandName {
    bytes: [u8; 15],
    length: u8,
}

impl CommandName {
    /// The name made of the first 15 of these bytes.
    pub fn new(name: &[u8]) -> Self {
        let mut bytes = [0; 15];
        let length = name.len().min(bytes.len());
        bytes[..length].copy_from_slice(&name[..length]);
        Self { bytes, length: length as u8 }
    }

    /// The bytes of the name, without a NUL.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.length)]
    }
}

/// What the kernel keeps with each process. It lives from its creation until its parent has waited for it.
pub struct Process {
    host_pid: u32,
    start_time: u64,
    shared: IrqSpinLock<Shared>,
    /// Which signals are pending for the process as a whole; written under `shared`.
    pub(crate) pending_set: AtomicU64,
    limits: SpinLock<Limits>,
    /// Woken when a child changes state.
    pub(crate) child_changed: WaitQueue,
    /// Woken when a stopped process goes on or must end, and when its threads have become fewer.
    pub(crate) state_changed: WaitQueue,
}

impl Process {
    /// The host's number of the process.
    pub fn host_pid(&self) -> u32 {
        self.host_pid
    }

    /// When it was made, ns since boot.
    pub fn start_time(&self) -> u64 {
        self.start_time
    }

    /// What its threads share of signals and life. Masks interrupts; see `signal` for the order of locks.
    pub fn shared(&self) -> &IrqSpinLock<Shared> {
        &self.shared
    }

    /// What holds now for a resource.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits.lock().get(resource).soft
    }

    /// All limits.
    pub fn limits(&self) -> &SpinLock<Limits> {
        &self.limits
    }

    /// Any living thread, the oldest first.
    pub fn any_thread(&self) -> Option<ThreadRef> {
        self.shared.lock().threads.first().cloned()
    }

    /// The signals pending for the process as a whole, without the lock.
    pub fn pending_set(&self) -> crate::signal::SignalSet {
        crate::signal::SignalSet(self.pending_set.load(Relaxed))
    }
}
