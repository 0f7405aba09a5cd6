//! EROFS: a read-only file system in an image file (Documentation/filesystems/erofs.rst), so that a container's image
//! is kept as it came. `mount -t erofs IMAGE DIRECTORY` mounts the file itself, as Linux does without a loop device.
//!
//! * [`format`]: the structures. [`image`]: the file. [`node`]: inodes and where content is. [`directory`],
//!   [`attributes`]: entries and extended attributes. [`inode`]: what the rest of the kernel sees.
//!
//! Content that isn't compressed is read: in blocks, inline, in chunks. Where a page of a file is a page of the image,
//! it is that very page; other pages are copied when they are first asked for. An image may hold anything: what makes
//! no sense gives `EUCLEAN`, what lies beyond its end `EIO`.

mod attributes;
mod directory;
mod format;
mod image;
mod inode;
mod node;
#[cfg(test)]
mod tests;

use crate::vfs::file_system::{FileSystemType, MountRequest};
use crate::vfs::flags::OpenFlags;
use crate::vfs::fs_context::View;
use crate::vfs::inode::Inode;
use crate::vfs::kind::FileKind;
use crate::vfs::open;
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use image::Image;
use inode::Instance;

/// The name of the type.
const NAME: &str = "erofs";

struct ErofsSuperBlock(Arc<Instance>);

impl SuperBlockOperations for ErofsSuperBlock {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn reconfigure(&self, _root: &Inode, options: &[u8]) -> Result<()> {
        check_options(options)
    }

    fn statistics(&self) -> Statistics {
        let image = &self.0.image;
        Statistics {
            magic: format::MAGIC.into(),
            block_size: image.block_size(),
            blocks: image.super_block.blocks.get().into(),
            free_blocks: 0,
            inodes: image.super_block.inodes.get(),
            free_inodes: 0,
        }
    }
}

/// Options of Linux's that change nothing here: attributes are always there, and every page is in memory.
const IGNORED: [&[u8]; 5] = [
    b"user_xattr",
    b"acl",
    b"cache_strategy=disabled",
    b"cache_strategy=readahead",
    b"cache_strategy=readaround",
];

fn check_options(options: &[u8]) -> Result<()> {
    let mut options = options.split(|&byte| byte == b',');
    if options.all(|option| option.is_empty() || IGNORED.contains(&option)) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

/// The file system in the image at a path, as the caller sees it; the caller must be able to read it.
///
/// # Errors
/// `ENOTBLK` for what isn't a regular file; `EINVAL` for an image in an image or an overlay, and for options and
/// features that aren't there; `EBADMSG` for a wrong checksum; `EUCLEAN`, `EIO` for a corrupted image;
/// those of open(2).
pub fn create(view: &View<'_>, source: &[u8], options: &[u8]) -> Result<ActiveSuperBlock> {
    check_options(options)?;
    let location = walk::resolve(view, None, source, WalkFlags::FOLLOW)?;
    let below = location.inode().super_block().operations();
    if location.inode().kind() != FileKind::Regular {
        return Err(Errno::ENOTBLK);
    }
    if below.stack_depth() > 0 || below.type_name() == NAME {
        return Err(Errno::EINVAL);
    }
    let file = open::open_found(view, location, OpenFlags::READ_ONLY)?;
    let instance = Arc::new(Instance::new(Image::open(file)?));
    let operations = Box::new(ErofsSuperBlock(instance.clone()));
    let super_block = SuperBlock::create(operations, source, |super_block| {
        let root = instance.image.super_block.root.get();
        let root = instance.inode(super_block, root.into())?;
        if !root.is_directory() {
            return Err(Errno::EUCLEAN);
        }
        Ok(PathNode::new_root(root, b""))
    })?;
    super_block.set_read_only(true);
    Ok(super_block)
}

struct Erofs;

impl FileSystemType for Erofs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs_device(&self) -> bool {
        true
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let current = request.current.ok_or(Errno::EINVAL)?;
        let fs = current.fs();
        let credentials = current.credentials();
        let view = View {
            fs: &fs,
            credentials: &credentials,
        };
        create(&view, request.source, request.options)
    }
}

/// The type "erofs".
pub static EROFS: &dyn FileSystemType = &Erofs;
