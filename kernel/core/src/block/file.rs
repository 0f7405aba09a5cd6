//! An open device file: bytes of a volume, through its page cache.

use super::{SECTOR, Volume, ioctl};
use crate::memory::MemoryObject;
use crate::task::Current;
use crate::vfs::file_operations::{FileOperations, Positions, Whence};
use crate::vfs::flags::OpenFlags;
use crate::vfs::page_cache::Seen;
use crate::vfs::transfer::{Destination, Source};
use crate::vfs::{File, PageCache};
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;

/// An open device file of a volume.
pub struct BlockFile {
    volume: Arc<Volume>,
    cache: Arc<PageCache>,
    /// Which failures to write it has been told of.
    seen: Seen,
}

impl BlockFile {
    /// A new open file.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(volume: Arc<Volume>) -> Result<Self> {
        let cache = volume.cache()?.clone();
        volume.open();
        Ok(Self {
            seen: cache.seen(),
            volume,
            cache,
        })
    }

    /// The volume.
    pub(super) fn volume(&self) -> &Arc<Volume> {
        &self.volume
    }

    fn size(&self) -> u64 {
        self.volume.sectors() * SECTOR
    }
}

impl Drop for BlockFile {
    fn drop(&mut self) {
        self.volume.close();
    }
}

impl FileOperations for BlockFile {
    fn read(
        &self,
        _file: &File,
        destination: &mut Destination<'_>,
        position: &mut u64,
    ) -> Result<usize> {
        let before = destination.done();
        let result = self.cache.read(destination, *position);
        *position += (destination.done() - before) as u64;
        result
    }

    /// Writes as far as the device goes, beyond which there is no room. Data that must be on the medium at once is
    /// (`O_SYNC`, `O_DSYNC`).
    fn write(&self, file: &File, source: &mut Source<'_>, position: &mut u64) -> Result<usize> {
        if self.volume.geometry().read_only {
            return Err(Errno::EPERM);
        }
        if source.remaining() == 0 {
            return Ok(0);
        }
        if file.flags().contains(OpenFlags::APPEND) {
            *position = self.size();
        }
        let room = self.size().saturating_sub(*position);
        if room == 0 {
            return Err(Errno::ENOSPC);
        }
        source.limit(usize::try_from(room).unwrap_or(usize::MAX));
        let before = source.done();
        let result = self.cache.write(source, *position);
        *position += (source.done() - before) as u64;
        if file.flags().intersects(OpenFlags::DATA_SYNC) {
            self.cache.sync(&self.seen)?;
        }
        result
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, _file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => current,
            Whence::End => self.size(),
            Whence::Data | Whence::Hole => return Err(Errno::EINVAL),
        };
        // As on Linux, a device has no place beyond its end.
        base.checked_add_signed(offset)
            .filter(|&position| position <= self.size())
            .ok_or(Errno::EINVAL)
    }

    fn ioctl(
        &self,
        _file: &Arc<File>,
        current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        ioctl::carry_out(&self.volume, &self.cache, current, request, argument)
    }

    fn memory_object(&self, _file: &File) -> Result<Arc<dyn MemoryObject>> {
        Ok(self.cache.clone())
    }

    fn sync(&self, _file: &File, _data_only: bool) -> Result<()> {
        self.cache.sync(&self.seen)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
