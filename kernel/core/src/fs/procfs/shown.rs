//! What directories and links here have in common: they show the system as it is. Nothing can be made in them, and they
//! can't be changed.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use crate::vfs::directory_file::DirectoryFile;
use crate::vfs::inode::{AttributeChange, EntrySink, LinkTarget, NamePolicy, NewInode};
use crate::vfs::{FileOperations, Inode, InodeOperations, Location, OpenFlags};
use crate::{Errno, Result};

/// A directory's entries; the methods are those of [`InodeOperations`].
pub trait Entries: Send + Sync + 'static {
    /// How the name cache treats them.
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Dynamic
    }

    /// Whether an entry is the same for everybody.
    fn is_permanent(&self, _name: &[u8]) -> bool {
        false
    }

    /// Refuses those who may not open the directory.
    ///
    /// # Errors
    /// `EACCES`, `ESRCH`.
    fn check_open(&self) -> Result<()> {
        Ok(())
    }

    /// Finds an entry.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`.
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>>;

    /// Gives the sink the entries from `position` on.
    ///
    /// # Errors
    /// `ENOENT`, `EACCES`, `ENOMEM`.
    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()>;
}

/// A directory of such entries.
pub struct DirectoryInode<E>(pub E);

impl<E: Entries> InodeOperations for DirectoryInode<E> {
    fn name_policy(&self) -> NamePolicy {
        self.0.name_policy()
    }

    fn is_permanent(&self, name: &[u8]) -> bool {
        self.0.is_permanent(name)
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.0.lookup(directory, name)
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        self.0.read_directory(position, sink)
    }

    /// As on Linux, what can't be looked up can't be made either.
    fn create(
        &self,
        _directory: &Arc<Inode>,
        _name: &[u8],
        _new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        Err(Errno::ENOENT)
    }

    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        self.0.check_open()?;
        Ok(Box::new(DirectoryFile))
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Where a link leads; the methods are those of [`InodeOperations`].
pub trait Link: Send + Sync + 'static {
    /// The target.
    ///
    /// # Errors
    /// `EACCES`, `EPERM`, `ENOENT` as the target demands.
    fn follow_link(&self) -> Result<LinkTarget>;

    /// What `readlink` returns.
    ///
    /// # Errors
    /// As [`Self::follow_link`].
    fn link_text(&self) -> Result<Vec<u8>> {
        match self.follow_link()? {
            LinkTarget::Path(path) => Ok(path),
            LinkTarget::Place(_) => Err(Errno::EINVAL),
        }
    }
}

/// Such a link.
pub struct LinkInode<L>(pub L);

impl<L: Link> InodeOperations for LinkInode<L> {
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        self.0.follow_link()
    }

    fn link_text(&self, _inode: &Arc<Inode>) -> Result<Vec<u8>> {
        self.0.link_text()
    }

    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Err(Errno::ELOOP)
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
