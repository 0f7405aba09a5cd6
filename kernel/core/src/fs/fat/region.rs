//! Pages of a part of the volume that is where it is: the table, and the root directory of FAT12 and FAT16.

use super::transfer::Transfer;
use crate::Result;
use crate::block::{Operation, Volume};
use crate::vfs::page_cache::{PAGE_SIZE, PageCache, PageStore};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hadris_fat_raw::Geometry;
use hal::frame::Frame;

/// A region and its copies.
struct Region {
    volume: Arc<Volume>,
    /// Where it begins, in bytes; it is read from the first place and written to all.
    copies: Vec<u64>,
    /// Bytes, whole sectors.
    size: u64,
}

/// The pages of a region of `size` bytes.
///
/// # Errors
/// `ENOMEM`.
pub fn pages(
    volume: &Arc<Volume>,
    copies: Vec<u64>,
    size: u64,
    geometry: &Geometry,
) -> Result<Arc<PageCache>> {
    let region = Region {
        volume: volume.clone(),
        copies,
        size: size.next_multiple_of(geometry.sector_size().into()),
    };
    PageCache::with_store(size, Box::new(region))
}

impl Region {
    fn length(&self, index: u64) -> usize {
        let start = index * PAGE_SIZE as u64;
        self.size.saturating_sub(start).min(PAGE_SIZE as u64) as usize
    }
}

impl PageStore for Region {
    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()> {
        let mut transfer = Transfer::new(Operation::Read);
        let start = self.copies.first().copied().unwrap_or(0);
        for (index, frame) in (first..).zip(frames) {
            let length = self.length(index);
            frame.fill_zero(length, PAGE_SIZE - length);
            transfer.add(start + index * PAGE_SIZE as u64, frame, 0, length)?;
        }
        transfer.submit(&self.volume)
    }

    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()> {
        let mut transfer = Transfer::new(Operation::Write);
        for start in &self.copies {
            for (index, frame) in pages {
                let position = start + index * PAGE_SIZE as u64;
                transfer.add(position, frame, 0, self.length(*index))?;
            }
        }
        transfer.submit(&self.volume)
    }

    fn flush(&self) -> Result<()> {
        self.volume.flush()
    }
}
