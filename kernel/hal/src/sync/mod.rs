//! Locks that spin, and the guards they are made of.
//!
//! A spin lock is held for a short while by a task that can't be preempted meanwhile. Nothing that may sleep
//! (sleeping locks, user memory, page faults) is allowed while one is held. Which lock to take:
//!
//! * [`SpinLock`]: data that interrupt handlers never touch.
//! * [`IrqSpinLock`]: data that interrupt handlers touch too.
//! * [`RwSpinLock`]: as `SpinLock`, many readers at a time.
//! * [`ReadMostlyLock`]: data spread over many objects ([`TokenCell`]), read by one cheap section for all.

mod irq_spin_lock;
mod per_cpu;
mod preempt;
mod raw_lock;
mod read_mostly;
mod rw_spin_lock;
mod sleep_lock;
mod spin_lock;
#[cfg(test)]
mod tests;

#[cfg(not(target_os = "none"))]
#[path = "machine_host.rs"]
pub(crate) mod machine;
#[cfg(target_os = "none")]
#[path = "machine_aarch64.rs"]
pub(crate) mod machine;

pub use irq_spin_lock::{IrqSpinLock, IrqSpinLockGuard};
pub use per_cpu::{MAX_CPUS, PerCpu};
pub use preempt::{
    ExecutionState, InterruptGuard, PreemptGuard, RESCHEDULE, cpu_id, execution_state,
    preempt_count, preempt_disable, preempt_enable,
};
pub use read_mostly::{ReadMostlyLock, ReadToken, TokenCell, WriteToken};
pub use rw_spin_lock::{RwSpinLock, RwSpinLockReadGuard, RwSpinLockWriteGuard};
pub use sleep_lock::{Park, SleepLock, SleepLockGuard};
pub use spin::{Lazy, Once};
pub use spin_lock::{SpinLock, SpinLockGuard};
