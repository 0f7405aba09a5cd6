//! Processes and threads.

pub mod credentials;
pub mod limits;
pub mod process;
pub mod thread;

pub use credentials::Credentials;
pub use limits::{Limit, Limits, Resource};
pub use process::{CommandName, Process};
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
