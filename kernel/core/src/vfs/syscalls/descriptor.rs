//! dup, dup3, fcntl (dup(2), fcntl(2)).

use super::{fault, lock};
use crate::syscall::Arguments;
use crate::task::{Capability, Current, registry};
use crate::vfs::file::File;
use crate::vfs::flags::OpenFlags;
use crate::vfs::pipe::{Pipe, PipeEnd};
use crate::vfs::{limits, permission};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::{self, UserAddr};

/// dup(descriptor).
pub fn dup(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let files = current.files();
    let file = files.get(arguments.fd(0))?;
    files
        .install(file, false, 0, limits::open_files())
        .map(|fd| fd as usize)
}

/// dup3(old descriptor, new descriptor, flags).
pub fn dup3(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (old, new, flags) = (arguments.fd(0), arguments.fd(1), arguments.u32(2));
    if flags & !OpenFlags::CLOSE_ON_EXEC.bits() != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    let files = current.files();
    let file = files.get(old)?;
    files.install_at(new, file, flags != 0, limits::open_files())?;
    Ok(new as usize)
}

const DUPLICATE: u32 = 0;
const GET_DESCRIPTOR_FLAGS: u32 = 1;
const SET_DESCRIPTOR_FLAGS: u32 = 2;
const GET_STATUS_FLAGS: u32 = 3;
const SET_STATUS_FLAGS: u32 = 4;
const SET_OWNER: u32 = 8;
const GET_OWNER: u32 = 9;
const SET_OWNER_EX: u32 = 15;
const GET_OWNER_EX: u32 = 16;
const DUPLICATE_CLOSE_ON_EXEC: u32 = 1030;
const SET_PIPE_SIZE: u32 = 1031;
const GET_PIPE_SIZE: u32 = 1032;

/// `FD_CLOEXEC`.
const CLOSE_ON_EXEC: u64 = 1;

/// fcntl(descriptor, command, argument).
pub fn fcntl(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (fd, command, argument) = (arguments.fd(0), arguments.u32(1), arguments.u64(2));
    let files = current.files();
    let file = files.get(fd)?;
    let allowed_on_places = matches!(
        command,
        DUPLICATE
            | DUPLICATE_CLOSE_ON_EXEC
            | GET_DESCRIPTOR_FLAGS
            | SET_DESCRIPTOR_FLAGS
            | GET_STATUS_FLAGS
    );
    if file.flags().contains(OpenFlags::PATH) && !allowed_on_places {
        return Err(Errno::EBADF);
    }
    match command {
        DUPLICATE | DUPLICATE_CLOSE_ON_EXEC => {
            let minimum = u32::try_from(argument as i32).map_err(|_| Errno::EINVAL)?;
            let close_on_exec = command == DUPLICATE_CLOSE_ON_EXEC;
            files
                .install(file, close_on_exec, minimum, limits::open_files())
                .map(|fd| fd as usize)
        }
        GET_DESCRIPTOR_FLAGS => Ok(files.closes_on_exec(fd)?.into()),
        SET_DESCRIPTOR_FLAGS => files
            .set_close_on_exec(fd, argument & CLOSE_ON_EXEC != 0)
            .map(|()| 0),
        GET_STATUS_FLAGS => Ok(file.flags().bits() as usize),
        SET_STATUS_FLAGS => {
            set_status_flags(current, &file, OpenFlags::from_bits_retain(argument as u32))
        }
        lock::GET..=lock::SET_WAIT | lock::GET_FILE..=lock::SET_FILE_WAIT => {
            lock::fcntl(current, &file, command, UserAddr(argument))
        }
        GET_OWNER | SET_OWNER | GET_OWNER_EX | SET_OWNER_EX => {
            owner(current, &file, command, argument)
        }
        SET_PIPE_SIZE => {
            let size = usize::try_from(argument as i32).map_err(|_| Errno::EINVAL)?;
            pipe_of(&file)?.set_capacity(size, current.is_capable(Capability::SysResource))
        }
        GET_PIPE_SIZE => Ok(pipe_of(&file)?.capacity()),
        _ => Err(Errno::EINVAL),
    }
}

/// The pipe that a file is an end of.
///
/// # Errors
/// `EBADF` if it is none.
pub fn pipe_of(file: &File) -> Result<&Arc<Pipe>> {
    file.operations()
        .as_any()
        .downcast_ref::<PipeEnd>()
        .map(PipeEnd::pipe)
        .ok_or(Errno::EBADF)
}

fn set_status_flags(current: &Current, file: &Arc<File>, flags: OpenFlags) -> Result<usize> {
    if flags.contains(OpenFlags::NO_ACCESS_TIME)
        && !file.flags().contains(OpenFlags::NO_ACCESS_TIME)
        && let Some(inode) = file.inode()
    {
        permission::check_owner(inode, &current.credentials())?;
    }
    file.set_changeable_flags(flags);
    Ok(0)
}

/// `struct f_owner_ex`: 0 a thread, 1 a process, 2 a process group.
type OwnerEx = [i32; 2];
const GROUP: i32 = 2;

/// Who gets SIGIO, by the numbers of the caller's process list: positive a process, negative a group.
fn owner(current: &Current, file: &File, command: u32, argument: u64) -> Result<usize> {
    let contexts = current.process().contexts();
    let host = |number: i32| -> Result<i64> {
        if number == 0 {
            return Ok(0);
        }
        let host = contexts
            .host_number(number.unsigned_abs())
            .ok_or(Errno::ESRCH)?;
        Ok(if number < 0 {
            -i64::from(host)
        } else {
            i64::from(host)
        })
    };
    // One that has ended, or is out of the caller's sight, is nobody.
    let seen = || -> i32 {
        let owner = file.owner();
        let Ok(host) = u32::try_from(owner.unsigned_abs()) else {
            return 0;
        };
        if owner < 0 {
            -(registry::find_group(host)
                .and_then(|group| contexts.number_of(group.number()))
                .unwrap_or(0) as i32)
        } else {
            registry::find(host)
                .and_then(|process| contexts.number_of(process.number()))
                .unwrap_or(0) as i32
        }
    };
    match command {
        SET_OWNER => file.set_owner(host(argument as i32)?),
        GET_OWNER => return Ok(seen() as isize as usize),
        SET_OWNER_EX => {
            let [kind, number]: OwnerEx = user::read_value(UserAddr(argument)).map_err(fault)?;
            let number = match kind {
                0 | 1 => number,
                GROUP => number.checked_neg().ok_or(Errno::EINVAL)?,
                _ => return Err(Errno::EINVAL),
            };
            file.set_owner(host(number)?);
        }
        _ => {
            let number = seen();
            let answer: OwnerEx = if number < 0 {
                [GROUP, -number]
            } else {
                [1, number]
            };
            user::write_value(UserAddr(argument), &answer).map_err(fault)?;
        }
    }
    Ok(0)
}
