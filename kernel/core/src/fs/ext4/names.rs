//! Making, linking and removing names. The caller has the directory locked for changes, and counts links and times of the
//! inodes in memory afterwards; what is on the disk is changed here, all of it at once.

use super::allocation::Claim;
use super::directory;
use super::extents::{Extent, NodeMut, Tree};
use super::format::inode::{FLAG_EXTENTS, ROOT_SIZE, RawInode, Times};
use super::inode::{node_of, put_attributes};
use super::instance::Instance;
use super::journal::MetadataBlock;
use super::node::Node;
use super::orphans;
use super::update::Update;
use crate::vfs::attributes::now;
use crate::vfs::inode::{Inode, NewInode};
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// Most names of a file, and most directories in one, with its own two (`EXT4_LINK_MAX`).
pub const LINK_LIMIT: u16 = 65000;

/// A name in a directory, the new inode with its bits and counts, its block with bitmap and descriptor.
const CREATE: u32 = directory::CREDITS + 8;
const LINK: u32 = directory::CREDITS + 2;
/// The directory's block and inode, the file's, and the list of orphans.
const UNLINK: u32 = 4 + orphans::CREDITS;

/// Counts a link more or less of an inode on the disk, and notes when. The links of a directory with too many to count
/// stay 1.
pub fn count_link(update: &Update, node: &Node, change: i16, time: i64) -> Result<u16> {
    node.instance.change_inode(update, node.number, |raw| {
        let links = raw.old.links.get();
        let is_uncounted = raw.kind() == Some(FileKind::Directory) && links == 1;
        if !is_uncounted {
            raw.old
                .links
                .set(links.checked_add_signed(change).ok_or(Errno::EUCLEAN)?);
        }
        let times = raw.times();
        raw.set_times(Times {
            changed: time,
            ..times
        });
        Ok(raw.old.links.get())
    })
}

/// Notes that names of a directory changed, and counts its subdirectories.
pub fn touch(update: &Update, directory: &Node, subdirectories: i16, time: i64) -> Result<()> {
    count_link(update, directory, subdirectories, time)?;
    directory
        .instance
        .change_inode(update, directory.number, |raw| {
            let times = raw.times();
            raw.set_times(Times {
                modified: time,
                ..times
            });
            Ok(())
        })
}

/// Makes a file.
///
/// # Errors
/// `EMLINK`, `ENOSPC`, `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`; `ENAMETOOLONG` for a symbolic link longer than a block.
pub fn create(
    directory: &Arc<Inode>,
    parent: &Arc<Node>,
    name: &[u8],
    new: &NewInode<'_>,
) -> Result<Arc<Inode>> {
    let instance = &parent.instance;
    instance.free_unused();
    let is_directory = new.kind == FileKind::Directory;
    if is_directory && directory.attributes.links() >= LINK_LIMIT.into() {
        return Err(Errno::EMLINK);
    }
    if new.kind == FileKind::SymbolicLink && new.target.len() >= instance.geometry.block_size {
        return Err(Errno::ENAMETOOLONG);
    }
    hal::frame::headroom()?;
    let time = now();
    let number = instance.update(CREATE, |update| {
        let slot = parent.make_room(update, name)?;
        let content = claim_content(instance, parent, new)?;
        let number = instance.take_inode(update, parent.number, is_directory)?;
        let raw = describe(instance, new, time);
        instance.change_inode_bytes(update, number, |bytes| {
            bytes.fill(0);
            raw.write(bytes);
            Ok(())
        })?;
        if let Some((claim, block)) = content {
            fill(instance, update, number, parent.number, new, (claim, block))?;
        }
        parent.enter(update, slot, name, (number, new.kind))?;
        touch(update, parent, i16::from(is_directory), time)?;
        Ok(number)
    })?;
    let made = instance.inode(directory.super_block(), number);
    if made.is_err() {
        // There is no memory for it: it goes again, and if that fails too a check finds it.
        let _ = discard(parent, name, number, is_directory);
    }
    made
}

/// The block of what has one from the start: a directory, a symbolic link that is too long for its inode.
fn claim_content<'a>(
    instance: &'a Arc<Instance>,
    parent: &Node,
    new: &NewInode<'_>,
) -> Result<Option<(Claim<'a>, Arc<MetadataBlock>)>> {
    let needs_block = match new.kind {
        FileKind::Directory => true,
        FileKind::SymbolicLink => new.target.len() >= ROOT_SIZE,
        _ => false,
    };
    if !needs_block {
        return Ok(None);
    }
    instance.check_room(1)?;
    let near = instance
        .groups
        .inode_place(&instance.geometry, parent.number)?;
    let claim = instance.claim(near.block, 1)?;
    let block = instance.journal.new_block(claim.start())?;
    Ok(Some((claim, block)))
}

