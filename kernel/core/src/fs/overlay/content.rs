//! Open regular files of an overlay. Reads and mappings take the pages of the file that is shown, wherever it is:
//! those of a lower file until it is copied up, also for a descriptor that was opened before.

use super::inode::OverlayInode;
use crate::memory::MemoryObject;
use crate::vfs::file::File;
use crate::vfs::file_operations::{FileOperations, Positions, Whence};
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{Inode, InodeOperations};
use crate::vfs::page_cache::PageCache;
use crate::vfs::regular_file;
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;

/// What an open file of an overlay does. It holds nothing: the file knows its inode.
pub struct OverlayFile;

fn content(file: &File) -> Result<(&Arc<Inode>, &Arc<PageCache>)> {
    let inode = file.inode().ok_or(Errno::EINVAL)?;
    Ok((inode, inode.page_cache().ok_or(Errno::EINVAL)?))
}

impl FileOperations for OverlayFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        position: &mut u64,
    ) -> Result<usize> {
        let (inode, pages) = content(file)?;
        let before = destination.done();
        let result = pages.read(destination, *position);
        *position += (destination.done() - before) as u64;
        // Access times of lower layers stay.
        if !file.flags().contains(OpenFlags::NO_ACCESS_TIME)
            && let (Some(location), Some(upper)) =
                (file.location(), OverlayInode::of(inode)?.upper())
        {
            location.mount.touch_accessed(upper.inode());
        }
        result
    }

    fn write(&self, file: &File, source: &mut Source<'_>, position: &mut u64) -> Result<usize> {
        let inode = file.inode().ok_or(Errno::EINVAL)?;
        let own = OverlayInode::of(inode)?;
        // It was copied up when it was opened for writing.
        let upper = own.upper().ok_or(Errno::EIO)?.inode();
        let appends = file.flags().contains(OpenFlags::APPEND);
        let before = source.done();
        let result = regular_file::write(upper, appends, source, position);
        own.copy_attributes(inode);
        if source.done() > before && file.flags().intersects(OpenFlags::DATA_SYNC) {
            own.sync(inode, !file.flags().contains(OpenFlags::SYNC))?;
        }
        result
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        regular_file::seek(content(file)?.1, current, offset, whence)
    }

    fn memory_object(&self, file: &File) -> Result<Arc<dyn MemoryObject>> {
        Ok(content(file)?.1.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
