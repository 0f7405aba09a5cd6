//! The size of a file on the disk, and cutting files.

use super::super::extents::{self, Tree};
use super::super::node::Node;
use super::super::orphans;
use crate::vfs::kind::FileKind;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::{Errno, Result};

/// A change of the tree, and the blocks it gives back: bitmaps and descriptors of at most five groups.
const CREDITS: u32 = extents::CREDITS + 11;

/// Blocks of metadata that are freed by one change.
const METADATA_PIECE: u64 = 64;

/// Raises the size on the disk to what has been written.
pub fn grow(node: &Node, size: u64) -> Result<()> {
    let instance = &node.instance;
    if instance.read_inode(node.number)?.size() >= size {
        return Ok(());
    }
    instance.update(1, |update| {
        instance.change_inode(update, node.number, |inode| {
            inode.set_size(inode.size().max(size));
            Ok(())
        })
    })
}

/// Frees the blocks of a file from `first` to before `end`, the last ones first, in as many changes as it takes. Nobody
/// writes to them: the caller has the lock of the layout, or the only use of the inode.
pub fn free_blocks(node: &Node, kind: FileKind, first: u32, end: u64) -> Result<()> {
    let instance = &node.instance;
    let block_size = instance.geometry.block_size;
    let is_metadata = kind != FileKind::Regular;
    let mut end = end;
    while end > first.into() {
        // The journal is told of each block of metadata that goes: not of too many at once.
        let from = if is_metadata {
            first.max(end.saturating_sub(METADATA_PIECE) as u32)
        } else {
            first
        };
        let result = instance.update(CREDITS, |update| {
            let _extents = node.extents.lock();
            let removed = Tree::of(instance, node.number).remove_last(update, from, end)?;
            let Some((start, count)) = removed else {
                return Ok(true);
            };
            instance.change_inode(update, node.number, |inode| {
                inode.add_blocks(-i64::from(count), block_size)
            })?;
            if is_metadata {
                for block in start..start + u64::from(count) {
                    update.forget(block)?;
                }
            }
            instance.free(update, start, count.into())?;
            Ok(false)
        });
        match result {
            Ok(true) => end = from.into(),
            Ok(false) => {}
            Err(error) => return Err(node.judge(error, "the extent tree")),
        }
    }
    Ok(())
}

/// The first block that no byte below `size` is in.
///
/// # Errors
/// `EFBIG` beyond what block numbers reach.
pub fn end_block(size: u64, block_size: usize) -> Result<u32> {
    u32::try_from(size.div_ceil(block_size as u64)).map_err(|_| Errno::EFBIG)
}

/// Sets the size of a file, which the caller has locked for changes.
///
/// # Errors
/// `EFBIG`, `ENOSPC`, `EIO`, `EUCLEAN`, `ENOMEM`; `EROFS`.
pub fn truncate(node: &Node, pages: &PageCache, size: u64) -> Result<()> {
    let instance = &node.instance;
    let end = end_block(size, instance.geometry.block_size)?;
    let shrinks = size < pages.size();
    pages.set_size(size)?;
    if !shrinks {
        return grow(node, size);
    }
    node.keep_promises(size.div_ceil(PAGE_SIZE as u64), u64::MAX);
    if !size.is_multiple_of(PAGE_SIZE as u64) {
        // What was cut off of the last page must not come back when the file grows again.
        pages.write_back()?;
    }
    let _layout = node.layout.lock();
    instance.update(orphans::CREDITS, |update| {
        instance.orphans.add(instance, update, node.number)?;
        instance.change_inode(update, node.number, |inode| {
            inode.set_size(size);
            Ok(())
        })
    })?;
    free_blocks(node, FileKind::Regular, end, 1 << 32)?;
    instance.update(orphans::CREDITS, |update| {
        instance
            .orphans
            .remove_if_named(instance, update, node.number)
    })
}
