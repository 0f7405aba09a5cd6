//! Masks: what hides a path. They are the kernel's own files, an empty directory and an empty regular file, in a file
//! system that nothing can be written to; no file of the tree that they are in has a part in them.

use super::attributes::Attributes;
use super::directory_file::DirectoryFile;
use super::file::File;
use super::file_operations::{FileOperations, Positions};
use super::flags::OpenFlags;
use super::inode::{AttributeChange, EntrySink, Inode, InodeOperations, NamePolicy};
use super::kind::FileKind;
use super::location::Location;
use super::mount::{Mount, MountFlags};
use super::path_node::PathNode;
use super::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use super::transfer::Destination;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use hal::sync::Once;

/// "mask" in ASCII: the type's number in `statfs`.
const MAGIC: u64 = 0x6d61_736b;

/// Flags of every mask.
const FLAGS: MountFlags = MountFlags::READ_ONLY
    .union(MountFlags::NO_SETUID)
    .union(MountFlags::NO_DEVICES)
    .union(MountFlags::NO_EXECUTE);

/// The one instance, and a mount of each of its files that is in no table.
struct Masks {
    super_block: ActiveSuperBlock,
    directory: Arc<Mount>,
    file: Arc<Mount>,
}

static MASKS: Once<Option<Masks>> = Once::new();

impl Masks {
    fn make() -> Result<Self> {
        let super_block = SuperBlock::create(Box::new(MaskFileSystem), b"mask", |super_block| {
            Ok(new_node(super_block, FileKind::Directory, 0o555))
        })?;
        super_block.set_read_only(true);
        let root = super_block.root().ok_or(Errno::EIO)?;
        let file = new_node(&super_block, FileKind::Regular, 0o444);
        Ok(Self {
            directory: Mount::cover(super_block.clone(), root, FLAGS),
            file: Mount::cover(super_block.clone(), file, FLAGS),
            super_block,
        })
    }

    fn of(&self, is_directory: bool) -> &Arc<Mount> {
        if is_directory {
            &self.directory
        } else {
            &self.file
        }
    }
}

fn new_node(super_block: &Arc<SuperBlock>, kind: FileKind, permissions: u32) -> Arc<PathNode> {
    let attributes = Attributes::new(kind, permissions, 0, 0);
    let number = super_block.next_inode_number();
    let inode = Inode::new(super_block, number, attributes, Box::new(Empty));
    PathNode::new_root(Arc::new(inode), b"")
}

/// Makes sure that there are masks.
///
/// # Errors
/// `ENOMEM` if there was no memory for them at their first use.
pub(super) fn prepare() -> Result<()> {
    let masks = MASKS.call_once(|| Masks::make().ok());
    masks.as_ref().map(drop).ok_or(Errno::ENOMEM)
}

/// A new mount, at no place yet, that hides a directory or a file of another kind.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn mount(is_directory: bool) -> Result<Arc<Mount>> {
    prepare()?;
    hal::frame::headroom()?;
    let masks = MASKS.get().and_then(Option::as_ref).ok_or(Errno::ENOMEM)?;
    let root = masks.of(is_directory).root().clone();
    Ok(Mount::new(masks.super_block.clone(), root, FLAGS))
}

/// The mount that takes the place of a locked one when its tree is taken apart; `None` before [`prepare`].
pub(super) fn cover(is_directory: bool) -> Option<Arc<Mount>> {
    let masks = MASKS.get()?.as_ref()?;
    Some(masks.of(is_directory).clone())
}

/// Whether a mount is a mask.
pub(super) fn is_mask(mount: &Mount) -> bool {
    matches!(MASKS.get(), Some(Some(masks)) if Arc::ptr_eq(mount.super_block(), &masks.super_block))
}

struct MaskFileSystem;

impl SuperBlockOperations for MaskFileSystem {
    fn type_name(&self) -> &'static str {
        "mask"
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            magic: MAGIC,
            block_size: 4096,
            ..Statistics::default()
        }
    }
}

/// What the inodes and opened files do: nothing.
struct Empty;

impl InodeOperations for Empty {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Dynamic
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        _position: u64,
        _sink: EntrySink<'_>,
    ) -> Result<()> {
        Ok(())
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if inode.is_directory() {
            Ok(Box::new(DirectoryFile))
        } else {
            Ok(Box::new(Empty))
        }
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EROFS)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl FileOperations for Empty {
    fn read(
        &self,
        _file: &File,
        _destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        Ok(0)
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
