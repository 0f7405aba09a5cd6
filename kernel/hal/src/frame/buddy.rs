//! The buddy allocator: free memory in blocks of 2^order frames, aligned to their size.
//!
//! Free blocks of an order form a doubly linked list whose links lie in the blocks' first bytes. A block's
//! first frame says in its metadata that it is free and of which order, so a freed block finds at once
//! whether its buddy (the other half of the next larger block) is free too, and merges with it.

use super::machine::linear_address;
use super::metadata::{FREE, covers, metadata};
use core::sync::atomic::Ordering::Relaxed;

/// The largest blocks have 2^10 frames (4 MiB).
pub const MAX_ORDER: usize = 10;

/// Frame number 0 is never managed: it means "none" in links.
const NONE: u32 = 0;

/// Free memory.
pub struct Buddy {
    /// First block of each order's list.
    heads: [u32; MAX_ORDER + 1],
    /// Bit `order` is set if that list isn't empty.
    occupied: u32,
    /// Frames in all lists.
    free: u64,
}

/// The links at the start of a free block.
#[repr(C)]
#[derive(Clone, Copy)]
struct Links {
    next: u32,
    previous: u32,
}

/// The links of a block.
///
/// # Safety
/// The block is free and belongs to the allocator whose lock is held.
unsafe fn links(block: u32) -> *mut Links {
    linear_address(u64::from(block) << super::FRAME_SHIFT).cast()
}

impl Buddy {
    /// No memory.
    pub const fn new() -> Self {
        Self {
            heads: [NONE; MAX_ORDER + 1],
            occupied: 0,
            free: 0,
        }
    }

    /// Frames in the lists.
    pub fn free_frames(&self) -> u64 {
        self.free
    }

    /// Takes a block of 2^`order` frames; the number of its first frame. Its metadata is unspecified.
    pub fn allocate(&mut self, order: usize) -> Option<u32> {
        let candidates = self.occupied & (u32::MAX << order);
        if order > MAX_ORDER || candidates == 0 {
            return None;
        }
        let mut found = candidates.trailing_zeros() as usize;
        let block = self.heads[found];
        self.unlink(block, found);
        while found > order {
            found -= 1;
            self.link(block + (1 << found), found);
        }
        self.free -= 1 << order;
        Some(block)
    }

    /// Gives a block of 2^`order` frames back, or adds one at boot.
    ///
    /// # Safety
    /// The frames from number `block` (not 0, a multiple of the size) on are RAM in the linear map with
    /// metadata, and nobody else uses them.
    pub unsafe fn release(&mut self, block: u32, order: usize) {
        let (mut block, mut order) = (block, order);
        self.free += 1 << order;
        while order < MAX_ORDER {
            let buddy = block ^ (1 << order);
            if !covers(u64::from(buddy)) {
                break;
            }
            // SAFETY: covered by the metadata.
            let state = unsafe { metadata(u64::from(buddy)) }.state.load(Relaxed);
            if state != FREE | order as u32 {
                break;
            }
            self.unlink(buddy, order);
            block &= buddy;
            order += 1;
        }
        self.link(block, order);
    }

    fn link(&mut self, block: u32, order: usize) {
        let head = self.heads[order];
        // SAFETY: the block is free and ours, and so is the head of a list; both have metadata.
        unsafe {
            metadata(u64::from(block))
                .state
                .store(FREE | order as u32, Relaxed);
            links(block).write(Links {
                next: head,
                previous: NONE,
            });
            if head != NONE {
                (*links(head)).previous = block;
            }
        }
        self.heads[order] = block;
        self.occupied |= 1 << order;
    }

    fn unlink(&mut self, block: u32, order: usize) {
        // SAFETY: the block is in a list of ours, and so are its neighbours; all have metadata.
        unsafe {
            metadata(u64::from(block)).state.store(0, Relaxed);
            let Links { next, previous } = links(block).read();
            if next != NONE {
                (*links(next)).previous = previous;
            }
            if previous != NONE {
                (*links(previous)).next = next;
            } else {
                self.heads[order] = next;
                if next == NONE {
                    self.occupied &= !(1 << order);
                }
            }
        }
    }
}
