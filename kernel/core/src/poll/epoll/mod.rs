//! epoll(7): a set of files of interest that remembers which may be ready.
//!
//! Each [`Interest`](interest::Interest) is registered on its file's wait queues for as long as it is in the set. A
//! wake-up puts it on the instance's ready list, so a wait looks at ready files only, however many there are. An
//! interest is on the list at most once; the list's room is set aside when an interest is added, for wake-ups come
//! from interrupts too, where nothing can be allocated.
//!
//! Locks, outermost first: the nesting lock (adding one instance to another), an instance's set of interests, a
//! ready list. Files are asked for their readiness under the lock of the set at most.

mod control;
mod instance;
mod interest;
mod nesting;
mod ready;
pub mod syscalls;
#[cfg(test)]
mod tests;

pub use instance::Epoll;
