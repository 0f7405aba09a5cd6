//! Safe wrappers of the context calls, and of what a container manager needs to start a process in
//! contexts. For Linux programs on aarch64; on x86_64 too, so that what does not need the context calls
//! can be tested on the machine that builds it.
//!
//! All unsafe code is in `kernel`, the system call instruction and what turns values into its arguments, in
//! `measure`, which is for benchmarks, and in `arbitrary`, which is for attacks.

#[cfg(feature = "std")]
pub mod arbitrary;
pub mod attributes;
pub mod calls;
mod context_descriptor;
mod descriptor;
mod errno;
#[cfg(feature = "std")]
mod fork;
#[cfg(feature = "std")]
pub mod held;
mod kernel;
#[cfg(feature = "measure")]
pub mod measure;
pub mod mount;
pub mod process;
pub mod signal;
#[cfg(feature = "std")]
pub mod stack;
pub mod terminal;

pub use context_descriptor::ContextDescriptor;
pub use descriptor::OwnedDescriptor;
pub use errno::Errno;
#[cfg(feature = "std")]
pub use fork::{fork, fork_and_run};
pub use kernel::syscall6;

/// The result of a system call.
pub type Result<T> = core::result::Result<T, Errno>;
