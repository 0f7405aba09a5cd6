//! Inodes: the files themselves, whatever their names.

use super::attributes::Attributes;
use super::extended::Existing;
use super::file_operations::FileOperations;
use super::flags::OpenFlags;
use super::kind::{DeviceNumber, FileKind};
use super::location::Location;
use super::page_cache::{PAGE_SIZE, PageCache};
use super::pipe::Pipe;
use super::record_lock::FileLocks;
use super::super_block::SuperBlock;
use super::write_access::WriteAccess;
use crate::sched::Mutex;
use crate::task::Credentials;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::sync::Once;

/// How the name cache treats the entries of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NamePolicy {
    /// The name cache holds every entry, for as long as it exists: the file system keeps none of its own.
    Pinned,
    /// Entries are found by [`InodeOperations::lookup`] and remembered, missing ones too.
    Cached,
    /// As [`Self::Cached`], where several spellings are one entry: it is remembered under the name that
    /// [`InodeOperations::stored_name`] gives, and missing names aren't.
    Folded,
    /// Entries are found anew each time: they depend on the caller or come and go by themselves.
    Dynamic,
}

impl NamePolicy {
    /// Whether the name cache keeps what [`InodeOperations::lookup`] found.
    pub fn keeps_found(self) -> bool {
        matches!(self, Self::Cached | Self::Folded)
    }
}

/// What a new inode shall be.
#[derive(Clone, Copy, Debug)]
pub struct NewInode<'a> {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits, the umask already applied.
    pub permissions: u32,
    /// Owner.
    pub owner: u32,
    /// Group.
    pub group: u32,
    /// The device of a device node.
    pub device: DeviceNumber,
    /// The target of a symbolic link.
    pub target: &'a [u8],
}

/// What moves where, for [`InodeOperations::rename`].
pub struct Renaming<'a> {
    /// The directory that has the name.
    pub directory: &'a Arc<Inode>,
    /// The name.
    pub name: &'a [u8],
    /// What has it.
    pub inode: &'a Arc<Inode>,
    /// The directory that gets the new name; it may be the same.
    pub to: &'a Arc<Inode>,
    /// The new name.
    pub new_name: &'a [u8],
    /// What has the new name now.
    pub replaced: Option<&'a Arc<Inode>>,
    /// What has the new name gets the old one; otherwise it goes.
    pub exchange: bool,
}

/// Where a symbolic link leads.
pub enum LinkTarget {
    /// A path, walked from the directory that holds the link.
    Path(Vec<u8>),
    /// A place, whatever its path (`/proc/N/fd/…`, `/proc/N/cwd`); `readlink` gives the text of
    /// [`InodeOperations::link_text`].
    Place(Location),
}

/// A change of attributes, already permitted. `None` leaves an attribute as it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct AttributeChange {
    /// New permission bits.
    pub permissions: Option<u32>,
    /// New owner.
    pub owner: Option<u32>,
    /// New group.
    pub group: Option<u32>,
    /// New access time, nanoseconds since 1970.
    pub accessed: Option<i64>,
    /// New modification time.
    pub modified: Option<i64>,
}

/// One entry handed to a directory reader.
pub struct DirectoryEntry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Number of its inode.
    pub inode: u64,
    /// Its kind.
    pub kind: FileKind,
    /// Where reading goes on after this entry: stays valid while the directory changes.
    pub next: u64,
}

