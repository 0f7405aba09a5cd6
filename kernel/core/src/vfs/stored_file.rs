//! Open regular files whose content is kept in a store.

use super::File;
use super::file_operations::{FileOperations, Positions, Whence};
use super::flags::OpenFlags;
use super::inode::Inode;
use super::page_cache::{PageCache, Seen};
use super::regular_file::RegularFile;
use super::transfer::{Destination, Source};
use crate::memory::MemoryObject;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;

/// As [`RegularFile`], for an inode whose page cache has a store: it can be written to the medium, and is told of what
/// couldn't be.
pub struct StoredFile {
    /// Which failures it has been told of.
    seen: Seen,
}

impl StoredFile {
    /// A new open file of an inode with a page cache.
    ///
    /// # Errors
    /// `EINVAL` for one without.
    pub fn new(inode: &Inode) -> Result<Self> {
        let pages = inode.page_cache().ok_or(Errno::EINVAL)?;
        Ok(Self { seen: pages.seen() })
    }
}

/// Returns when what was written to an inode with these pages is on the medium (fsync(2), fdatasync(2)).
///
/// # Errors
/// A failure since `seen` was told of one.
pub fn sync(inode: &Arc<Inode>, pages: &PageCache, data_only: bool, seen: &Seen) -> Result<()> {
    // Failures are in the cache, from which every open file is told once.
    let _ = pages.write_back();
    if let Err(error) = inode.operations().sync(inode, data_only) {
        pages.note_failure(error);
    }
    pages.tell(seen)
}

impl FileOperations for StoredFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        position: &mut u64,
    ) -> Result<usize> {
        RegularFile.read(file, destination, position)
    }

    /// Data that must be on the medium at once is (`O_SYNC`, `O_DSYNC`).
    fn write(&self, file: &File, source: &mut Source<'_>, position: &mut u64) -> Result<usize> {
        let before = source.done();
        let result = RegularFile.write(file, source, position);
        if source.done() > before && file.flags().intersects(OpenFlags::DATA_SYNC) {
            self.sync(file, !file.flags().contains(OpenFlags::SYNC))?;
        }
        result
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        RegularFile.seek(file, current, offset, whence)
    }

    fn memory_object(&self, file: &File) -> Result<Arc<dyn MemoryObject>> {
        RegularFile.memory_object(file)
    }

    fn sync(&self, file: &File, data_only: bool) -> Result<()> {
        let inode = file.inode().ok_or(Errno::EINVAL)?;
        let pages = inode.page_cache().ok_or(Errno::EINVAL)?;
        sync(inode, pages, data_only, &self.seen)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
