//! Readiness of files, and how a caller hears of it (poll(2)).

use crate::heap::MakeRoom;
use crate::sched::{WaitQueue, Waiter, WaiterHandle};
use alloc::sync::Arc;
use bitflags::bitflags;
use smallvec::SmallVec;

bitflags! {
    /// Readiness, with the numbers of poll(2); epoll's are the same.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PollEvents: u32 {
        /// Can be read without waiting.
        const READABLE = 0x1;
        /// Out-of-band data.
        const PRIORITY = 0x2;
        /// Can be written without waiting.
        const WRITABLE = 0x4;
        /// An error, such as a pipe without readers.
        const ERROR = 0x8;
        /// The other end is gone.
        const HANG_UP = 0x10;
        /// Not an open descriptor.
        const INVALID = 0x20;
        /// As `READABLE`.
        const READ_NORMAL = 0x40;
        /// As `WRITABLE`.
        const WRITE_NORMAL = 0x100;
        /// The other end closed its writing side.
        const READ_HANG_UP = 0x2000;
    }
}

impl PollEvents {
    /// Both bits that say readable.
    pub const IN: Self = Self::READABLE.union(Self::READ_NORMAL);
    /// Both bits that say writable.
    pub const OUT: Self = Self::WRITABLE.union(Self::WRITE_NORMAL);
}

/// A caller's interest in a file's readiness: the wait queues on which it is told. Dropping it ends the interest.
pub struct PollRegistration {
    waiter: Arc<dyn Waiter>,
    handles: SmallVec<[WaiterHandle; 2]>,
    failed: bool,
}

impl PollRegistration {
    /// Interest of this waiter, in nothing yet.
    pub fn new(waiter: Arc<dyn Waiter>) -> Self {
        Self {
            waiter,
            handles: SmallVec::new(),
            failed: false,
        }
    }

    /// Be told when this queue is woken. A file does this before it looks at its state, so that no change between
    /// the two is missed.
    pub fn watch(&mut self, queue: &WaitQueue) {
        match queue.register(&self.waiter) {
            Ok(handle) if self.handles.make_room(1).is_ok() => self.handles.push(handle),
            _ => self.failed = true,
        }
    }

    /// Whether some queue could not be watched for want of memory: waiting would be for ever.
    pub fn has_failed(&self) -> bool {
        self.failed
    }
}