/// A new inode, without blocks.
fn describe(instance: &Instance, new: &NewInode<'_>, time: i64) -> RawInode {
    let mut raw = RawInode::empty(instance.geometry.extra_size);
    raw.old
        .mode
        .set((new.kind.mode_bits() | new.permissions & 0o7777) as u16);
    raw.set_ownership(new.owner, new.group);
    raw.old.links.set(if new.kind == FileKind::Directory {
        2
    } else {
        1
    });
    raw.set_times(Times {
        accessed: time,
        modified: time,
        changed: time,
    });
    raw.set_created(time);
    raw.old.generation.set(instance.next_generation());
    match new.kind {
        FileKind::CharacterDevice | FileKind::BlockDevice => raw.set_device(new.device),
        FileKind::SymbolicLink => raw.set_size(new.target.len() as u64),
        _ => {}
    }
    let is_short_link = new.kind == FileKind::SymbolicLink && new.target.len() < ROOT_SIZE;
    if is_short_link {
        let (text, _) = raw.old.root.split_at_mut(new.target.len());
        text.copy_from_slice(new.target);
    } else if !new.kind.is_device() && !matches!(new.kind, FileKind::Fifo | FileKind::Socket) {
        raw.old.flags.set(FLAG_EXTENTS);
        // The root has room for a header at least.
        let _ = NodeMut::make(&mut raw.old.root, 0);
    }
    raw
}

/// Gives a new inode its first block.
fn fill(
    instance: &Instance,
    update: &Update,
    number: u32,
    parent: u32,
    new: &NewInode<'_>,
    (claim, block): (Claim<'_>, Arc<MetadataBlock>),
) -> Result<()> {
    let extent = Extent {
        first: 0,
        count: 1,
        start: claim.start(),
        written: true,
    };
    claim.settle(update)?;
    update.modify(&block, |bytes| match new.kind {
        FileKind::Directory => directory::make_first(bytes, number, parent),
        _ => {
            let place = bytes.get_mut(..new.target.len()).ok_or(Errno::EUCLEAN)?;
            place.copy_from_slice(new.target);
            Ok(())
        }
    })??;
    Tree::of(instance, number).insert(update, extent)?;
    let block_size = instance.geometry.block_size;
    instance.change_inode(update, number, |raw| {
        if new.kind == FileKind::Directory {
            raw.set_size(block_size as u64);
        }
        raw.add_blocks(1, block_size)
    })
}

/// Takes a name and its inode, which nobody has, off the disk.
fn discard(parent: &Arc<Node>, name: &[u8], number: u32, is_directory: bool) -> Result<()> {
    let node = Node::new(&parent.instance, number);
    remove(parent, name, &node, is_directory)
}

/// Takes the name of an inode off the disk.
fn remove(parent: &Arc<Node>, name: &[u8], node: &Arc<Node>, is_directory: bool) -> Result<()> {
    let instance = &parent.instance;
    let time = now();
    let is_last = instance.update(UNLINK, |update| {
        parent.withdraw(update, name)?;
        touch(update, parent, -i16::from(is_directory), time)?;
        drop_name(update, node, is_directory, time)
    })?;
    if is_last {
        instance.note_deleted(node);
    }
    Ok(())
}

/// Counts a name less of an inode; one without names is among those that are to be freed. Whether it is.
pub fn drop_name(update: &Update, node: &Node, is_directory: bool, time: i64) -> Result<bool> {
    let instance = &node.instance;
    let links = if is_directory {
        instance.change_inode(update, node.number, |raw| {
            raw.old.links.set(0);
            Ok(0)
        })?
    } else {
        count_link(update, node, -1, time)?
    };
    if links == 0 {
        instance.orphans.add(instance, update, node.number)?;
    }
    Ok(links == 0)
}

/// Takes a name away.
///
/// # Errors
/// `ENOTEMPTY`; `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`.
pub fn unlink(
    _directory: &Arc<Inode>,
    parent: &Arc<Node>,
    name: &[u8],
    inode: &Arc<Inode>,
) -> Result<()> {
    let node = node_of(inode)?;
    parent.instance.free_unused();
    if inode.is_directory() && !node.is_empty()? {
        return Err(Errno::ENOTEMPTY);
    }
    remove(parent, name, node, inode.is_directory())
}

/// Gives a file one more name.
///
/// # Errors
/// `EMLINK`, `ENOSPC`, `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`.
pub fn link(
    _directory: &Arc<Inode>,
    parent: &Arc<Node>,
    name: &[u8],
    inode: &Arc<Inode>,
) -> Result<()> {
    let node = node_of(inode)?;
    let instance = &parent.instance;
    instance.free_unused();
    if inode.attributes.links() >= LINK_LIMIT.into() {
        return Err(Errno::EMLINK);
    }
    let time = now();
    instance.update(LINK, |update| {
        let slot = parent.make_room(update, name)?;
        parent.enter(update, slot, name, (node.number, inode.kind()))?;
        touch(update, parent, 0, time)?;
        instance.change_inode(update, node.number, |raw| {
            put_attributes(inode, raw);
            Ok(())
        })?;
        count_link(update, node, 1, time).map(drop)
    })
}
