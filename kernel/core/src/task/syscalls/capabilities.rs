//! capget(2), capset(2), and what prctl(2) does with capabilities (capabilities(7)).

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{self, Capability, CapabilitySet, Credentials, Current, SecureBits};
use alloc::sync::Arc;
use hal::user::{self, UserAddr};

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// Bytes of `struct __user_cap_data_struct`, which holds 32 capabilities of each set.
const HALF_SIZE: u64 = 12;

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

fn half_address(data: u64, half: usize) -> UserAddr {
    UserAddr(data.wrapping_add(HALF_SIZE * half as u64))
}

/// capget(2): version 1 of the structure has no room for capabilities above 31, and isn't told of them.
pub fn capget(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (header, data) = (arguments.u64(0), arguments.u64(1));
    let halves = match halves(header) {
        // Only asking for the version.
        Ok(_) | Err(Errno::EINVAL) if data == 0 => return Ok(0),
        halves => halves?,
    };
    let pid: i32 = user::read_value(UserAddr(header.wrapping_add(4)))?;
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    let sets = task::find_thread_or_self(current, pid)?
        .with_credentials(|own| [own.effective, own.permitted, own.inheritable]);
    for half in 0..halves {
        let part = sets.map(|set| (set.bits() >> (32 * half)) as u32);
        user::write_value(half_address(data, half), &part)?;
    }
    Ok(0)
}

/// capset(2), of the calling thread only. What version 1 of the structure can't express is given up.
pub fn capset(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (header, data) = (arguments.u64(0), arguments.u64(1));
    let halves = halves(header)?;
    let pid: i32 = user::read_value(UserAddr(header.wrapping_add(4)))?;
    if pid != 0 && pid as u32 != current.number().own() {
        return Err(Errno::EPERM);
    }
    let mut wanted = [0u64; 3];
    for half in 0..halves {
        let part: [u32; 3] = user::read_value(half_address(data, half))?;
        for (set, part) in wanted.iter_mut().zip(part) {
            *set |= u64::from(part) << (32 * half);
        }
    }
    let [effective, permitted, inheritable] = wanted.map(CapabilitySet::from_bits);
    change(current, |own| {
        let inheritable_limit = if own.is_capable(Capability::Setpcap) {
            own.inheritable | own.bounding
        } else {
            own.inheritable | (own.permitted & own.bounding)
        };
        if !inheritable.is_subset(inheritable_limit)
            || !permitted.is_subset(own.permitted)
            || !effective.is_subset(permitted)
        {
            return Err(Errno::EPERM);
        }
        own.effective = effective;
        own.permitted = permitted;
        own.inheritable = inheritable;
        own.ambient = own.ambient & permitted & inheritable;
        Ok(())
    })
}

/// Changes a copy of the caller's credentials and puts it in place.
fn change(current: &Current, edit: impl FnOnce(&mut Credentials) -> Result<()>) -> Result<usize> {
    hal::frame::headroom()?;
    let mut new = (*current.credentials()).clone();
    edit(&mut new)?;
    current.set_credentials(Arc::new(new));
    Ok(0)
}

fn one(number: u64) -> Result<CapabilitySet> {
    CapabilitySet::of_number(number).ok_or(Errno::EINVAL)
}

fn is_among(one: CapabilitySet, set: CapabilitySet) -> Result<usize> {
    Ok(usize::from(one.is_subset(set)))
}

/// `prctl(PR_CAPBSET_READ, number)`.
///
/// # Errors
/// `EINVAL`: no capability has the number.
pub fn is_in_bounding(current: &Current, number: u64) -> Result<usize> {
    is_among(one(number)?, current.with_credentials(|own| own.bounding))
}

/// `prctl(PR_CAPBSET_DROP, number)`: files can't give the capability any more, to the caller and who descends from it.
///
/// # Errors
/// `EPERM` without CAP_SETPCAP; `EINVAL`: no capability has the number.
pub fn drop_from_bounding(current: &Current, number: u64) -> Result<usize> {
    current.require(Capability::Setpcap)?;
    let dropped = one(number)?;
    change(current, |own| {
        own.bounding = own.bounding.without(dropped);
        Ok(())
    })
}

