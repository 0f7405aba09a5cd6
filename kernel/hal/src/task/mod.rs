//! Tasks: what a CPU runs, each on its own kernel stack.
//!
//! # Rules of the switch
//! * A CPU holds one strong reference to the task it runs. [`switch`] takes the reference to the next task and
//!   gives back the reference to the one that ran before on this CPU, in the next task's context: the caller
//!   there (or the kernel's `finish_switch` hook on a first run) does with it what it must.
//! * Interrupts are masked across the switch (an [`InterruptGuard`] is the proof). No spin lock is held
//!   across it. The preempt count belongs to the task, so it may differ on both sides.
//! * A task that another CPU is just switching away from is waited for (`on_cpu`), so a run queue may offer it as
//!   soon as it is runnable. Offering a task that runs and goes on running would wait for ever: a run queue holds
//!   no running task.
//! * A kernel stack is freed with its task, which can't happen while a CPU runs it.

mod current;
mod float;
mod header;
#[cfg(not(target_os = "none"))]
#[path = "host_stack.rs"]
mod stack;
#[cfg(target_os = "none")]
#[path = "stack.rs"]
mod stack;
#[cfg(not(target_os = "none"))]
#[path = "host.rs"]
mod switch;
#[cfg(target_os = "none")]
#[path = "switch.rs"]
mod switch;

pub use crate::sync::{
    InterruptGuard, PreemptGuard, preempt_count, preempt_disable, preempt_enable,
};
pub use current::{CurrentRef, current, try_current};
pub use float::FloatState;
pub use header::{TaskHeader, flags};
#[cfg(target_os = "none")]
pub(crate) use stack::{STACK_SIZE, Stack, is_in_stack};
#[cfg(not(target_os = "none"))]
pub use switch::adopt;
#[cfg(target_os = "none")]
pub(crate) use switch::current_header;
#[cfg(target_os = "none")]
pub(crate) use switch::install_boot_header;
pub use switch::{begin, capture_current, float_state, reset_float_state, set_float_state, switch};
pub use switch::{set_thread_pointer, thread_pointer};

pub use crate::frame::OutOfMemory;
use core::ops::Deref;

/// A task, with the kernel's data `T`. Lives in an `Arc`.
#[repr(C)]
pub struct Task<T> {
    pub(crate) header: TaskHeader,
    data: T,
}

impl<T> Deref for Task<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> Task<T> {
    /// The machine layer's part: flags and where it runs.
    pub fn header(&self) -> &TaskHeader {
        &self.header
    }

    /// Sets flags (see [`flags`]); any CPU may. A task running on another CPU sees them at its next return to
    /// user mode: `cpu::send_reschedule` makes that soon.
    pub fn set_flag(&self, flag: u32) {
        self.header.set_flag(flag);
    }

    /// Clears flags.
    pub fn clear_flag(&self, flag: u32) {
        self.header.clear_flag(flag);
    }

    /// All flags.
    pub fn flags(&self) -> u32 {
        self.header.flags()
    }
}

/// What a new user task takes from its parent besides registers.
#[derive(Clone, Default)]
pub struct UserState {
    pub float: FloatState,
    /// TPIDR_EL0.
    pub thread_pointer: u64,
}
