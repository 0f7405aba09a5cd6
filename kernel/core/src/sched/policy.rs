//! Scheduling policies: sched_setscheduler(2), sched_setattr(2) and their kin (sched(7)).
//!
//! SCHED_OTHER and SCHED_BATCH run by nice level, SCHED_IDLE below all of them. There are no real-time policies and no
//! deadlines: the former are refused with EPERM, as to one without the right to them, the latter with EINVAL.

use super::syscalls::{may_change, may_lower_nice};
use crate::errno::{Errno, Result};
use crate::syscall::{Arguments, extensible};
use crate::task::{self, Capability, Current, ThreadRef};
use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// SCHED_OTHER.
const OTHER: u32 = 0;
/// SCHED_FIFO, SCHED_RR.
const REAL_TIME: core::ops::RangeInclusive<u32> = 1..=2;
/// SCHED_BATCH.
const BATCH: u32 = 3;
/// SCHED_IDLE.
pub const IDLE: u32 = 5;
/// In the number of a policy: children start with SCHED_OTHER's rights only (SCHED_RESET_ON_FORK).
pub const RESET_ON_FORK: u32 = 0x4000_0000;

/// `struct sched_attr`, as of its second version.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Attributes {
    size: u32,
    policy: u32,
    flags: u64,
    nice: i32,
    priority: u32,
    runtime: u64,
    deadline: u64,
    period: u64,
    minimal_utilization: u32,
    maximal_utilization: u32,
}

/// Sizes of the structure's first version and of this one.
const FIRST_SIZE: usize = 48;
const SIZE: usize = size_of::<Attributes>();
/// The largest structure that is looked at.
const SIZE_LIMIT: usize = 4096;

/// Flags of the structure: reset on fork, keep the policy, keep the parameters.
const FLAG_RESET: u64 = 1;
const FLAG_KEEP_POLICY: u64 = 8;
const FLAG_KEEP_PARAMETERS: u64 = 16;

/// What is asked for.
struct Wish {
    policy: u32,
    resets: bool,
    priority: u32,
    /// None: it stays.
    nice: Option<i32>,
}

/// sched_setscheduler(2).
pub fn sched_setscheduler(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (pid, policy) = (arguments.int(0), arguments.u32(1));
    if pid < 0 || arguments.u64(2) == 0 {
        return Err(Errno::EINVAL);
    }
    let priority: u32 = user::read_value(UserAddr(arguments.u64(2)))?;
    let thread = task::find_thread_or_self(current, pid)?;
    let wish = Wish {
        policy: policy & !RESET_ON_FORK,
        resets: policy & RESET_ON_FORK != 0,
        priority,
        nice: None,
    };
    set(current, &thread, &wish)
}

/// sched_setparam(2).
pub fn sched_setparam(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.int(0) < 0 || arguments.u64(1) == 0 {
        return Err(Errno::EINVAL);
    }
    let priority: u32 = user::read_value(UserAddr(arguments.u64(1)))?;
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    let wish = Wish {
        priority,
        ..Wish::present(&thread)
    };
    set(current, &thread, &wish)
}

impl Wish {
    /// What holds for a thread now.
    fn present(thread: &ThreadRef) -> Self {
        let policy = thread.scheduling().policy();
        Self {
            policy: policy & !RESET_ON_FORK,
            resets: policy & RESET_ON_FORK != 0,
            priority: 0,
            nice: None,
        }
    }
}

fn set(current: &Current, thread: &ThreadRef, wish: &Wish) -> Result<usize> {
    match wish.policy {
        policy if REAL_TIME.contains(&policy) => {
            return Err(if (1..=99).contains(&wish.priority) {
                Errno::EPERM
            } else {
                Errno::EINVAL
            });
        }
        OTHER | BATCH | IDLE if wish.priority == 0 => {}
        _ => return Err(Errno::EINVAL),
    }
    let scheduling = thread.scheduling();
    let nice = wish.nice.unwrap_or_else(|| scheduling.nice());
    let now = scheduling.policy();
    let leaves_idle = now & !RESET_ON_FORK == IDLE && wish.policy != IDLE;
    let needs_right = !may_change(current, thread)
        || !may_lower_nice(current, thread, nice)
        || (leaves_idle && !may_have_nice(current, thread, nice))
        || (now & RESET_ON_FORK != 0 && !wish.resets);
    if needs_right {
        current.require(Capability::SysNice)?;
    }
    let resets = if wish.resets { RESET_ON_FORK } else { 0 };
    scheduling.set_policy_and_nice(wish.policy | resets, nice);
    Ok(0)
}

