//! Open regular files whose content is in the page cache.

use super::file::File;
use super::file_operations::{FileOperations, Positions, Whence};
use super::flags::OpenFlags;
use super::inode::Inode;
use super::page_cache::{PageCache, SIZE_LIMIT};
use super::transfer::{Destination, Source};
use crate::memory::MemoryObject;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;

/// What an open file of an inode with a page cache does. It holds nothing: the file knows its inode.
pub struct RegularFile;

fn content(file: &File) -> Result<(&Arc<Inode>, &Arc<PageCache>)> {
    let inode = file.inode().ok_or(Errno::EINVAL)?;
    Ok((inode, inode.page_cache().ok_or(Errno::EINVAL)?))
}

/// How far the caller's `RLIMIT_FSIZE` lets it write from `position` on.
///
/// # Errors
/// `EFBIG` if not one byte; SIGXFSZ is on its way then.
pub fn room_below_limit(position: u64, wanted: u64) -> Result<u64> {
    let limit = super::limits::file_size();
    if limit == u64::MAX || position.saturating_add(wanted) <= limit {
        return Ok(wanted);
    }
    if position >= limit {
        super::signals::file_size_exceeded();
        return Err(Errno::EFBIG);
    }
    Ok(limit - position)
}

/// Writes at `position`, or at the end if it appends, and moves the position on.
///
/// # Errors
/// `EINVAL` for an inode without a page cache; `EFBIG`, `ENOSPC`, `ENOMEM`, `EFAULT`.
#[inline]
pub fn write(
    inode: &Arc<Inode>,
    appends: bool,
    source: &mut Source<'_>,
    position: &mut u64,
) -> Result<usize> {
    let pages = inode.page_cache().ok_or(Errno::EINVAL)?;
    if source.remaining() == 0 {
        return Ok(0);
    }
    let _changing = inode.change.lock();
    if appends {
        *position = pages.size();
    }
    let allowed = room_below_limit(*position, source.remaining() as u64)?;
    source.limit(usize::try_from(allowed).unwrap_or(usize::MAX));
    let before = source.done();
    let result = pages.write(source, *position);
    *position += (source.done() - before) as u64;
    inode.attributes.touch_modified();
    if pages.is_backed() {
        inode.operations().attributes_changed(inode);
    }
    if inode.attributes.gives_rights() {
        super::change::drop_rights(inode);
    }
    result
}

/// Where a seek in content that is in the page cache leads.
///
/// # Errors
/// `EINVAL` for what isn't a position; `ENXIO` for data or a hole beyond the end.
pub fn seek(pages: &PageCache, current: u64, offset: i64, whence: Whence) -> Result<u64> {
    let size = pages.size();
    let within = || {
        u64::try_from(offset)
            .ok()
            .filter(|&offset| offset < size)
            .ok_or(Errno::ENXIO)
    };
    let position = match whence {
        Whence::Start => u64::try_from(offset).ok(),
        Whence::Current => current.checked_add_signed(offset),
        Whence::End => size.checked_add_signed(offset),
        Whence::Data => return pages.next_data(within()?).ok_or(Errno::ENXIO),
        Whence::Hole => return Ok(pages.next_hole(within()?)),
    };
    position
        .filter(|&position| position <= SIZE_LIMIT)
        .ok_or(Errno::EINVAL)
}

impl FileOperations for RegularFile {
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
        if !file.flags().contains(OpenFlags::NO_ACCESS_TIME)
            && let Some(location) = file.location()
        {
            location.mount.touch_accessed(inode);
        }
        result
    }

    fn write(&self, file: &File, source: &mut Source<'_>, position: &mut u64) -> Result<usize> {
        let inode = file.inode().ok_or(Errno::EINVAL)?;
        let appends = file.flags().contains(OpenFlags::APPEND);
        write(inode, appends, source, position)
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        seek(content(file)?.1, current, offset, whence)
    }

    fn memory_object(&self, file: &File) -> Result<Arc<dyn MemoryObject>> {
        let (_, pages) = content(file)?;
        Ok(pages.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
