//! Locks on files: fcntl's record locks, flock (fcntl(2), flock(2)).

use super::{fault, usable_file};
use crate::syscall::Arguments;
use crate::task::{Current, registry};
use crate::vfs::file::File;
use crate::vfs::record_lock::{LockOwner, RangeLock};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `F_GETLK`, `F_SETLK`, `F_SETLKW`: locks of the process.
pub const GET: u32 = 5;
const SET: u32 = 6;
pub const SET_WAIT: u32 = 7;
/// `F_OFD_GETLK`, `F_OFD_SETLK`, `F_OFD_SETLKW`: locks of the open file.
pub const GET_FILE: u32 = 36;
const SET_FILE: u32 = 37;
pub const SET_FILE_WAIT: u32 = 38;

/// `struct flock`.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct UserLock {
    kind: i16,
    whence: i16,
    padding: u32,
    start: i64,
    length: i64,
    process: i32,
    padding_2: u32,
}

const READ: i16 = 0;
const WRITE: i16 = 1;
const UNLOCK: i16 = 2;

/// The bytes that a lock means: first, and the one after the last.
fn range(file: &File, lock: &UserLock) -> Result<(u64, u64)> {
    let base = match lock.whence {
        0 => 0,
        1 => *file.lock_position(),
        2 => file.inode().map_or(0, |inode| inode.size()),
        _ => return Err(Errno::EINVAL),
    };
    let start = base
        .checked_add_signed(lock.start)
        .filter(|&start| start <= i64::MAX as u64)
        .ok_or(Errno::EINVAL)?;
    match lock.length {
        0 => Ok((start, u64::MAX)),
        1.. => Ok((
            start,
            start
                .checked_add_signed(lock.length)
                .filter(|&end| end <= i64::MAX as u64 + 1)
                .ok_or(Errno::EOVERFLOW)?,
        )),
        _ => Ok((
            start.checked_add_signed(lock.length).ok_or(Errno::EINVAL)?,
            start,
        )),
    }
}

/// The commands of fcntl that are about locks.
///
/// # Errors
/// `EAGAIN` on a conflict; `EBADF` if the file isn't open for what the lock is; `EINVAL`, `EOVERFLOW`, `EFAULT`.
pub fn fcntl(
    current: &Current,
    file: &Arc<File>,
    command: u32,
    address: UserAddr,
) -> Result<usize> {
    let mut user_lock: UserLock = user::read_value(address).map_err(fault)?;
    let (start, end) = range(file, &user_lock)?;
    let inode = file.inode().ok_or(Errno::EINVAL)?;
    let by_file = command >= GET_FILE;
    if by_file && user_lock.process != 0 {
        return Err(Errno::EINVAL);
    }
    let process = current.process().host_pid();
    let owner = if by_file {
        LockOwner::of_file(file)
    } else {
        LockOwner::Process(process)
    };
    let lock = RangeLock {
        owner,
        exclusive: user_lock.kind == WRITE,
        start,
        end,
        process,
    };
    if command == GET || command == GET_FILE {
        if !matches!(user_lock.kind, READ | WRITE) {
            return Err(Errno::EINVAL);
        }
        match inode.locks.conflict(&lock) {
            None => user_lock.kind = UNLOCK,
            Some(other) => {
                user_lock.kind = if other.exclusive { WRITE } else { READ };
                user_lock.whence = 0;
                user_lock.start = other.start as i64;
                user_lock.length = if other.end == u64::MAX {
                    0
                } else {
                    (other.end - other.start) as i64
                };
                user_lock.process = match other.owner {
                    LockOwner::Process(host) => {
                        let holder = registry::find(host);
                        holder
                            .and_then(|holder| holder.number_seen_by(current.process()))
                            .unwrap_or(0) as i32
                    }
                    _ => -1,
                };
            }
        }
        user::write_value(address, &user_lock).map_err(fault)?;
        return Ok(0);
    }
    let flags = file.flags();
    match user_lock.kind {
        UNLOCK => inode.locks.release(owner, start, end)?,
        READ if !flags.can_read() => return Err(Errno::EBADF),
        WRITE if !flags.can_write() => return Err(Errno::EBADF),
        READ | WRITE => inode.locks.take(lock, !matches!(command, SET | SET_FILE))?,
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

const LOCK_SHARED: u32 = 1;
const LOCK_EXCLUSIVE: u32 = 2;
const LOCK_NON_BLOCKING: u32 = 4;
const LOCK_UNLOCK: u32 = 8;

/// flock(descriptor, operation).
pub fn flock(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let operation = arguments.u32(1);
    let inode = file.inode().ok_or(Errno::EBADF)?;
    let owner = LockOwner::whole(&file);
    let exclusive = match operation & !LOCK_NON_BLOCKING {
        LOCK_UNLOCK => return inode.locks.release(owner, 0, u64::MAX).map(|()| 0),
        LOCK_SHARED => false,
        LOCK_EXCLUSIVE => true,
        _ => return Err(Errno::EINVAL),
    };
    let lock = RangeLock {
        owner,
        exclusive,
        start: 0,
        end: u64::MAX,
        process: current.process().host_pid(),
    };
    inode.locks.take(lock, operation & LOCK_NON_BLOCKING == 0)?;
    Ok(0)
}