/// Whether RLIMIT_NICE allows a nice level, whatever it is now: SCHED_IDLE counts as lower than all.
fn may_have_nice(current: &Current, thread: &ThreadRef, nice: i32) -> bool {
    let floor = 20 - thread.process().limit(task::Resource::Nice).min(40) as i32;
    nice >= floor || current.is_capable(Capability::SysNice)
}

/// sched_getscheduler(2).
pub fn sched_getscheduler(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    Ok(task::find_thread_or_self(current, arguments.int(0))?
        .scheduling()
        .policy() as usize)
}

/// sched_getparam(2): the priority, 0 for every policy there is.
pub fn sched_getparam(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.int(0) < 0 || arguments.u64(1) == 0 {
        return Err(Errno::EINVAL);
    }
    task::find_thread_or_self(current, arguments.int(0))?;
    user::write_value(UserAddr(arguments.u64(1)), &0i32)?;
    Ok(0)
}

/// Reads the structure, which may be older or newer than ours: what is missing is 0, what is unknown must be.
///
/// # Errors
/// `E2BIG`, with the size that is understood left in the structure; `EFAULT`.
fn read_attributes(address: u64) -> Result<Attributes> {
    let refuse = || {
        user::write_value(UserAddr(address), &(SIZE as u32))?;
        Err(Errno::E2BIG)
    };
    let size = match user::read_value::<u32>(UserAddr(address))? as usize {
        0 => FIRST_SIZE,
        size if (FIRST_SIZE..=SIZE_LIMIT).contains(&size) => size,
        _ => return refuse(),
    };
    match extensible::read(UserAddr(address), size, FIRST_SIZE) {
        Err(Errno::E2BIG) => refuse(),
        attributes => attributes,
    }
}

/// sched_setattr(2).
pub fn sched_setattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (pid, address, flags) = (arguments.int(0), arguments.u64(1), arguments.u32(2));
    if pid < 0 || address == 0 || flags != 0 {
        return Err(Errno::EINVAL);
    }
    let attributes = read_attributes(address)?;
    let known = FLAG_RESET | FLAG_KEEP_POLICY | FLAG_KEEP_PARAMETERS;
    if attributes.flags & !known != 0 || attributes.policy as i32 & i32::MIN != 0 {
        return Err(Errno::EINVAL);
    }
    let thread = task::find_thread_or_self(current, pid)?;
    let present = Wish::present(&thread);
    let mut wish = Wish {
        policy: attributes.policy,
        resets: attributes.flags & FLAG_RESET != 0,
        priority: attributes.priority,
        nice: Some(attributes.nice.clamp(-20, 19)),
    };
    if attributes.flags & FLAG_KEEP_POLICY != 0 {
        wish.policy = present.policy;
        wish.resets = present.resets;
    }
    if attributes.flags & FLAG_KEEP_PARAMETERS != 0 {
        wish.priority = present.priority;
        wish.nice = present.nice;
    }
    set(current, &thread, &wish)
}

/// sched_getattr(2).
pub fn sched_getattr(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (pid, address, flags) = (arguments.int(0), arguments.u64(1), arguments.u32(3));
    let room = arguments.u32(2) as usize;
    if pid < 0 || address == 0 || flags != 0 || !(FIRST_SIZE..=SIZE_LIMIT).contains(&room) {
        return Err(Errno::EINVAL);
    }
    let thread = task::find_thread_or_self(current, pid)?;
    let policy = thread.scheduling().policy();
    let size = room.min(SIZE);
    let attributes = Attributes {
        size: size as u32,
        policy: policy & !RESET_ON_FORK,
        flags: if policy & RESET_ON_FORK != 0 {
            FLAG_RESET
        } else {
            0
        },
        nice: thread.scheduling().nice(),
        ..Attributes::new_zeroed()
    };
    user::copy_to_user(UserAddr(address), &attributes.as_bytes()[..size])?;
    Ok(0)
}

/// sched_get_priority_max(2).
pub fn sched_get_priority_max(_current: &Current, arguments: &mut Arguments) -> Result<usize> {
    priority_bound(arguments.u32(0), 99)
}

/// sched_get_priority_min(2).
pub fn sched_get_priority_min(_current: &Current, arguments: &mut Arguments) -> Result<usize> {
    priority_bound(arguments.u32(0), 1)
}

fn priority_bound(policy: u32, real_time: usize) -> Result<usize> {
    match policy {
        policy if REAL_TIME.contains(&policy) => Ok(real_time),
        OTHER | BATCH | IDLE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}
