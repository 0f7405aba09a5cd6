//! capget(2), capset(2): the system's owner has all capabilities, others none.

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{self, Current};
use hal::user::{self, UserAddr};

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// How many 32-bit halves the caller's version of the structure has; an unknown one is answered with the newest.
fn halves(header: u64) -> Result<usize> {
    match user::read_value::<u32>(UserAddr(header))? {
        VERSION_1 => Ok(1),
        VERSION_2 | VERSION_3 => Ok(2),
        _ => {
            user::write_value(UserAddr(header), &VERSION_3)?;
            Err(Errno::EINVAL)
        }
    }
}

/// Effective, permitted and inheritable sets of a thread.
fn sets(credentials: &task::Credentials) -> [u64; 3] {
    [
        credentials.effective_capabilities(),
        credentials.permitted_capabilities(),
        0,
    ]
}

/// capget(2).
pub fn capget(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (header, data) = (arguments.u64(0), arguments.u64(1));
    let halves = match halves(header) {
        // Only asking for the version.
        Err(Errno::EINVAL) if data == 0 => return Ok(0),
        halves => halves?,
    };
    let pid: i32 = user::read_value(UserAddr(header + 4))?;
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    let sets = sets(&task::find_thread_or_self(current, pid)?.credentials());
    for half in 0..halves {
        let part = sets.map(|set| (set >> (32 * half)) as u32);
        user::write_value(UserAddr(data.wrapping_add(12 * half as u64)), &part)?;
    }
    Ok(0)
}

/// capset(2): capabilities follow the user numbers, so only the sets that hold already can be set; less than those
/// EPERM, since it couldn't be kept.
pub fn capset(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (header, data) = (arguments.u64(0), arguments.u64(1));
    let halves = halves(header)?;
    let pid: i32 = user::read_value(UserAddr(header + 4))?;
    let is_self = pid == 0 || pid as u32 == current.number().own();
    if !is_self {
        return Err(Errno::EPERM);
    }
    let mut wanted = [0u64; 3];
    for half in 0..halves {
        let part: [u32; 3] = user::read_value(UserAddr(data.wrapping_add(12 * half as u64)))?;
        for (set, part) in wanted.iter_mut().zip(part) {
            *set |= u64::from(part) << (32 * half);
        }
    }
    let mask = if halves == 1 {
        u64::from(u32::MAX)
    } else {
        task::credentials::ALL_CAPABILITIES
    };
    let have = sets(&current.credentials()).map(|set| set & mask);
    if wanted.map(|set| set & mask)[..2] == have[..2] {
        Ok(0)
    } else {
        Err(Errno::EPERM)
    }
}