/// Takes entries; returns false when it has no room for the one it was given.
pub type EntrySink<'a> = &'a mut dyn FnMut(&DirectoryEntry<'_>) -> bool;

/// What a file system does for an inode. Called without any spin lock; directory changes hold the directory's own
/// sleeping lock. The defaults refuse, with the error that Linux gives for a file system without the operation.
pub trait InodeOperations: Send + Sync {
    /// How the name cache treats this directory's entries.
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Pinned
    }

    /// Whether an entry of a [`NamePolicy::Dynamic`] directory is the same for everybody as long as the file system
    /// exists: the name cache remembers it, so that it can be a mount point.
    fn is_permanent(&self, _name: &[u8]) -> bool {
        false
    }

    /// Finds a name in this directory. Never called for [`NamePolicy::Pinned`].
    ///
    /// # Errors
    /// `ENOENT` if there is no such entry.
    fn lookup(&self, _directory: &Arc<Inode>, _name: &[u8]) -> Result<Arc<Inode>> {
        Err(Errno::ENOENT)
    }

    /// The name of the entry that a spelling means. Asked for [`NamePolicy::Folded`] only.
    ///
    /// # Errors
    /// `ENOENT` if there is no such entry; `EIO`, `ENOMEM`.
    fn stored_name(&self, _directory: &Arc<Inode>, _name: &[u8]) -> Result<Box<[u8]>> {
        Err(Errno::ENOENT)
    }

    /// The part of a name that an entry made or moved under it gets.
    fn kept_name<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        name
    }

    /// Makes an inode that gets its name `name` in this directory.
    ///
    /// # Errors
    /// `EPERM` where nothing can be created; `ENOSPC`, `ENOMEM`.
    fn create(
        &self,
        _directory: &Arc<Inode>,
        _name: &[u8],
        _new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        Err(Errno::EPERM)
    }

    /// Gives an inode of the same file system one more name. The caller counts the link.
    ///
    /// # Errors
    /// `EPERM` where links can't be made.
    fn link(&self, _directory: &Arc<Inode>, _name: &[u8], _inode: &Arc<Inode>) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Takes a name away (an empty directory's too). The caller counts the links.
    ///
    /// # Errors
    /// `EPERM` where names can't be removed; `ENOTEMPTY` for a directory with entries that the name cache doesn't hold.
    fn unlink(&self, _directory: &Arc<Inode>, _name: &[u8], _inode: &Arc<Inode>) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// Moves a name of this directory.
    ///
    /// # Errors
    /// `EPERM` where names can't be moved; `EXDEV` for what can't move that far; `ENOTEMPTY`.
    fn rename(&self, _renaming: &Renaming<'_>) -> Result<()> {
        Err(Errno::EPERM)
    }

    /// The target of a symbolic link that [`Inode::target`] does not hold.
    ///
    /// # Errors
    /// `EINVAL` if this is no link; `EACCES`, `ENOENT` as the target demands.
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        Err(Errno::EINVAL)
    }

    /// The text that `readlink` returns.
    ///
    /// # Errors
    /// As [`Self::follow_link`].
    fn link_text(&self, inode: &Arc<Inode>) -> Result<Vec<u8>> {
        match self.follow_link(inode)? {
            LinkTarget::Path(path) => Ok(path),
            LinkTarget::Place(_) => Err(Errno::EINVAL),
        }
    }

    /// Gives the sink this directory's entries from `position` on, without "." and "..". 0 is the start.
    /// Never called for [`NamePolicy::Pinned`].
    ///
    /// # Errors
    /// `ENOENT` if the directory is gone.
    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        _position: u64,
        _sink: EntrySink<'_>,
    ) -> Result<()> {
        Err(Errno::ENOTDIR)
    }

    /// What an opened file of this inode does.
    ///
    /// # Errors
    /// `ENXIO` for a device without driver, and what the driver says.
    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>>;

    /// Permission beyond mode bits, such as another process's /proc entries. `mask` is that of access(2).
    ///
    /// # Errors
    /// `EACCES`, `EPERM`.
    fn check_access(&self, _inode: &Inode, _credentials: &Credentials, _mask: u32) -> Result<()> {
        Ok(())
    }

    /// Sets the size of a regular file; whoever calls holds [`Inode::change`].
    ///
    /// # Errors
    /// `EINVAL` where sizes can't be set; `EFBIG`, `ENOSPC`.
    fn truncate(&self, _inode: &Arc<Inode>, _size: u64) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// Carries out a change of attributes.
    ///
    /// # Errors
    /// `EPERM` where attributes are fixed.
    fn set_attributes(&self, inode: &Arc<Inode>, change: &AttributeChange) -> Result<()> {
        inode.apply(change);
        Ok(())
    }

    /// The size or times of a regular file have changed by reading or writing, its permissions by writing, or the times of
    /// a directory by reading: a file system on a device notes that the inode is to be written. What is set on purpose
    /// comes by the other calls.
    fn attributes_changed(&self, _inode: &Arc<Inode>) {}

    /// Returns when a directory, or a regular file's size and place on the medium, and with `data_only` unset all its
    /// attributes, are on the medium. Whoever calls has written the file's pages back.
    ///
    /// # Errors
    /// `EIO`, `ENOSPC`.
    fn sync(&self, inode: &Arc<Inode>, _data_only: bool) -> Result<()> {
        inode.super_block().operations().sync()
    }

    /// Gives a range of a regular file room on the medium, beyond its end too (fallocate(2)); whoever calls holds
    /// [`Inode::change`] and sets the size.
    ///
    /// # Errors
    /// `EOPNOTSUPP`, `ENOSPC`, `EFBIG`, `ENOMEM`; what was made before stays.
    fn allocate(&self, inode: &Arc<Inode>, start: u64, end: u64) -> Result<()> {
        let pages = inode.page_cache().ok_or(Errno::EOPNOTSUPP)?;
        pages.allocate(start, end)
    }

    /// Makes a range of a regular file a hole; whoever calls holds [`Inode::change`].
    ///
    /// # Errors
    /// `EOPNOTSUPP`, `EIO`, `ENOMEM`; the range is partly a hole then.
    fn discard(&self, inode: &Arc<Inode>, start: u64, end: u64) -> Result<()> {
        let pages = inode.page_cache().ok_or(Errno::EOPNOTSUPP)?;
        pages.discard(start, end)
    }

    /// Brings the attributes up to date before they are reported.
    ///
    /// # Errors
    /// `ENOENT` if the file is gone.
    fn refresh(&self, _inode: &Inode) -> Result<()> {
        Ok(())
    }

    /// The pages of a regular file that has a page cache.
    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        None
    }

    /// Units of 512 bytes that a regular file's content takes, where that is not in memory only.
    fn blocks(&self, inode: &Inode) -> u64 {
        let pages = inode.page_cache().map_or(0, |pages| pages.page_count());
        pages * (PAGE_SIZE as u64 / 512)
    }

    /// The inode that holds this one's content, where that is one of another file system.
    fn content(&self) -> Option<&Arc<Inode>> {
        None
    }

    /// The value of an extended attribute; whoever calls has checked that it may be read.
    ///
    /// # Errors
    /// `ENODATA` if there is none; `EOPNOTSUPP` where there are no such attributes; `ENOMEM`, `EIO`.
    fn get_extended(&self, _inode: &Inode, _name: &[u8]) -> Result<Vec<u8>> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Sets an extended attribute; whoever calls has checked name, size and permission.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA` as `existing` demands; `EOPNOTSUPP`, `ENOSPC`, `ENOMEM`.
    fn set_extended(
        &self,
        _inode: &Arc<Inode>,
        _name: &[u8],
        _value: &[u8],
        _existing: Existing,
    ) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Takes an extended attribute away.
    ///
    /// # Errors
    /// `ENODATA` if there is none; `EOPNOTSUPP`.
    fn remove_extended(&self, _inode: &Arc<Inode>, _name: &[u8]) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Calls `each` with the name of every extended attribute. It must neither sleep nor touch user memory.
    ///
    /// # Errors
    /// What `each` returns; `EIO`.
    fn list_extended(
        &self,
        _inode: &Inode,
        _each: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        Ok(())
    }

    /// The concrete type, for the file system that made it.
    fn as_any(&self) -> &dyn Any;
}

/// A file: its number, attributes, locks and what its file system does for it.
pub struct Inode {
    number: AtomicU64,
    kind: FileKind,
    /// Whether names below it are pinned, cached or dynamic: asked for at each step of a walk.
    policy: NamePolicy,
    /// The device of a device node.
    device: DeviceNumber,
    /// The target of a symbolic link whose text never changes: lets a walk go on without leaving its read section.
    target: Option<Box<[u8]>>,
    /// What `stat` reports.
    pub attributes: Attributes,
    super_block: Arc<SuperBlock>,
    operations: Box<dyn InodeOperations>,
    /// One change at a time: of a directory's entries, of a regular file's content and size.
    pub(crate) change: Mutex<()>,
    /// Record locks and flock(2) locks.
    pub(super) locks: FileLocks,
    /// Who writes it, or runs it.
    pub(super) write_access: WriteAccess,
    /// The pipe of a FIFO that was opened.
    pipe: Once<Arc<Pipe>>,
}

impl Inode {
    /// An inode of a file system.
    pub fn new(
        super_block: &Arc<SuperBlock>,
        number: u64,
        attributes: Attributes,
        operations: Box<dyn InodeOperations>,
    ) -> Self {
        let kind = FileKind::from_mode(attributes.mode()).unwrap_or(FileKind::Regular);
        Self {
            number: AtomicU64::new(number),
            kind,
            policy: operations.name_policy(),
            device: DeviceNumber::NONE,
            target: None,
            attributes,
            super_block: super_block.clone(),
            operations,
            change: Mutex::new(()),
            locks: FileLocks::new(),
            write_access: WriteAccess::new(),
            pipe: Once::new(),
        }
    }

    /// The same inode as the node of a device.
    #[must_use]
    pub fn with_device(mut self, device: DeviceNumber) -> Self {
        self.device = device;
        self
    }

    /// The same inode as a symbolic link to a path that never changes.
    #[must_use]
    pub fn with_target(mut self, target: Box<[u8]>) -> Self {
        self.attributes.set_size(target.len() as u64);
        self.target = Some(target);
        self
    }

    /// The number that `stat` reports.
    pub fn number(&self) -> u64 {
        self.number.load(Relaxed)
    }

    /// Gives it another number: it has become another file than those with which it shared one.
    pub fn set_number(&self, number: u64) {
        self.number.store(number, Relaxed);
    }

    /// What it is.
    #[inline]
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Whether it is a directory.
    #[inline]
    pub fn is_directory(&self) -> bool {
        self.kind == FileKind::Directory
    }

    /// How its entries are cached.
    #[inline]
    pub fn name_policy(&self) -> NamePolicy {
        self.policy
    }

    /// The device of a device node.
    pub fn device(&self) -> DeviceNumber {
        self.device
    }

    /// A symbolic link's target, if it is fixed.
    #[inline]
    pub fn target(&self) -> Option<&[u8]> {
        self.target.as_deref()
    }

    /// The file system instance.
    pub fn super_block(&self) -> &Arc<SuperBlock> {
        &self.super_block
    }

    /// What the file system does.
    #[inline]
    pub fn operations(&self) -> &dyn InodeOperations {
        &*self.operations
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self.operations.page_cache() {
            Some(pages) => pages.size(),
            None => self.attributes.size(),
        }
    }

    /// The pipe of a FIFO, made at its first use.
    pub(super) fn pipe(&self) -> &Arc<Pipe> {
        self.pipe.call_once(Arc::default)
    }

    /// Pages of the page cache, if the file has one.
    pub fn page_cache(&self) -> Option<&Arc<PageCache>> {
        self.operations.page_cache()
    }

    /// The inode that holds the content and its lock: this one, unless it shows a file of another file system.
    pub fn content(self: &Arc<Self>) -> &Arc<Self> {
        self.operations.content().unwrap_or(self)
    }

    /// Stores a change of attributes.
    pub fn apply(&self, change: &AttributeChange) {
        let attributes = &self.attributes;
        if let Some(permissions) = change.permissions {
            attributes.set_permissions(permissions);
        }
        if change.owner.is_some() || change.group.is_some() {
            attributes.set_ownership(
                change.owner.unwrap_or_else(|| attributes.owner()),
                change.group.unwrap_or_else(|| attributes.group()),
            );
        }
        if let Some(time) = change.accessed {
            attributes.set_accessed(time);
        }
        if let Some(time) = change.modified {
            attributes.set_modified(time);
        }
        attributes.touch_changed();
    }
}

impl core::fmt::Debug for Inode {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "inode {} {:?}", self.number(), self.kind)
    }
}
