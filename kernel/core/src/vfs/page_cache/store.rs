//! What a file system implements to keep content somewhere else than in memory.

use super::SIZE_LIMIT;
use crate::Result;
use hal::frame::Frame;

/// Where the pages of a file come from that can't be written.
pub trait PageSource: Send + Sync {
    /// The content of a page within the file's size; a page of some other object's that holds just that will do.
    /// Called with the address space locked.
    ///
    /// # Errors
    /// `EIO`, `EUCLEAN`, `ENOMEM`.
    fn page(&self, index: u64) -> Result<Frame>;
}

/// Where the pages of a file are kept that can be written: the page cache loads them from here, and writes them back
/// when it is told to, when many have been changed, and some seconds after a change.
///
/// Calls may sleep. They touch no user memory and write no other cache back, as an address space may be locked.
pub trait PageStore: Send + Sync {
    /// Greatest size of the file in bytes, at most [`SIZE_LIMIT`].
    fn size_limit(&self) -> u64 {
        SIZE_LIMIT
    }

    /// Makes sure that a page can be written back, which is about to be changed and wasn't since it was written. It may
    /// be asked again for the same page before that, and the page may stay unchanged after all.
    ///
    /// # Errors
    /// `ENOSPC`, `EDQUOT`, `EIO`, `ENOMEM`, `EROFS`; the page isn't changed then.
    fn reserve(&self, _index: u64) -> Result<()> {
        Ok(())
    }

    /// Fills every byte of the frames with the pages from `first` on; what isn't there (holes, bytes beyond the end) is
    /// zeros. Nobody else has the frames.
    ///
    /// # Errors
    /// `EIO`, `EUCLEAN`, `ENOMEM`; nothing is used of the frames then.
    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()>;

    /// Writes pages, given in ascending order with their indices. Those which follow each other are best written at
    /// once. Programs may change them meanwhile; such a page is written again later. When it returns the device has
    /// them all, perhaps in a cache of its own.
    ///
    /// # Errors
    /// `EIO`, `ENOSPC`, `ENOMEM`; some may have been written then. They count as written: the error is told by the next
    /// fsync of each open file.
    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()>;

    /// Returns when everything of this file that the device had is on its medium, and can be found there.
    ///
    /// # Errors
    /// `EIO`.
    fn flush(&self) -> Result<()>;
}
