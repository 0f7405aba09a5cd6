//! sched_yield(2), CPU affinity, getpriority(2), setpriority(2), getcpu(2).

use super::{cpu, run_queue};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{self, Capability, Current, ThreadRef, family, registry};
use crate::time::value::Timespec;
use hal::user::{self, UserAddr};

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

/// Whom a call means that can change many threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    Thread,
    Group,
    User,
}

/// Calls `act` for each thread that is meant, `who` being 0 for the caller's own; whether there was any.
///
/// # Errors
/// `ESRCH` for a number out of sight; `ENOMEM`.
pub(super) fn for_each_meant(
    current: &Current,
    whom: Whom,
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
    match whom {
        Whom::Thread => {
            let thread = task::find_thread_or_self(current, who)?;
            act(&thread);
            return Ok(true);
        }
        Whom::Group => {
            let group = if who == 0 {
                current.process().group()
            } else {
                task::find_group(current, who)?
            };
            let members = family::members(&group)?;
            members.iter().for_each(|process| all_threads(process));
        }
        Whom::User => {
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
    }
    Ok(any)
}

/// PRIO_PROCESS, PRIO_PGRP, PRIO_USER.
fn whom(which: u32) -> Result<Whom> {
    match which {
        0 => Ok(Whom::Thread),
        1 => Ok(Whom::Group),
        2 => Ok(Whom::User),
        _ => Err(Errno::EINVAL),
    }
}

/// Whether the caller may give `thread` this nice level: without CAP_SYS_NICE none below what RLIMIT_NICE allows.
pub(super) fn may_lower_nice(current: &Current, thread: &ThreadRef, nice: i32) -> bool {
    let floor = 20 - thread.process().limit(task::Resource::Nice).min(40) as i32;
    nice >= thread.scheduling().nice() || nice >= floor || current.is_capable(Capability::SysNice)
}

/// getpriority(2): 20 minus the lowest nice level.
pub fn getpriority(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mut best = 0usize;
    let any = for_each_meant(
        current,
        whom(arguments.u32(0))?,
        arguments.int(1),
        |thread| {
            best = best.max((20 - thread.scheduling().nice()) as usize);
        },
    )?;
    if any { Ok(best) } else { Err(Errno::ESRCH) }
}

/// setpriority(2): CAP_SYS_NICE may lower a nice level below what RLIMIT_NICE allows.
pub fn setpriority(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let nice = arguments.int(2).clamp(-20, 19);
    let mut refused = None;
    let any = for_each_meant(
        current,
        whom(arguments.u32(0))?,
        arguments.int(1),
        |thread| {
            if !may_change(current, thread) {
                refused = Some(Errno::EPERM);
            } else if !may_lower_nice(current, thread, nice) {
                refused = Some(Errno::EACCES);
            } else {
                thread.scheduling().set_nice(nice);
            }
        },
    )?;
    match refused {
        Some(error) => Err(error),
        None if any => Ok(0),
        None => Err(Errno::ESRCH),
    }
}
