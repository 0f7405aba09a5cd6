//! execve(2), execveat(2).

use super::arguments::Arguments as ProgramArguments;
use super::run::{Program, execute};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::Location;
use alloc::vec::Vec;
use hal::user::{self, StringError, UserAddr};

/// `PATH_MAX`.
const PATH_MAX: usize = 4096;
/// The descriptor that stands for the working directory.
const AT_FDCWD: i32 = -100;
const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
const AT_EMPTY_PATH: u32 = 0x1000;

/// Copies a path.
fn copy_path(address: u64) -> Result<Vec<u8>> {
    let mut path = Vec::new();
    let mut chunk = [0u8; 128];
    loop {
        let (length, whole) = match user::read_string(
            UserAddr(address.wrapping_add(path.len() as u64)),
            &mut chunk,
        ) {
            Ok(length) => (length, true),
            Err(StringError::TooLong) => (chunk.len(), false),
            Err(StringError::Fault) => return Err(Errno::EFAULT),
        };
        if path.len() + length >= PATH_MAX {
            return Err(Errno::ENAMETOOLONG);
        }
        path.make_room(length)?;
        path.extend_from_slice(chunk.get(..length).unwrap_or_default());
        if whole {
            return Ok(path);
        }
    }
}

/// execve(2).
pub fn execve(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let path = copy_path(arguments.u64(0))?;
    if path.is_empty() {
        return Err(Errno::ENOENT);
    }
    let given = ProgramArguments::copy_from_user(current, arguments.u64(1), arguments.u64(2))?;
    execute(
        current,
        arguments.registers,
        &Program::Path {
            start: None,
            path: &path,
            follow: true,
        },
        given,
    )
}

/// execveat(2).
pub fn execveat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (fd, flags) = (arguments.fd(0), arguments.u32(4));
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let path = copy_path(arguments.u64(1))?;
    let given = ProgramArguments::copy_from_user(current, arguments.u64(2), arguments.u64(3))?;
    if path.is_empty() && flags & AT_EMPTY_PATH == 0 {
        return Err(Errno::ENOENT);
    }
    if path.is_empty() {
        let location = location_of(current, fd)?;
        let name = alloc::format!("/dev/fd/{fd}");
        return execute(
            current,
            arguments.registers,
            &Program::Open {
                location,
                name: name.as_bytes(),
            },
            given,
        );
    }
    let follow = flags & AT_SYMLINK_NOFOLLOW == 0;
    let start = if fd == AT_FDCWD || path.starts_with(b"/") {
        None
    } else {
        Some(location_of(current, fd)?)
    };
    execute(
        current,
        arguments.registers,
        &Program::Path {
            start,
            path: &path,
            follow,
        },
        given,
    )
}

/// The place that an open descriptor stands for.
fn location_of(current: &Current, fd: i32) -> Result<Location> {
    current.file(fd)?.location().cloned().ok_or(Errno::EACCES)
}
