//! sched_*(2), getpriority(2), setpriority(2), getcpu(2).

use super::{cpu, run_queue};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{self, Capability, Current, ThreadRef, family, registry};
use crate::time::value::Timespec;
use hal::user::{self, UserAddr};

/// SCHED_OTHER.
const OTHER: u32 = 0;
/// SCHED_FIFO, SCHED_RR.
const REAL_TIME: core::ops::RangeInclusive<u32> = 1..=2;
/// SCHED_BATCH.
const BATCH: u32 = 3;
/// SCHED_IDLE.
const IDLE: u32 = 5;
/// The flag that children don't inherit the policy.
const RESET_ON_FORK: u32 = 0x4000_0000;

/// sched_yield(2).
pub fn sched_yield(_current: &Current, _arguments: &mut Arguments) -> Result<usize> {
    super::yield_now();
    Ok(0)
}

/// Whether the caller may change the scheduling of `thread`: its user's and with no capability beyond the caller's,
/// or any with CAP_SYS_NICE.
pub(super) fn may_change(current: &Current, thread: &ThreadRef) -> bool {
    let own = current.credentials();
    own.is_capable(Capability::SysNice)
        || thread.with_credentials(|other| {
            (own.euid == other.uid || own.euid == other.euid)
                && other.permitted.is_subset(own.permitted)
        })
}

/// sched_setscheduler(2). SCHED_OTHER, SCHED_BATCH and SCHED_IDLE are taken; the real-time policies, which this kernel
/// doesn't have, are refused with EPERM as to one without the right to them.
pub fn sched_setscheduler(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    let policy = arguments.u32(1) & !RESET_ON_FORK;
    let priority: i32 = user::read_value(UserAddr(arguments.u64(2)))?;
    set_policy(current, &thread, policy, priority)
}

/// sched_setparam(2).
pub fn sched_setparam(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    let priority: i32 = user::read_value(UserAddr(arguments.u64(1)))?;
    set_policy(current, &thread, thread.scheduling().policy(), priority)
}

fn set_policy(current: &Current, thread: &ThreadRef, policy: u32, priority: i32) -> Result<usize> {
    match policy {
        policy if REAL_TIME.contains(&policy) => {
            return Err(if (1..=99).contains(&priority) {
                Errno::EPERM
            } else {
                Errno::EINVAL
            });
        }
        OTHER | BATCH | IDLE if priority == 0 => {}
        _ => return Err(Errno::EINVAL),
    }
    if !may_change(current, thread) {
        return Err(Errno::EPERM);
    }
    thread.scheduling().set_policy(policy);
    Ok(0)
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

/// sched_rr_get_interval(2): how long a thread runs while others wait.
pub fn sched_rr_get_interval(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    task::find_thread_or_self(current, arguments.int(0))?;
    user::write_value(
        UserAddr(arguments.u64(1)),
        &Timespec::from_nanoseconds(run_queue::MINIMUM_SLICE),
    )?;
    Ok(0)
}

/// sched_setaffinity(2).
pub fn sched_setaffinity(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mut mask = [0u8; 8];
    let length = arguments.usize(1).min(mask.len());
    user::copy_from_user(&mut mask[..length], UserAddr(arguments.u64(2)))?;
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    if !may_change(current, &thread) {
        return Err(Errno::EPERM);
    }
    cpu::set_affinity(&thread, u64::from_le_bytes(mask)).map(|()| 0)
}

/// sched_getaffinity(2): gives how many bytes were written.
pub fn sched_getaffinity(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let length = arguments.usize(1);
    if length < 8 || !length.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    let thread = task::find_thread_or_self(current, arguments.int(0))?;
    let mask = thread.scheduling().affinity() & cpu::joined();
    user::write_value(UserAddr(arguments.u64(2)), &mask)?;
    Ok(8)
}

/// getcpu(2).
pub fn getcpu(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let cpu = current.scheduling().cpu() as u32;
    if arguments.u64(0) != 0 {
        user::write_value(UserAddr(arguments.u64(0)), &cpu)?;
    }
    if arguments.u64(1) != 0 {
        user::write_value(UserAddr(arguments.u64(1)), &0u32)?;
    }
    Ok(0)
}

/// Calls `act` for each thread that getpriority and setpriority mean; whether there was any.
fn for_each_meant(
    current: &Current,
    which: u32,
    who: i32,
    mut act: impl FnMut(&ThreadRef),
) -> Result<bool> {
    let mut any = false;
    let mut all_threads = |process: &task::Process| {
        let threads = process.shared().lock().threads.clone();
        for thread in &threads {
            any = true;
            act(thread);
        }
    };
    match which {
        // PRIO_PROCESS
        0 => {
            let thread = task::find_thread_or_self(current, who)?;
            act(&thread);
            return Ok(true);
        }
        // PRIO_PGRP
        1 => {
            let group = if who == 0 {
                current.process().group()
            } else {
                task::find_group(current, who)?
            };
            let members = family::members(&group)?;
            members.iter().for_each(|process| all_threads(process));
        }
        // PRIO_USER
        2 => {
            let uid = if who == 0 {
                current.with_credentials(|own| own.uid)
            } else {
                who as u32
            };
            for process in registry::processes()? {
                if process.owner() == uid && current.process().contexts().sees(process.number()) {
                    all_threads(&process);
                }
            }
        }
        _ => return Err(Errno::EINVAL),
    }
    Ok(any)
}

/// getpriority(2): 20 minus the lowest nice level.
pub fn getpriority(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mut best = 0usize;
    let any = for_each_meant(current, arguments.u32(0), arguments.int(1), |thread| {
        best = best.max((20 - thread.scheduling().nice()) as usize);
    })?;
    if any { Ok(best) } else { Err(Errno::ESRCH) }
}

/// setpriority(2): CAP_SYS_NICE may lower a nice level below what RLIMIT_NICE allows.
pub fn setpriority(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let nice = arguments.int(2).clamp(-20, 19);
    let may_raise = current.is_capable(Capability::SysNice);
    let mut refused = None;
    let any = for_each_meant(current, arguments.u32(0), arguments.int(1), |thread| {
        let floor = 20 - thread.process().limit(task::Resource::Nice).min(40) as i32;
        if !may_change(current, thread) {
            refused = Some(Errno::EPERM);
        } else if nice < thread.scheduling().nice() && nice < floor && !may_raise {
            refused = Some(Errno::EACCES);
        } else {
            thread.scheduling().set_nice(nice);
        }
    })?;
    match refused {
        Some(error) => Err(error),
        None if any => Ok(0),
        None => Err(Errno::ESRCH),
    }
}
