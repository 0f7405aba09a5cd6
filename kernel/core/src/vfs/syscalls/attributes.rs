//! fchmod, fchmodat, fchown, fchownat, utimensat (chmod(2), chown(2), utimensat(2)).

use super::{EMPTY_PATH, NO_FOLLOW, at, fault, usable_file};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::change::{self, NewTime};
use crate::vfs::kind::PERMISSION_MASK;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};

/// fchmod(descriptor, mode).
pub fn fchmod(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let location = file.location().ok_or(Errno::EINVAL)?;
    change::set_permissions(
        &current.credentials(),
        location,
        arguments.u32(1) & PERMISSION_MASK,
    )?;
    Ok(0)
}

/// fchmodat(descriptor, path, mode).
pub fn fchmodat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    change_mode(current, arguments, 0)
}

/// fchmodat2(descriptor, path, mode, flags).
pub fn fchmodat2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    change_mode(current, arguments, arguments.u32(3))
}

fn change_mode(current: &Current, arguments: &Arguments, flags: u32) -> Result<usize> {
    let mode = arguments.u32(2) & PERMISSION_MASK;
    let how = walk_flags(flags)?;
    at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            change::set_permissions(
                view.credentials,
                &walk::resolve(view, start, path, how)?,
                mode,
            )
        },
    )?;
    Ok(0)
}

fn walk_flags(flags: u32) -> Result<WalkFlags> {
    if flags & !(NO_FOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & NO_FOLLOW == 0);
    how.set(WalkFlags::ALLOW_EMPTY, flags & EMPTY_PATH != 0);
    Ok(how)
}

/// -1 leaves an owner or group as it is.
fn id(value: u32) -> Option<u32> {
    (value != u32::MAX).then_some(value)
}

/// fchown(descriptor, owner, group).
pub fn fchown(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let location = file.location().ok_or(Errno::EINVAL)?;
    change::set_ownership(
        &current.credentials(),
        location,
        id(arguments.u32(1)),
        id(arguments.u32(2)),
    )?;
    Ok(0)
}

/// fchownat(descriptor, path, owner, group, flags).
pub fn fchownat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let how = walk_flags(arguments.u32(4))?;
    let (owner, group) = (id(arguments.u32(2)), id(arguments.u32(3)));
    at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            change::set_ownership(
                view.credentials,
                &walk::resolve(view, start, path, how)?,
                owner,
                group,
            )
        },
    )?;
    Ok(0)
}

/// `UTIME_NOW` and `UTIME_OMIT` in a time's nanoseconds.
const NOW: i64 = 0x3fff_ffff;
const OMIT: i64 = 0x3fff_fffe;

fn new_time([seconds, nanoseconds]: [i64; 2]) -> Result<NewTime> {
    match nanoseconds {
        NOW => Ok(NewTime::Now),
        OMIT => Ok(NewTime::Keep),
        0..1_000_000_000 => Ok(NewTime::At(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(nanoseconds),
        )),
        _ => Err(Errno::EINVAL),
    }
}

/// utimensat(descriptor, path, times, flags): without a path, the descriptor's file.
pub fn utimensat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (accessed, modified) = match arguments.u64(2) {
        0 => (NewTime::Now, NewTime::Now),
        address => {
            let times: [[i64; 2]; 2] = user::read_value(UserAddr(address)).map_err(fault)?;
            (new_time(times[0])?, new_time(times[1])?)
        }
    };
    if (accessed, modified) == (NewTime::Keep, NewTime::Keep) {
        return Ok(0);
    }
    if arguments.u64(1) == 0 {
        if arguments.u32(3) != 0 {
            return Err(Errno::EINVAL);
        }
        let file = usable_file(current, arguments.fd(0))?;
        let location = file.location().ok_or(Errno::EINVAL)?;
        change::set_times(&current.credentials(), location, accessed, modified)?;
        return Ok(0);
    }
    let how = walk_flags(arguments.u32(3))?;
    at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            change::set_times(
                view.credentials,
                &walk::resolve(view, start, path, how)?,
                accessed,
                modified,
            )
        },
    )?;
    Ok(0)
}
