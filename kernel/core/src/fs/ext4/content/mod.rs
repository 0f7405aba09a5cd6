//! Content of regular files: pages that the page cache loads and writes back.

mod range;
mod size;
mod transfer;
mod write;

pub use range::{allocate, discard};
pub use size::{end_block, free_blocks, truncate};

use super::node::Node;
use crate::block::{Operation, Segment};
use crate::vfs::page_cache::{PAGE_SIZE, PageStore};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::frame::Frame;
use transfer::Transfer;

/// What keeps the pages of a regular file.
pub struct Content(pub Arc<Node>);

/// A block of a file that is in a page.
#[derive(Clone, Copy)]
struct Piece {
    /// The block, counted in the file.
    block: u32,
    /// Where it is in its page, in bytes.
    offset: usize,
}

/// The blocks of a page.
///
/// # Errors
/// `EFBIG` for a page that no block number reaches.
fn pieces(page: u64, block_size: usize) -> Result<impl Iterator<Item = Piece>> {
    let count = PAGE_SIZE / block_size;
    let first = page
        .checked_mul(count as u64)
        .and_then(|first| u32::try_from(first).ok())
        .filter(|first| first.checked_add(count as u32).is_some())
        .ok_or(Errno::EFBIG)?;
    Ok((0..count).map(move |index| Piece {
        block: first + index as u32,
        offset: index * block_size,
    }))
}

/// Where blocks of a file are, asked for in ascending order: the tree is walked once for an extent.
struct Places<'a> {
    node: &'a Node,
    known: Option<(u32, super::extents::Mapping)>,
}

impl<'a> Places<'a> {
    fn of(node: &'a Node) -> Self {
        Self { node, known: None }
    }

    /// Where a block is, if anywhere, and whether it holds data.
    fn find(&mut self, block: u32) -> Result<(Option<u64>, bool)> {
        let covers = |(first, mapping): &(u32, super::extents::Mapping)| {
            block >= *first && block - first < mapping.count
        };
        let (first, mapping) = match self.known.filter(covers) {
            Some(known) => known,
            None => (block, self.node.find(block)?),
        };
        self.known = Some((first, mapping));
        let start = mapping.start.map(|start| start + u64::from(block - first));
        Ok((start, mapping.written))
    }
}

impl PageStore for Content {
    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()> {
        let node = &*self.0;
        let instance = &node.instance;
        let block_size = instance.geometry.block_size;
        let size = node.size().unwrap_or(0);
        let mut transfer = Transfer::default();
        let mut places = Places::of(node);
        for (page, frame) in (first..).zip(frames) {
            if page.saturating_mul(PAGE_SIZE as u64) >= size {
                frame.fill_zero(0, PAGE_SIZE);
                continue;
            }
            for piece in pieces(page, block_size)? {
                match places.find(piece.block)? {
                    (Some(block), true) => {
                        let segment = Segment {
                            frame,
                            offset: piece.offset,
                            length: block_size,
                        };
                        transfer.add(instance.geometry.sector(block), segment)?;
                    }
                    _ => frame.fill_zero(piece.offset, block_size),
                }
            }
        }
        transfer.submit(&instance.volume, Operation::Read)?;
        // What is beyond the end on the disk may be anything.
        let last = size / PAGE_SIZE as u64;
        let used = (size % PAGE_SIZE as u64) as usize;
        let place = last.checked_sub(first).map(|place| place as usize);
        if let Some(frame) = place.and_then(|place| frames.get(place)) {
            frame.fill_zero(used, PAGE_SIZE - used);
        }
        Ok(())
    }

    fn reserve(&self, index: u64) -> Result<()> {
        let node = &*self.0;
        let mut places = Places::of(node);
        let mut is_there = true;
        for piece in pieces(index, node.instance.geometry.block_size)? {
            is_there &= places.find(piece.block)?.0.is_some();
        }
        if !is_there {
            let count = node.instance.blocks_per_page();
            if node.promise(index, count).is_err() {
                // What was deleted last may not be free yet.
                node.instance.free_unused();
                node.promise(index, count)?;
            }
        }
        node.instance.mark_dirty(node);
        Ok(())
    }

    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()> {
        write::write(&self.0, pages)
    }

    fn flush(&self) -> Result<()> {
        let node = &*self.0;
        if let Some(inode) = node.inode() {
            super::inode::store(&inode, node)?;
        }
        node.instance.commit()
    }
}
