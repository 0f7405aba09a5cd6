//! truncate, ftruncate, fallocate, fadvise64, readahead.

use super::{WORKING_DIRECTORY, at, usable_file};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::change;
use crate::vfs::kind::FileKind;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::UserAddr;

fn size(value: i64) -> Result<u64> {
    u64::try_from(value).map_err(|_| Errno::EINVAL)
}

/// truncate(path, size).
pub fn truncate(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let size = size(arguments.i64(1))?;
    at(
        current,
        WORKING_DIRECTORY,
        UserAddr(arguments.u64(0)),
        |view, start, path| {
            change::truncate_at(
                view,
                &walk::resolve(view, start, path, WalkFlags::FOLLOW)?,
                size,
            )
        },
    )?;
    Ok(0)
}

/// ftruncate(descriptor, size).
pub fn ftruncate(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let size = size(arguments.i64(1))?;
    let file = usable_file(current, arguments.fd(0))?;
    let inode = file
        .inode()
        .filter(|inode| inode.kind() == FileKind::Regular)
        .ok_or(Errno::EINVAL)?;
    if !file.flags().can_write() {
        return Err(Errno::EINVAL);
    }
    change::truncate(inode, size)?;
    Ok(0)
}

/// Keep the size; make a hole (fallocate(2)).
const KEEP_SIZE: u32 = 1;
const PUNCH_HOLE: u32 = 2;
const ZERO_RANGE: u32 = 0x10;

/// fallocate(descriptor, mode, offset, length).
pub fn fallocate(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mode = arguments.u32(1);
    let (offset, length) = (size(arguments.i64(2))?, size(arguments.i64(3))?);
    let file = usable_file(current, arguments.fd(0))?;
    if length == 0 {
        return Err(Errno::EINVAL);
    }
    if !file.flags().can_write() {
        return Err(Errno::EBADF);
    }
    let inode = file.inode().ok_or(Errno::ENODEV)?;
    match inode.kind() {
        FileKind::Regular => {}
        FileKind::Fifo => return Err(Errno::ESPIPE),
        FileKind::Directory => return Err(Errno::EISDIR),
        _ => return Err(Errno::ENODEV),
    }
    let inode = inode.content();
    let pages = inode.page_cache().ok_or(Errno::EOPNOTSUPP)?;
    let end = offset
        .checked_add(length)
        .filter(|&end| end <= i64::MAX as u64)
        .ok_or(Errno::EFBIG)?;
    let _changing = inode.change.lock();
    let grows = mode & KEEP_SIZE == 0 && end > pages.size();
    if grows && end > crate::vfs::limits::file_size() {
        crate::vfs::signals::file_size_exceeded();
        return Err(Errno::EFBIG);
    }
    let operations = inode.operations();
    match mode & !KEEP_SIZE {
        0 => operations.allocate(inode, offset, end)?,
        PUNCH_HOLE if mode & KEEP_SIZE != 0 => operations.discard(inode, offset, end)?,
        ZERO_RANGE => {
            operations.discard(inode, offset, end)?;
            operations.allocate(inode, offset, end)?;
        }
        _ => return Err(Errno::EOPNOTSUPP),
    }
    if grows && mode & PUNCH_HOLE == 0 {
        pages.grow(end);
    }
    inode.attributes.touch_modified();
    operations.attributes_changed(inode);
    Ok(0)
}

/// fadvise64(descriptor, offset, length, advice): everything is in memory, so no advice changes anything.
pub fn fadvise64(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    if file
        .inode()
        .is_some_and(|inode| inode.kind() == FileKind::Fifo)
    {
        return Err(Errno::ESPIPE);
    }
    size(arguments.i64(2))?;
    if arguments.u32(3) > 5 {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}

/// readahead(descriptor, offset, count): everything is in memory.
pub fn readahead(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    if !file.flags().can_read() {
        return Err(Errno::EBADF);
    }
    if file
        .inode()
        .is_none_or(|inode| inode.kind() != FileKind::Regular)
    {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}
