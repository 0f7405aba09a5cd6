//! sync, syncfs, fsync, fdatasync, sync_file_range.

use super::usable_file;
use crate::block;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::kind::FileKind;
use crate::vfs::page_cache::write_back;
use crate::{Errno, Result};

/// fsync(descriptor).
pub fn fsync(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    sync_file(current, arguments, false)
}

/// fdatasync(descriptor).
pub fn fdatasync(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    sync_file(current, arguments, true)
}

fn sync_file(current: &Current, arguments: &Arguments, data_only: bool) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let inode = file.inode().ok_or(Errno::EINVAL)?;
    if !matches!(
        inode.kind(),
        FileKind::Regular | FileKind::Directory | FileKind::BlockDevice
    ) {
        return Err(Errno::EINVAL);
    }
    file.operations().sync(&file, data_only)?;
    Ok(0)
}

/// syncfs(descriptor).
pub fn syncfs(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    if let Some(inode) = file.inode() {
        inode.super_block().operations().sync()?;
    }
    Ok(0)
}

/// sync().
pub fn sync(_current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    write_back::write_all();
    block::flush_all();
    Ok(0)
}

/// sync_file_range(descriptor, offset, length, flags).
pub fn sync_file_range(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.i64(1) < 0 || arguments.i64(2) < 0 || arguments.u32(3) > 7 {
        return Err(Errno::EINVAL);
    }
    let file = usable_file(current, arguments.fd(0))?;
    match file.inode().map(|inode| inode.kind()) {
        Some(
            FileKind::Regular
            | FileKind::Directory
            | FileKind::BlockDevice
            | FileKind::SymbolicLink,
        ) => Ok(0),
        _ => Err(Errno::ESPIPE),
    }
}
