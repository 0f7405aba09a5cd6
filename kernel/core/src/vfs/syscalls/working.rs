//! chdir, fchdir, chroot, getcwd, umask.

use super::{WORKING_DIRECTORY, at, fault, with_view};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};
use crate::vfs::location::Location;
use crate::vfs::path_text;
use crate::vfs::permission::{self, EXECUTE};
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};

const TO_DIRECTORY: WalkFlags = WalkFlags::FOLLOW.union(WalkFlags::DIRECTORY);

fn directory(current: &Current, path: UserAddr) -> Result<Location> {
    at(current, WORKING_DIRECTORY, path, |view, start, path| {
        let location = walk::resolve(view, start, path, TO_DIRECTORY)?;
        permission::check(location.inode(), view.credentials, EXECUTE)?;
        Ok(location)
    })
}

/// chdir(path).
pub fn chdir(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let location = directory(current, UserAddr(arguments.u64(0)))?;
    current.fs().set_working_directory(location);
    Ok(0)
}

/// fchdir(descriptor).
pub fn fchdir(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let location = file
        .location()
        .filter(|location| location.inode().is_directory())
        .ok_or(Errno::ENOTDIR)?;
    with_view(current, |view| {
        permission::check(location.inode(), view.credentials, EXECUTE)
    })?;
    current.fs().set_working_directory(location.clone());
    Ok(0)
}

/// chroot(path): with CAP_SYS_CHROOT, outside a jail.
pub fn chroot(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    crate::context::jail::refuse(current)?;
    let location = directory(current, UserAddr(arguments.u64(0)))?;
    current.require(Capability::SysChroot)?;
    current.fs().set_root(location);
    Ok(0)
}

/// getcwd(buffer, size): the length with its NUL. A directory that the root doesn't lead to begins with "(unreachable)".
///
/// # Errors
/// `ENOENT` if the directory was removed; `ERANGE` if the buffer is too small.
pub fn getcwd(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let fs = current.fs();
    let working = fs.working_directory();
    if working.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    let mut path = path_text::seen_from(&working, &fs.root())?;
    path.push(0);
    if path.len() > arguments.usize(1) {
        return Err(Errno::ERANGE);
    }
    user::copy_to_user(UserAddr(arguments.u64(0)), &path).map_err(fault)?;
    Ok(path.len())
}

/// umask(mask).
pub fn umask(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    Ok(current.fs().set_umask(arguments.u32(0)) as usize)
}
