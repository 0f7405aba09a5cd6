//! ioprio_set(2), ioprio_get(2): kept with each thread and inherited, for there is no device whose queue it could order.

use super::syscalls::{Whom, for_each_meant};
use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::{Capability, Current, ThreadRef};

/// Bits of a level; the class is above them.
const LEVEL_BITS: u32 = 13;
/// Levels of the classes that have any, 0 being the first served.
const LEVELS: u32 = 8;

const CLASS_NONE: u32 = 0;
const CLASS_REAL_TIME: u32 = 1;
const CLASS_BEST_EFFORT: u32 = 2;
const CLASS_IDLE: u32 = 3;

/// What a thread has that never set one counts as: the middle of the ordinary class.
const DEFAULT: u32 = CLASS_BEST_EFFORT << LEVEL_BITS | 4;

/// IOPRIO_WHO_PROCESS, IOPRIO_WHO_PGRP, IOPRIO_WHO_USER.
fn whom(which: u32) -> Result<Whom> {
    match which {
        1 => Ok(Whom::Thread),
        2 => Ok(Whom::Group),
        3 => Ok(Whom::User),
        _ => Err(Errno::EINVAL),
    }
}

fn may_change(current: &Current, thread: &ThreadRef) -> bool {
    let own = current.credentials();
    own.is_capable(Capability::SysNice)
        || thread.with_credentials(|other| {
            (own.euid == other.uid || own.uid == other.uid)
                && other.permitted.is_subset(own.permitted)
        })
}

/// ioprio_set(2).
///
/// # Errors
/// `EINVAL` for a class or level that isn't; `EPERM` for the real-time class without CAP_SYS_NICE or CAP_SYS_ADMIN, and
/// for threads of others; `ESRCH`, `ENOMEM`.
pub fn ioprio_set(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let whom = whom(arguments.u32(0))?;
    let priority = arguments.u32(2);
    let (class, level) = (priority >> LEVEL_BITS, priority & ((1 << LEVEL_BITS) - 1));
    match class {
        CLASS_REAL_TIME | CLASS_BEST_EFFORT if level >= LEVELS => return Err(Errno::EINVAL),
        CLASS_REAL_TIME if !current.is_capable(Capability::SysAdmin) => {
            current.require(Capability::SysNice)?;
        }
        CLASS_REAL_TIME | CLASS_BEST_EFFORT | CLASS_IDLE => {}
        CLASS_NONE if level == 0 => {}
        _ => return Err(Errno::EINVAL),
    }
    let mut refused = false;
    let any = for_each_meant(current, whom, arguments.int(1), |thread| {
        if may_change(current, thread) {
            thread.scheduling().set_io_priority(priority);
        } else {
            refused = true;
        }
    })?;
    match (refused, any) {
        (true, _) => Err(Errno::EPERM),
        (false, true) => Ok(0),
        (false, false) => Err(Errno::ESRCH),
    }
}

/// ioprio_get(2): of several threads the priority of the one that is served first.
///
/// # Errors
/// `EINVAL`, `ESRCH`, `ENOMEM`.
pub fn ioprio_get(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let whom = whom(arguments.u32(0))?;
    let mut best: Option<u32> = None;
    for_each_meant(current, whom, arguments.int(1), |thread| {
        let own = match (whom, thread.scheduling().io_priority()) {
            // Of one thread it is what was set; compared with others it is what that means.
            (Whom::Group | Whom::User, priority) if priority >> LEVEL_BITS == CLASS_NONE => DEFAULT,
            (_, priority) => priority,
        };
        best = Some(best.map_or(own, |best| best.min(own)));
    })?;
    best.map(|priority| priority as usize).ok_or(Errno::ESRCH)
}
