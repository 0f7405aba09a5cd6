//! RAMFS and tmpfs: file systems in memory. Names live in the name cache, content in the page cache; what is here are
//! the inodes, the limits and the mount options (tmpfs(5)).
//!
//! RAMFS has no limits. tmpfs has, by default, half of the memory as pages and as many inodes.

mod options;
mod super_block;

use crate::Result;
use crate::vfs::attributes::Attributes;
use crate::vfs::extended::{self, Existing};
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{Inode, InodeOperations, NewInode, Renaming};
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::location::Location;
use crate::vfs::page_cache::PageCache;
use crate::vfs::regular_file::RegularFile;
use crate::vfs::special;
use crate::vfs::super_block::ActiveSuperBlock;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use super_block::Limits;

pub use options::Options;
pub use super_block::{RAMFS, TMPFS, create_anonymous};

/// A RAMFS without options, mode 0755: the initial file system, and a new VFS root's.
///
/// # Errors
/// `ENOMEM`.
pub fn create_root() -> Result<ActiveSuperBlock> {
    super_block::create(super_block::Variety::Ramfs, b"none", Options::default())
}

/// An instance for device nodes.
///
/// # Errors
/// `ENOMEM`, `ENOSPC`.
pub fn create_for_devices(source: &[u8], options: Options) -> Result<ActiveSuperBlock> {
    super_block::create(super_block::Variety::Devices, source, options)
}

/// A directory inode of another file system in memory, without limits.
///
/// # Errors
/// `ENOMEM`.
pub fn bare_directory(super_block: &Arc<crate::vfs::SuperBlock>) -> Result<Arc<Inode>> {
    let new = NewInode {
        kind: FileKind::Directory,
        permissions: 0o755,
        owner: 0,
        group: 0,
        device: DeviceNumber::NONE,
        target: &[],
    };
    RamInode::make(&Limits::none(), super_block, &new)
}

/// An inode whose content, if it is a regular file, is in the page cache.
struct RamInode {
    limits: Arc<Limits>,
    pages: Option<Arc<PageCache>>,
    extended: extended::store::Store,
}

impl RamInode {
    fn make(
        limits: &Arc<Limits>,
        super_block: &Arc<crate::vfs::SuperBlock>,
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        hal::frame::headroom()?;
        limits.take_inode()?;
        let pages =
            (new.kind == FileKind::Regular).then(|| Arc::new(PageCache::new(limits.pages.clone())));
        let operations = Box::new(RamInode {
            limits: limits.clone(),
            pages,
            extended: extended::store::Store::default(),
        });
        let attributes = Attributes::new(new.kind, new.permissions, new.owner, new.group);
        let inode = Inode::new(
            super_block,
            super_block.next_inode_number(),
            attributes,
            operations,
        )
        .with_device(new.device);
        Ok(Arc::new(if new.kind == FileKind::SymbolicLink {
            inode.with_target(crate::vfs::name::boxed(new.target)?)
        } else {
            inode
        }))
    }
}

impl Drop for RamInode {
    fn drop(&mut self) {
        self.extended.release(&self.limits.pages);
        self.limits.give_back_inode();
    }
}

impl InodeOperations for RamInode {
    fn create(
        &self,
        directory: &Arc<Inode>,
        _name: &[u8],
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        Self::make(&self.limits, directory.super_block(), new)
    }

    fn link(&self, _directory: &Arc<Inode>, _name: &[u8], _inode: &Arc<Inode>) -> Result<()> {
        Ok(())
    }

    fn unlink(&self, _directory: &Arc<Inode>, _name: &[u8], _inode: &Arc<Inode>) -> Result<()> {
        Ok(())
    }

    fn rename(&self, _renaming: &Renaming<'_>) -> Result<()> {
        Ok(())
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if inode.kind() == FileKind::Regular {
            Ok(Box::new(RegularFile))
        } else {
            special::open(inode, location, flags)
        }
    }

    fn truncate(&self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        let pages = self.pages.as_ref().ok_or(crate::Errno::EINVAL)?;
        pages.set_size(size)?;
        inode.attributes.touch_modified();
        Ok(())
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.pages.as_ref()
    }

    fn get_extended(&self, _inode: &Inode, name: &[u8]) -> Result<Vec<u8>> {
        self.extended.get(name)
    }

    fn set_extended(
        &self,
        inode: &Arc<Inode>,
        name: &[u8],
        value: &[u8],
        existing: Existing,
    ) -> Result<()> {
        self.extended
            .set(&self.limits.pages, name, value, existing)?;
        if name == extended::capability::NAME {
            inode.attributes.set_capabilities(true);
        }
        Ok(())
    }

    fn remove_extended(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<()> {
        self.extended.remove(&self.limits.pages, name)?;
        if name == extended::capability::NAME {
            inode.attributes.set_capabilities(false);
        }
        Ok(())
    }

    fn list_extended(
        &self,
        _inode: &Inode,
        each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        self.extended.list(each)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
