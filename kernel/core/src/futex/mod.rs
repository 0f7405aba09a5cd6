//! Fast user-space locks (futex(2)): sleeping on a word of user memory.
//!
//! * [`key`]: what makes two words the same. [`table`]: who waits on which.
//! * [`operations`]: waiting, waking, requeueing. [`robust`]: locks of threads that died. [`syscalls`].
//!
//! # Locks
//! A bucket's lock is a spin lock, under which the word is read once more (a page that isn't there makes that fail
//! instead of sleep). Two buckets are locked in the order of their indices. Run queues come after.

pub mod key;
pub mod operations;
pub mod robust;
pub mod syscalls;
pub mod table;

pub use operations::wake_at;