const AMBIENT_IS_SET: u64 = 1;
const AMBIENT_RAISE: u64 = 2;
const AMBIENT_LOWER: u64 = 3;
const AMBIENT_CLEAR_ALL: u64 = 4;

/// `prctl(PR_CAP_AMBIENT, what, number)`.
///
/// # Errors
/// `EINVAL` for arguments that mean nothing; `EPERM` for what isn't both permitted and inheritable, or when the secure
/// bits forbid it.
pub fn ambient(current: &Current, [what, number, fourth, fifth]: [u64; 4]) -> Result<usize> {
    if fourth != 0 || fifth != 0 || (what == AMBIENT_CLEAR_ALL && number != 0) {
        return Err(Errno::EINVAL);
    }
    if what == AMBIENT_CLEAR_ALL {
        return change(current, |own| {
            own.ambient = CapabilitySet::EMPTY;
            Ok(())
        });
    }
    let one = one(number)?;
    match what {
        AMBIENT_IS_SET => is_among(one, current.with_credentials(|own| own.ambient)),
        AMBIENT_RAISE => change(current, |own| {
            let refused = own.secure_bits.contains(SecureBits::NO_AMBIENT_RAISE);
            if refused || !one.is_subset(own.permitted & own.inheritable) {
                return Err(Errno::EPERM);
            }
            own.ambient = own.ambient | one;
            Ok(())
        }),
        AMBIENT_LOWER => change(current, |own| {
            own.ambient = own.ambient.without(one);
            Ok(())
        }),
        _ => Err(Errno::EINVAL),
    }
}

/// `prctl(PR_GET_SECUREBITS)`.
pub fn secure_bits(current: &Current) -> usize {
    current.with_credentials(|own| own.secure_bits).bits() as usize
}

/// `prctl(PR_SET_SECUREBITS, bits)`.
///
/// # Errors
/// `EPERM` without CAP_SETPCAP, for unknown bits and against locks.
pub fn set_secure_bits(current: &Current, bits: u64) -> Result<usize> {
    let new = u32::try_from(bits)
        .ok()
        .and_then(SecureBits::from_bits)
        .ok_or(Errno::EPERM)?;
    change(current, |own| {
        own.require(Capability::Setpcap)?;
        if !own.secure_bits.may_become(new) {
            return Err(Errno::EPERM);
        }
        own.secure_bits = new;
        Ok(())
    })
}

/// `prctl(PR_GET_KEEPCAPS)`.
pub fn keeps_capabilities(current: &Current) -> usize {
    let bits = current.with_credentials(|own| own.secure_bits);
    usize::from(bits.contains(SecureBits::KEEP_CAPABILITIES))
}

/// `prctl(PR_SET_KEEPCAPS, value)`.
///
/// # Errors
/// `EINVAL` for a value that is neither 0 nor 1; `EPERM` if it is locked.
pub fn keep_capabilities(current: &Current, value: u64) -> Result<usize> {
    if value > 1 {
        return Err(Errno::EINVAL);
    }
    change(current, |own| {
        let locked = SecureBits::KEEP_CAPABILITIES_LOCKED;
        if own.secure_bits.contains(locked) {
            return Err(Errno::EPERM);
        }
        own.secure_bits
            .set(SecureBits::KEEP_CAPABILITIES, value == 1);
        Ok(())
    })
}

/// `prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)`.
///
/// # Errors
/// `EINVAL` for other arguments.
pub fn give_up_new_privileges(current: &Current, arguments: [u64; 4]) -> Result<usize> {
    if arguments != [1, 0, 0, 0] {
        return Err(Errno::EINVAL);
    }
    change(current, |own| {
        own.no_new_privileges = true;
        Ok(())
    })
}

/// `prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)`.
///
/// # Errors
/// `EINVAL` for other arguments.
pub fn has_no_new_privileges(current: &Current, arguments: [u64; 4]) -> Result<usize> {
    if arguments != [0; 4] {
        return Err(Errno::EINVAL);
    }
    Ok(usize::from(
        current.with_credentials(|own| own.no_new_privileges),
    ))
}
