//! Ranges of files that get room beforehand, or become holes (fallocate(2)).

use super::super::extents::{self, Extent, Tree};
use super::super::node::Node;
use super::size::{end_block, free_blocks};
use crate::vfs::kind::FileKind;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::{Errno, Result};

/// A change of the tree, the bitmap and descriptor of the new blocks, and the inode.
const CREDITS: u32 = extents::CREDITS + 3;
/// Most blocks of an extent that isn't written.
const LONGEST: u32 = 32767;

/// Gives the holes of a range blocks, which read as zeros until they are written.
///
/// # Errors
/// `ENOSPC`, `EFBIG`, `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`; what was given before stays.
pub fn allocate(node: &Node, start: u64, end: u64) -> Result<()> {
    let instance = &node.instance;
    let block_size = instance.geometry.block_size;
    let end = end_block(end, block_size)?;
    let mut block = u32::try_from(start / block_size as u64).map_err(|_| Errno::EFBIG)?;
    let _layout = node.layout.lock();
    while block < end {
        let mapping = node.find(block)?;
        let wanted = mapping.count.min(end - block);
        if mapping.start.is_some() {
            block += wanted;
            continue;
        }
        let wanted = wanted.min(LONGEST);
        let near = Tree::of(instance, node.number);
        let result = instance.update(CREDITS, |update| {
            instance.check_room(wanted.into())?;
            let _extents = node.extents.lock();
            let goal = near.goal(block)?.unwrap_or(0);
            let claim = instance.claim(goal, wanted)?;
            let extent = Extent {
                first: block,
                count: claim.count(),
                start: claim.start(),
                written: false,
            };
            near.insert(update, extent)?;
            claim.settle(update)?;
            instance.change_inode(update, node.number, |inode| {
                inode.add_blocks(extent.count.into(), block_size)
            })?;
            Ok(extent.count)
        });
        block += result.map_err(|error| node.judge(error, "the extent tree"))?;
    }
    Ok(())
}

/// Makes a range a hole: whole pages lose their blocks, parts of pages become zeros.
///
/// # Errors
/// `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`; the range is partly a hole then.
pub fn discard(node: &Node, pages: &PageCache, start: u64, end: u64) -> Result<()> {
    let page = PAGE_SIZE as u64;
    let block_size = node.instance.geometry.block_size as u64;
    pages.discard(start, end)?;
    let (first, last) = (start.div_ceil(page), end / page);
    if first >= last {
        return Ok(());
    }
    let layout = node.layout.lock();
    node.keep_promises(first, last);
    let Ok(first_block) = u32::try_from(first * page / block_size) else {
        // No file has blocks there.
        return Ok(());
    };
    let end_block = (last * page / block_size).min(1 << 32);
    free_blocks(node, FileKind::Regular, first_block, end_block)?;
    drop(layout);
    // Somebody may have read old content since the pages went.
    pages.discard(first * page, last * page)?;
    node.keep_promises(first, last);
    Ok(())
}
