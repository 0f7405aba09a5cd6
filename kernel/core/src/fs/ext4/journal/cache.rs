//! The metadata blocks of a volume that are in memory.

use super::block::MetadataBlock;
use super::medium::Medium;
use crate::Result;
use crate::vfs::page_cache::write_back;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use hal::frame;
use hal::sync::SpinLock;

/// Blocks by their number. A changed one is kept by the transaction that changed it, until it has been written home; one
/// that only the cache has is as on the volume, and may be dropped.
pub struct BlockCache {
    blocks: SpinLock<BTreeMap<u64, Arc<MetadataBlock>>>,
}

impl BlockCache {
    /// An empty one.
    pub const fn new() -> Self {
        Self {
            blocks: SpinLock::new(BTreeMap::new()),
        }
    }

    /// A block, read from the volume if it isn't there.
    ///
    /// # Errors
    /// `EUCLEAN` for one beyond the volume; `EIO`, `ENOMEM`.
    pub fn get(&self, medium: &Medium, number: u64) -> Result<Arc<MetadataBlock>> {
        let block = self.entry(medium, number)?;
        block.load(medium)?;
        Ok(block)
    }

    /// A block that becomes zeros, and isn't read.
    ///
    /// # Errors
    /// `EUCLEAN` for one beyond the volume; `ENOMEM`.
    pub fn get_cleared(&self, medium: &Medium, number: u64) -> Result<Arc<MetadataBlock>> {
        let block = self.entry(medium, number)?;
        block.clear();
        Ok(block)
    }

    fn entry(&self, medium: &Medium, number: u64) -> Result<Arc<MetadataBlock>> {
        if let Some(block) = self.blocks.lock().get(&number) {
            return Ok(block.clone());
        }
        medium.check(number)?;
        write_back::leave_memory();
        frame::headroom()?;
        let new = MetadataBlock::new(number, medium.block_size())?;
        // Somebody else may have been faster.
        Ok(self.blocks.lock().entry(number).or_insert(new).clone())
    }

    /// Takes a block out, whose content has no meaning any more.
    pub fn remove(&self, number: u64) -> Option<Arc<MetadataBlock>> {
        self.blocks.lock().remove(&number)
    }

    /// How many blocks there are.
    pub fn count(&self) -> usize {
        self.blocks.lock().len()
    }

    /// Drops up to `count` blocks that nobody has, from number `from` on: those that weren't used since it last came by.
    /// Returns how many, and where to go on, if there is more. Never waits.
    pub fn drop_clean(&self, from: u64, count: u64) -> (u64, Option<u64>) {
        let (mut next, mut dropped) = (from, 0);
        while dropped < count {
            let mut blocks = self.blocks.lock();
            let Some((&number, block)) = blocks.range(next..).next() else {
                return (dropped, None);
            };
            next = number + 1;
            // Shares are only made of the cache's own, under its lock.
            let is_idle = Arc::strong_count(block) == 1 && !block.take_used();
            let gone = if is_idle {
                blocks.remove(&number)
            } else {
                None
            };
            drop(blocks);
            dropped += u64::from(gone.is_some());
        }
        (dropped, Some(next))
    }
}
