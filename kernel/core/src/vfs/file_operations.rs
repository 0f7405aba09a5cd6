//! What an open file does.

use super::file::File;
use super::inode::EntrySink;
use super::poll::{PollEvents, PollRegistration};
use super::transfer::{Destination, Source};
use crate::memory::MemoryObject;
use crate::task::Current;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;

/// How lseek(2) counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// From the start.
    Start,
    /// From the position.
    Current,
    /// From the end.
    End,
    /// The next byte that is data.
    Data,
    /// The next byte in a hole.
    Hole,
}

/// How a file treats positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Positions {
    /// It has a position that reads and writes move; pread(2) and pwrite(2) work.
    Seekable,
    /// Positions mean nothing: reads and writes come as they come. pread(2) gives `ESPIPE`.
    Stream,
    /// A device that ignores positions but lets them be given (/dev/null).
    Ignored,
}

/// What an open file does. Called without any lock but, for files with a position, the position's.
/// The defaults refuse, with the error that Linux gives for a file without the operation.
pub trait FileOperations: Send + Sync {
    /// Reads at `position` and moves it on; 0 bytes at the end. What was transferred before an error counts:
    /// the caller reports it instead of the error.
    ///
    /// # Errors
    /// `EINVAL` for files that can't be read; `EAGAIN`, `EFAULT`, `EIO`, restart codes.
    fn read(
        &self,
        _file: &File,
        _destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// Writes at `position`, or at the end with `O_APPEND`, and moves it on.
    ///
    /// # Errors
    /// `EINVAL` for files that can't be written; `EAGAIN`, `EFAULT`, `EFBIG`, `ENOSPC`, `EPIPE`, restart codes.
    fn write(&self, _file: &File, _source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        Err(Errno::EINVAL)
    }

    /// How it treats positions.
    fn positions(&self) -> Positions {
        Positions::Stream
    }

    /// Where a seek leads.
    ///
    /// # Errors
    /// `ESPIPE` for streams; `EINVAL`, `ENXIO`, `EOVERFLOW`.
    fn seek(&self, file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        let base = match (self.positions(), whence) {
            (Positions::Stream, _) => return Err(Errno::ESPIPE),
            (Positions::Ignored, _) => return Ok(0),
            (_, Whence::Start) => 0,
            (_, Whence::Current) => current,
            (_, Whence::End) => file
                .location()
                .map_or(0, |location| location.inode().size()),
            (_, Whence::Data | Whence::Hole) => return Err(Errno::EINVAL),
        };
        base.checked_add_signed(offset)
            .filter(|&position| position <= i64::MAX as u64)
            .ok_or(Errno::EINVAL)
    }

    /// Its readiness now; with a registration, the caller is told of changes from before this look on.
    fn poll(&self, _file: &File, _registration: Option<&mut PollRegistration>) -> PollEvents {
        PollEvents::IN | PollEvents::OUT
    }

    /// A device's own request (ioctl(2)).
    ///
    /// # Errors
    /// `ENOTTY` for a request that it doesn't know.
    fn ioctl(
        &self,
        _file: &Arc<File>,
        _current: &Current,
        _request: u32,
        _argument: u64,
    ) -> Result<usize> {
        Err(Errno::ENOTTY)
    }

    /// Gives the sink entries from `position` on, "." and ".." too, and moves the position on.
    ///
    /// # Errors
    /// `ENOTDIR` for files that aren't directories.
    fn read_directory(
        &self,
        _file: &File,
        _position: &mut u64,
        _sink: EntrySink<'_>,
    ) -> Result<()> {
        Err(Errno::ENOTDIR)
    }

    /// What mmap(2) maps.
    ///
    /// # Errors
    /// `ENODEV` for files that can't be mapped.
    fn memory_object(&self, _file: &File) -> Result<Arc<dyn MemoryObject>> {
        Err(Errno::ENODEV)
    }

    /// Returns when what was written to the file so far is on its medium (fsync(2)); with `data_only` attributes which
    /// aren't needed to read it may be missing (fdatasync(2)).
    ///
    /// # Errors
    /// `EIO`, `ENOSPC`: something couldn't be written since the last time that this open file was told.
    fn sync(&self, file: &File, data_only: bool) -> Result<()> {
        match file.inode() {
            Some(inode) => inode.operations().sync(inode, data_only),
            None => Ok(()),
        }
    }

    /// A descriptor of the file is being closed (it may not be the last).
    fn flush(&self, _file: &File) {}

    /// The concrete type: context descriptors, process descriptors and epoll instances are told apart by it.
    fn as_any(&self) -> &dyn Any;
}
