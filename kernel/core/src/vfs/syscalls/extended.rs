//! Extended attributes (xattr(7)): no file system has any yet, which is what programs are told.

use super::{WORKING_DIRECTORY, at, usable_file};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::UserAddr;

fn refuse_at(current: &Current, arguments: &Arguments, how: WalkFlags) -> Result<usize> {
    at(
        current,
        WORKING_DIRECTORY,
        UserAddr(arguments.u64(0)),
        |view, start, path| walk::resolve(view, start, path, how),
    )?;
    Err(Errno::EOPNOTSUPP)
}

/// setxattr, getxattr, removexattr (path, …).
pub fn by_path(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    refuse_at(current, arguments, WalkFlags::FOLLOW)
}

/// lsetxattr, lgetxattr, lremovexattr (path, …).
pub fn by_link(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    refuse_at(current, arguments, WalkFlags::empty())
}

/// fsetxattr, fgetxattr, fremovexattr (descriptor, …).
pub fn by_descriptor(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    usable_file(current, arguments.fd(0))?;
    Err(Errno::EOPNOTSUPP)
}

/// listxattr(path, …): the list is empty.
pub fn list_by_path(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    none(refuse_at(current, arguments, WalkFlags::FOLLOW))
}

/// llistxattr(path, …).
pub fn list_by_link(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    none(refuse_at(current, arguments, WalkFlags::empty()))
}

/// flistxattr(descriptor, …).
pub fn list_by_descriptor(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    usable_file(current, arguments.fd(0))?;
    Ok(0)
}

fn none(refusal: Result<usize>) -> Result<usize> {
    match refusal {
        Err(Errno::EOPNOTSUPP) => Ok(0),
        other => other,
    }
}
