//! Processes and threads.
//!
//! * [`process`], [`thread`]: what the kernel keeps with each. [`registry`]: who bears which number.
//! * [`family`]: parents, children and process groups, over the pure [`tree`]; [`group`]: groups and sessions.
//! * [`create`], [`exit`], [`wait`]: the life of both. [`lookup`]: from a program's numbers to processes.
//! * [`inspection`]: who may look into which.
//! * [`credentials`] with [`capability`] and [`secure_bits`], [`limits`], [`usage`], [`name`], [`user_tasks`],
//!   [`memory_score`]: what each carries.
//!
//! # Locks, outermost first
//! The family's tree (masks interrupts), a process's `shared` (masks interrupts), a thread's pending signals (masks
//! interrupts). The registry's numbers, a process's limits, accounts and names and a thread's credentials, resources
//! and name are leaves. Nothing that may sleep happens with any of them held.

pub mod capability;
pub mod clone_flags;
pub mod create;
pub mod credentials;
pub mod exit;
pub mod family;
pub mod group;
pub mod inspection;
pub mod limits;
pub mod lookup;
pub mod memory_score;
pub mod name;
pub mod process;
pub mod process_descriptor;
pub mod registry;
pub mod secure_bits;
pub mod syscalls;
pub mod thread;
pub mod tree;
pub mod usage;
pub mod user_tasks;
pub mod wait;

pub use capability::{Capability, CapabilitySet};
pub use credentials::Credentials;
pub use group::{ProcessGroup, Session};
pub use limits::{Limit, Limits, Resource};
pub use lookup::{
    find_group, find_process, find_process_or_self, find_session, find_thread, find_thread_or_self,
};
pub use name::CommandName;
pub use process::{Process, ProcessFlags};
pub use secure_bits::SecureBits;
pub use thread::Thread;

use alloc::sync::Arc;

/// The running thread.
pub type Current = hal::task::CurrentRef<Thread>;

/// A counted reference to a thread.
pub type ThreadRef = Arc<hal::task::Task<Thread>>;

/// The running thread.
#[inline]
pub fn current() -> Current {
    hal::task::current::<Thread>()
}
