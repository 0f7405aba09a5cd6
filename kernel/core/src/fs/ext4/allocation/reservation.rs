//! Room for pages that have been written to and get their blocks later.

use super::super::instance::Instance;
use crate::task::{Capability, Thread};
use crate::vfs::page_cache::PAGE_SIZE;
use crate::{Errno, Result};
use core::sync::atomic::Ordering::Relaxed;

/// Of the blocks that are promised, this part is kept for extent trees, and a few more.
const TREES: u64 = 64;
const MARGIN: u64 = 8;

impl Instance {
    /// Blocks of a page.
    pub fn blocks_per_page(&self) -> u64 {
        (PAGE_SIZE / self.geometry.block_size) as u64
    }

    /// Promises blocks.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub fn reserve(&self, count: u64) -> Result<()> {
        let kept = if self.may_take_all() {
            0
        } else {
            self.geometry.reserved_blocks
        };
        let promised = self.reserved.fetch_add(count, Relaxed) + count;
        let needed = promised + promised / TREES + MARGIN + kept;
        if needed > self.groups.free_blocks() {
            self.unreserve(count);
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    /// Takes a promise back.
    pub fn unreserve(&self, count: u64) {
        self.reserved.fetch_sub(count, Relaxed);
    }

    /// Whether the caller may take the blocks that are kept for the administrator.
    fn may_take_all(&self) -> bool {
        hal::task::try_current::<Thread>().is_none_or(|current| {
            current.is_capable(Capability::SysResource)
                || current.credentials().fsuid == self.geometry.reserved_owner
        })
    }

    /// Refuses what needs a new block when all are promised.
    ///
    /// # Errors
    /// `ENOSPC`.
    pub fn check_room(&self, count: u64) -> Result<()> {
        self.reserve(count)?;
        self.unreserve(count);
        Ok(())
    }
}
