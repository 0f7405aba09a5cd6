//! Moving names: within a directory, between directories, over what has the new name, or exchanging two.

use super::directory;
use super::inode::node_of;
use super::names::{LINK_LIMIT, count_link, drop_name, touch};
use super::node::Node;
use super::orphans;
use super::update::Update;
use crate::vfs::attributes::now;
use crate::vfs::inode::{Inode, Renaming};
use crate::{Errno, Result};
use alloc::sync::Arc;

/// A new name, the old one's block, both directories, both files with their blocks for "..", and the list of orphans.
const CREDITS: u32 = directory::CREDITS + 8 + orphans::CREDITS;

/// What a renaming is about, as this file system has it.
struct Move<'a> {
    from: &'a Arc<Node>,
    name: &'a [u8],
    node: &'a Arc<Node>,
    inode: &'a Arc<Inode>,
    to: &'a Arc<Node>,
    new_name: &'a [u8],
    time: i64,
}

impl Move<'_> {
    fn is_elsewhere(&self) -> bool {
        self.from.number != self.to.number
    }

    /// Says in a directory that it is in another one now.
    fn set_parent(update: &Update, inode: &Inode, node: &Node, parent: &Node) -> Result<()> {
        if !inode.is_directory() {
            return Ok(());
        }
        node.redirect(update, b"..", (parent.number, inode.kind()))
    }
}

/// Moves a name.
///
/// # Errors
/// `ENOTEMPTY`, `EMLINK`, `ENOSPC`, `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`; `EXDEV` for inodes of other file systems.
pub fn rename(renaming: &Renaming<'_>) -> Result<()> {
    let moved = Move {
        from: node_of(renaming.directory)?,
        name: renaming.name,
        node: node_of(renaming.inode)?,
        inode: renaming.inode,
        to: node_of(renaming.to)?,
        new_name: renaming.new_name,
        time: now(),
    };
    moved.from.instance.free_unused();
    match renaming.replaced {
        Some(other) if renaming.exchange => exchange(&moved, renaming, other, node_of(other)?),
        Some(replaced) => replace(&moved, replaced, node_of(replaced)?),
        None => relocate(&moved, renaming),
    }
}

/// Refuses one more directory in a directory that has too many.
fn check_links(directory: &Inode) -> Result<()> {
    if directory.attributes.links() >= LINK_LIMIT.into() {
        return Err(Errno::EMLINK);
    }
    Ok(())
}

/// Moves a name to where there is none.
fn relocate(moved: &Move<'_>, renaming: &Renaming<'_>) -> Result<()> {
    let leaves = moved.inode.is_directory() && moved.is_elsewhere();
    if leaves {
        check_links(renaming.to)?;
    }
    moved.from.instance.update(CREDITS, |update| {
        let slot = moved.to.make_room(update, moved.new_name)?;
        let entry = (moved.node.number, moved.inode.kind());
        moved.to.enter(update, slot, moved.new_name, entry)?;
        moved.from.withdraw(update, moved.name)?;
        touch(update, moved.from, -i16::from(leaves), moved.time)?;
        touch(update, moved.to, i16::from(leaves), moved.time)?;
        if leaves {
            Move::set_parent(update, moved.inode, moved.node, moved.to)?;
        }
        count_link(update, moved.node, 0, moved.time).map(drop)
    })
}

/// Moves a name over another file's, which loses it.
fn replace(moved: &Move<'_>, replaced: &Arc<Inode>, other: &Arc<Node>) -> Result<()> {
    let is_directory = moved.inode.is_directory();
    if is_directory && !other.is_empty()? {
        return Err(Errno::ENOTEMPTY);
    }
    if let Some(pages) = moved.inode.page_cache() {
        // Many programs replace a file's content this way without fsync: after a loss of power it is the old or the new
        // (Linux's auto_da_alloc). The next fsync tells of a failure.
        let _ = pages.write_back();
    }
    let is_last = moved.from.instance.update(CREDITS, |update| {
        let entry = (moved.node.number, moved.inode.kind());
        moved.to.redirect(update, moved.new_name, entry)?;
        moved.from.withdraw(update, moved.name)?;
        // In the new place a directory comes for one that goes.
        touch(update, moved.from, -i16::from(is_directory), moved.time)?;
        touch(update, moved.to, 0, moved.time)?;
        if is_directory && moved.is_elsewhere() {
            Move::set_parent(update, moved.inode, moved.node, moved.to)?;
        }
        count_link(update, moved.node, 0, moved.time)?;
        drop_name(update, other, replaced.is_directory(), moved.time)
    })?;
    if is_last {
        other.instance.note_deleted(other);
    }
    Ok(())
}

/// Gives two files each other's name.
fn exchange(
    moved: &Move<'_>,
    renaming: &Renaming<'_>,
    other: &Arc<Inode>,
    other_node: &Arc<Node>,
) -> Result<()> {
    let is_elsewhere = moved.is_elsewhere();
    // How many more directories the second place has afterwards.
    let more = i16::from(moved.inode.is_directory()) - i16::from(other.is_directory());
    let more = if is_elsewhere { more } else { 0 };
    match more {
        1 => check_links(renaming.to)?,
        -1 => check_links(renaming.directory)?,
        _ => {}
    }
    moved.from.instance.update(CREDITS, |update| {
        let entry = (moved.node.number, moved.inode.kind());
        let other_entry = (other_node.number, other.kind());
        moved.from.redirect(update, moved.name, other_entry)?;
        moved.to.redirect(update, moved.new_name, entry)?;
        touch(update, moved.from, -more, moved.time)?;
        touch(update, moved.to, more, moved.time)?;
        if is_elsewhere {
            Move::set_parent(update, moved.inode, moved.node, moved.to)?;
            Move::set_parent(update, other, other_node, moved.from)?;
        }
        count_link(update, moved.node, 0, moved.time)?;
        count_link(update, other_node, 0, moved.time).map(drop)
    })
}
