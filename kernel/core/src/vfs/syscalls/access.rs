//! faccessat, faccessat2 (access(2)).

use super::{EMPTY_PATH, NO_FOLLOW, at};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::fs_context::View;
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::mount::MountFlags;
use crate::vfs::permission::{self, EXECUTE, WRITE};
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::UserAddr;

/// Check with the effective user and groups (`AT_EACCESS`).
const EFFECTIVE: u32 = 0x200;

/// faccessat(descriptor, path, mode).
pub fn faccessat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check(current, arguments, 0)
}

/// faccessat2(descriptor, path, mode, flags).
pub fn faccessat2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    check(current, arguments, arguments.u32(3))
}

fn check(current: &Current, arguments: &Arguments, flags: u32) -> Result<usize> {
    let mask = arguments.u32(2);
    if mask > 7 || flags & !(EFFECTIVE | NO_FOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            if flags & EFFECTIVE != 0 || view.credentials.is_real_user() {
                return check_path(view, start, path, mask, flags);
            }
            // The real user is asked about: the whole walk is made in its name.
            let real = view.credentials.of_real_user();
            check_path(
                &View {
                    fs: view.fs,
                    credentials: &real,
                },
                start,
                path,
                mask,
                flags,
            )
        },
    )
}

fn check_path(
    view: &View<'_>,
    start: Option<&Location>,
    path: &[u8],
    mask: u32,
    flags: u32,
) -> Result<usize> {
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    how.set(WalkFlags::ALLOW_EMPTY, flags & EMPTY_PATH != 0);
    let location = walk::resolve(view, start, path, how)?;
    if mask == 0 {
        return Ok(0);
    }
    let inode = location.inode();
    if mask & EXECUTE != 0
        && inode.kind() == FileKind::Regular
        && location.mount.flags().contains(MountFlags::NO_EXECUTE)
    {
        return Err(Errno::EACCES);
    }
    permission::check(inode, view.credentials, mask)?;
    if mask & WRITE != 0
        && location.is_read_only()
        && permission::writes_to_file_system(inode.kind())
    {
        return Err(Errno::EROFS);
    }
    Ok(0)
}
