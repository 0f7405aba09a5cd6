//! setxattr, getxattr, listxattr, removexattr and their l and f variants (xattr(7)).

use super::user_path::with_path;
use super::{WORKING_DIRECTORY, at, fault, usable_file};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::{Credentials, Current};
use crate::vfs::extended::{self, Existing, LIST_LIMIT, NAME_LIMIT, VALUE_LIMIT};
use crate::vfs::location::Location;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use alloc::vec::Vec;
use hal::user::{self, UserAddr};

/// Which file a call means by its first argument.
#[derive(Clone, Copy)]
enum Target {
    /// A path; a symbolic link at its end is followed.
    Path,
    /// A path; a symbolic link at its end is meant itself.
    Link,
    /// A descriptor.
    Descriptor,
}

fn with_target<R>(
    current: &Current,
    arguments: &Arguments,
    target: Target,
    action: impl FnOnce(&Credentials, &Location) -> Result<R>,
) -> Result<R> {
    let how = match target {
        Target::Path => WalkFlags::FOLLOW,
        Target::Link => WalkFlags::empty(),
        Target::Descriptor => {
            let file = usable_file(current, arguments.fd(0))?;
            let location = file.location().ok_or(Errno::EOPNOTSUPP)?;
            return action(&current.credentials(), location);
        }
    };
    let path = UserAddr(arguments.u64(0));
    at(current, WORKING_DIRECTORY, path, |view, start, path| {
        action(view.credentials, &walk::resolve(view, start, path, how)?)
    })
}

/// Runs `action` with the name at this address.
///
/// # Errors
/// `ERANGE` for a name that is empty or too long; `EFAULT`.
fn with_name<R>(address: UserAddr, action: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let outcome = with_path(address, |name| {
        if name.is_empty() || name.len() > NAME_LIMIT {
            return Err(Errno::ENAMETOOLONG);
        }
        Ok(action(name))
    });
    match outcome {
        Ok(result) => result,
        Err(Errno::ENAMETOOLONG) => Err(Errno::ERANGE),
        Err(error) => Err(error),
    }
}

/// `XATTR_CREATE`, `XATTR_REPLACE`.
const CREATE: u32 = 1;
const REPLACE: u32 = 2;
const BOTH: u32 = CREATE | REPLACE;

fn set(current: &Current, arguments: &Arguments, target: Target) -> Result<usize> {
    let existing = match arguments.u32(4) {
        0 => Existing::Allowed,
        CREATE => Existing::Refused,
        REPLACE => Existing::Required,
        BOTH => Existing::Contradicted,
        _ => return Err(Errno::EINVAL),
    };
    let size = arguments.usize(3);
    with_name(UserAddr(arguments.u64(1)), |name| {
        if size > VALUE_LIMIT {
            return Err(Errno::E2BIG);
        }
        let mut value = Vec::new();
        value.make_room_exact(size)?;
        value.resize(size, 0);
        user::copy_from_user(&mut value, UserAddr(arguments.u64(2))).map_err(fault)?;
        with_target(current, arguments, target, |credentials, location| {
            extended::set(credentials, location, name, &value, existing)
        })
    })?;
    Ok(0)
}

/// Gives the caller bytes, or how many there are if it has no room for any.
fn give(bytes: &[u8], address: UserAddr, room: usize) -> Result<usize> {
    if room > 0 {
        if bytes.len() > room {
            return Err(Errno::ERANGE);
        }
        user::copy_to_user(address, bytes).map_err(fault)?;
    }
    Ok(bytes.len())
}

fn get(current: &Current, arguments: &Arguments, target: Target) -> Result<usize> {
    with_name(UserAddr(arguments.u64(1)), |name| {
        let value = with_target(current, arguments, target, |credentials, location| {
            extended::get(credentials, location, name)
        })?;
        let room = arguments.usize(3).min(VALUE_LIMIT);
        give(&value, UserAddr(arguments.u64(2)), room)
    })
}

fn list(current: &Current, arguments: &Arguments, target: Target) -> Result<usize> {
    let names = with_target(current, arguments, target, extended::list)?;
    let room = arguments.usize(2).min(LIST_LIMIT);
    give(&names, UserAddr(arguments.u64(1)), room)
}

fn remove(current: &Current, arguments: &Arguments, target: Target) -> Result<usize> {
    with_name(UserAddr(arguments.u64(1)), |name| {
        with_target(current, arguments, target, |credentials, location| {
            extended::remove(credentials, location, name)
        })
    })?;
    Ok(0)
}

/// setxattr(path, name, value, size, flags).
pub fn setxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    set(current, arguments, Target::Path)
}

/// lsetxattr(path, name, value, size, flags).
pub fn lsetxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    set(current, arguments, Target::Link)
}

/// fsetxattr(descriptor, name, value, size, flags).
pub fn fsetxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    set(current, arguments, Target::Descriptor)
}

/// getxattr(path, name, value, size).
pub fn getxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    get(current, arguments, Target::Path)
}

/// lgetxattr(path, name, value, size).
pub fn lgetxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    get(current, arguments, Target::Link)
}

/// fgetxattr(descriptor, name, value, size).
pub fn fgetxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    get(current, arguments, Target::Descriptor)
}

/// listxattr(path, list, size).
pub fn listxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    list(current, arguments, Target::Path)
}

/// llistxattr(path, list, size).
pub fn llistxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    list(current, arguments, Target::Link)
}

/// flistxattr(descriptor, list, size).
pub fn flistxattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    list(current, arguments, Target::Descriptor)
}

/// removexattr(path, name).
pub fn removexattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    remove(current, arguments, Target::Path)
}

/// lremovexattr(path, name).
pub fn lremovexattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    remove(current, arguments, Target::Link)
}

/// fremovexattr(descriptor, name).
pub fn fremovexattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    remove(current, arguments, Target::Descriptor)
}
