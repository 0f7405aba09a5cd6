//! Free memory in two zones: what every device of the machine reaches, and the rest, which is given out first.

use super::buddy::{Buddy, MAX_ORDER};
use super::metadata::end;

/// Free memory.
pub struct Zones {
    low: Buddy,
    high: Buddy,
    /// The first frame number of the high zone, a multiple of the largest block: no block and no pair of buddies lies
    /// in both.
    boundary: u64,
}

impl Zones {
    /// No memory, and all that comes is low.
    pub const fn new() -> Self {
        Self {
            low: Buddy::new(),
            high: Buddy::new(),
            boundary: u64::MAX,
        }
    }

    /// Sets the first frame number of the high zone, rounded down; while there is no memory.
    pub fn set_boundary(&mut self, number: u64) {
        self.boundary = number >> MAX_ORDER << MAX_ORDER;
    }

    /// Free frames.
    pub fn free_frames(&self) -> u64 {
        self.low.free_frames() + self.high.free_frames()
    }

    /// Takes a block of 2^`order` frames; the number of its first frame. Its metadata is unspecified.
    pub fn allocate(&mut self, order: usize) -> Option<u32> {
        self.high
            .allocate(order)
            .or_else(|| self.low.allocate(order))
    }

    /// Takes a block of 2^`order` frames with numbers below `limit`, out of one zone as a whole: none, if that limit is
    /// within the low zone.
    pub fn allocate_below(&mut self, order: usize, limit: u64) -> Option<u32> {
        if limit >= end() {
            self.allocate(order)
        } else if limit >= self.boundary {
            self.low.allocate(order)
        } else {
            None
        }
    }

    /// Gives a block of 2^`order` frames back, or adds one at boot.
    ///
    /// # Safety
    /// As for [`Buddy::release`].
    pub unsafe fn release(&mut self, block: u32, order: usize) {
        let zone = if u64::from(block) < self.boundary {
            &mut self.low
        } else {
            &mut self.high
        };
        // SAFETY: as the caller promises.
        unsafe { zone.release(block, order) };
    }
}
