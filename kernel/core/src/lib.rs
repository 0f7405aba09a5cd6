//! The portable kernel: tasks, memory, files, contexts and system calls.
//!
//! Everything here is safe code over [`hal`]. On the development host the crate compiles against hal's
//! simulation of a machine, which is how its policies are unit-tested.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod block;
pub mod context;
pub mod errno;
pub mod exec;
pub mod fs;
pub mod futex;
pub mod heap;
pub mod hooks;
pub mod log;
pub mod memory;
pub mod poll;
pub mod sched;
pub mod screen;
pub mod signal;
pub mod socket;
pub mod start;
pub mod syscall;
pub mod system;
pub mod task;
pub mod time;
pub mod tty;
pub mod vfs;

pub use errno::{Errno, Result};
pub use hooks::KernelHooks;
pub use start::start;
