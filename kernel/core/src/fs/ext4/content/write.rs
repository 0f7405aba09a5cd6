//! Writing pages back. Blocks are chosen, the data is written to them, and only then do they become the file's: no file
//! ever shows what was in a block before, whenever the power goes.

use super::super::allocation::Claim;
use super::super::extents::{self, Extent, Tree};
use super::super::node::Node;
use super::transfer::Transfer;
use super::{Piece, Places, pieces};
use crate::block::{Operation, Segment};
use crate::heap::MakeRoom;
use crate::vfs::page_cache::PAGE_SIZE;
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use hal::frame::Frame;

/// A change of the tree, the bitmap and descriptor of the new blocks, and the inode.
const CREDITS: u32 = extents::CREDITS + 3;

/// A run of a file's blocks.
struct Run {
    first: u32,
    count: u32,
}

/// Adds a block to runs in ascending order.
fn extend(runs: &mut Vec<Run>, block: u32) -> Result<()> {
    match runs.last_mut() {
        Some(run) if run.first + run.count == block => run.count += 1,
        _ => {
            runs.make_room(1)?;
            runs.push(Run {
                first: block,
                count: 1,
            });
        }
    }
    Ok(())
}

/// Writes pages of a file, in ascending order.
///
/// # Errors
/// `EIO`, `ENOSPC`, `ENOMEM`, `EUCLEAN`; `EROFS` on an instance that can't be written any more.
pub fn write(node: &Node, pages: &[(u64, Frame)]) -> Result<()> {
    let _layout = node.layout.lock();
    let result = write_locked(node, pages);
    for (page, _) in pages {
        node.keep_promises(*page, page + 1);
    }
    result
}

fn write_locked(node: &Node, pages: &[(u64, Frame)]) -> Result<()> {
    let instance = &node.instance;
    if instance.is_damaged.load(Relaxed) {
        return Err(Errno::EROFS);
    }
    let geometry = &instance.geometry;
    let block_size = geometry.block_size;
    // Of a file whose pages go while they are written nothing is kept.
    let size = node.size().unwrap_or(0);
    let mut transfer = Transfer::default();
    let mut places = Places::of(node);
    let (mut missing, mut unwritten): (Vec<Run>, Vec<Run>) = (Vec::new(), Vec::new());
    for (page, frame) in pages {
        for piece in pieces(*page, block_size)? {
            if u64::from(piece.block) * block_size as u64 >= size {
                break;
            }
            let (place, is_written) = places.find(piece.block)?;
            let Some(place) = place else {
                extend(&mut missing, piece.block)?;
                continue;
            };
            if !is_written {
                extend(&mut unwritten, piece.block)?;
            }
            transfer.add(geometry.sector(place), segment(frame, piece, block_size))?;
        }
    }
    let placed = place(node, &missing)?;
    for (extent, _) in &placed {
        for offset in 0..extent.count {
            let (frame, piece) =
                find_piece(pages, extent.first + offset, block_size).ok_or(Errno::EIO)?;
            let sector = geometry.sector(extent.start + u64::from(offset));
            transfer.add(sector, segment(frame, piece, block_size))?;
        }
    }
    transfer.submit(&instance.volume, Operation::Write)?;
    for (extent, claim) in placed {
        enter(node, extent, claim, size)?;
    }
    for run in &unwritten {
        set_written(node, run, size)?;
    }
    let last = pages.last().map_or(0, |(page, _)| page + 1);
    super::size::grow(node, size.min(last.saturating_mul(PAGE_SIZE as u64)))
}

fn segment(frame: &Frame, piece: Piece, block_size: usize) -> Segment<'_> {
    Segment {
        frame,
        offset: piece.offset,
        length: block_size,
    }
}

/// The page that holds a block of the file.
fn find_piece(pages: &[(u64, Frame)], block: u32, block_size: usize) -> Option<(&Frame, Piece)> {
    let position = u64::from(block) * block_size as u64;
    let page = position / PAGE_SIZE as u64;
    let place = pages
        .binary_search_by_key(&page, |(index, _)| *index)
        .ok()?;
    let piece = Piece {
        block,
        offset: (position % PAGE_SIZE as u64) as usize,
    };
    Some((&pages.get(place)?.1, piece))
}

/// Chooses blocks for runs of the file that have none.
fn place<'a>(node: &'a Node, missing: &[Run]) -> Result<Vec<(Extent, Claim<'a>)>> {
    let instance = &node.instance;
    let mut placed: Vec<(Extent, Claim<'_>)> = Vec::new();
    for run in missing {
        let mut done = 0;
        while done < run.count {
            let first = run.first + done;
            let goal = goal(node, first)?;
            let claim = match instance.claim(goal, run.count - done) {
                // What was freed may be taken once that is certain.
                Err(Errno::ENOSPC) if instance.groups.pending() > 0 => {
                    instance.commit()?;
                    instance.claim(goal, run.count - done)
                }
                claim => claim,
            }?;
            node.goal
                .store(claim.start() + u64::from(claim.count()), Relaxed);
            let extent = Extent {
                first,
                count: claim.count(),
                start: claim.start(),
                written: true,
            };
            placed.make_room(1)?;
            done += claim.count();
            placed.push((extent, claim));
        }
    }
    Ok(placed)
}

/// Where a block of the file would best be: behind the one before it, or else near the inode.
fn goal(node: &Node, block: u32) -> Result<u64> {
    let last = node.goal.load(Relaxed);
    if last != 0 {
        return Ok(last);
    }
    let instance = &node.instance;
    let extents = node.extents.lock();
    let near = Tree::of(instance, node.number)
        .goal(block)
        .map_err(|error| node.judge(error, "the extent tree"))?;
    drop(extents);
    let own = instance
        .groups
        .inode_place(&instance.geometry, node.number)?;
    Ok(near.unwrap_or(own.block))
}

/// Makes blocks the file's, which hold their data already.
fn enter(node: &Node, extent: Extent, claim: Claim<'_>, size: u64) -> Result<()> {
    let instance = &node.instance;
    let block_size = instance.geometry.block_size;
    let mut claim = Some(claim);
    let result = instance.update(CREDITS, |update| {
        let _extents = node.extents.lock();
        Tree::of(instance, node.number).insert(update, extent)?;
        claim.take().ok_or(Errno::EIO)?.settle(update)?;
        instance.change_inode(update, node.number, |inode| {
            inode.add_blocks(extent.count.into(), block_size)?;
            let end = size.min(extent.end() * block_size as u64);
            inode.set_size(inode.size().max(end));
            Ok(())
        })
    });
    result.map_err(|error| node.judge(error, "the extent tree"))
}

/// Notes that a run of blocks which read as zeros before hold their data.
fn set_written(node: &Node, run: &Run, size: u64) -> Result<()> {
    let instance = &node.instance;
    let block_size = instance.geometry.block_size;
    let mut done = 0;
    while done < run.count {
        let first = run.first + done;
        let count = node.find(first)?.count.min(run.count - done);
        let result = instance.update(CREDITS, |update| {
            let _extents = node.extents.lock();
            Tree::of(instance, node.number).set_written(update, first, count)?;
            instance.change_inode(update, node.number, |inode| {
                let end = (u64::from(first) + u64::from(count)) * block_size as u64;
                inode.set_size(inode.size().max(size.min(end)));
                Ok(())
            })
        });
        result.map_err(|error| node.judge(error, "the extent tree"))?;
        done += count;
    }
    Ok(())
}
