//! Waiting for several files at once: poll, select, epoll; and the descriptors made to be waited for, eventfd and
//! signalfd.
//!
//! A file tells readiness by [`crate::vfs::FileOperations::poll`] and takes a registration with a waiter for its wait
//! queues. A call that waits looks at all files without registering first: most calls find something ready and
//! then cost no allocation.

pub mod epoll;
pub mod eventfd;
pub mod select;
pub mod signalfd;
pub mod syscalls;
mod temporary_mask;
mod wait;

pub use wait::wait_for;
