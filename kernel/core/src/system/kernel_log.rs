//! syslog(2): the kernel's log for dmesg.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use hal::user::{self, UserAddr};

use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::log;
use crate::sched::{self, Interruption};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};

/// The console level before it was switched off (SYSLOG_ACTION_CONSOLE_OFF).
static LEVEL_BEFORE: AtomicU32 = AtomicU32::new(0);

/// The console level that shows only what is worse than an error.
const QUIET: u32 = 1;

/// syslog(2). Only with CAP_SYSLOG and outside of a jail, also for what Linux lets everybody do: the log tells of all
/// containers.
pub fn syslog(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let action = arguments.int(0);
    current.require(Capability::Syslog)?;
    jail::refuse(current)?;
    let (address, length) = (arguments.u64(1), arguments.int(2));
    match action {
        // CLOSE and OPEN do nothing.
        0 | 1 => Ok(0),
        2 => {
            if length > 0 {
                wait_for_record(current)?;
            }
            copy_out(address, length, log::take_unread)
        }
        3 => copy_out(address, length, log::newest),
        4 => {
            let copied = copy_out(address, length, log::newest)?;
            log::clear();
            Ok(copied)
        }
        5 => {
            log::clear();
            Ok(0)
        }
        6 => {
            let level = log::console_level();
            if level > QUIET {
                LEVEL_BEFORE.store(level, Relaxed);
            }
            log::set_console_level(QUIET);
            Ok(0)
        }
        7 => {
            let level = LEVEL_BEFORE.swap(0, Relaxed);
            if level != 0 {
                log::set_console_level(level);
            }
            Ok(0)
        }
        8 => {
            let level = u32::try_from(length)
                .ok()
                .filter(|level| (1..=8).contains(level))
                .ok_or(Errno::EINVAL)?;
            LEVEL_BEFORE.store(0, Relaxed);
            log::set_console_level(level);
            Ok(0)
        }
        9 => Ok(log::unread()),
        10 => Ok(log::RING_SIZE),
        _ => Err(Errno::EINVAL),
    }
}

/// Copies what `take` gives for the length to userland.
fn copy_out(
    address: u64,
    length: i32,
    take: impl FnOnce(usize) -> Option<Vec<u8>>,
) -> Result<usize> {
    let length = usize::try_from(length).map_err(|_| Errno::EINVAL)?;
    if address == 0 {
        return Err(Errno::EINVAL);
    }
    if length == 0 {
        return Ok(0);
    }
    let text = take(length).ok_or(Errno::ENOMEM)?;
    user::copy_to_user(UserAddr(address), &text)?;
    Ok(text.len())
}

/// How often a reader of new records looks for them, ns: records come from anywhere, interrupts and the scheduler
/// included, so they wake nobody.
const LOOK_INTERVAL: u64 = 250_000_000;

/// Waits until there is something that nobody has taken.
///
/// # Errors
/// A restart code: a signal came. ENOMEM.
fn wait_for_record(current: &Current) -> Result<()> {
    while log::unread() == 0 {
        let deadline = hal::time::now() + LOOK_INTERVAL;
        sched::sleep(
            current,
            || (log::unread() > 0).then_some(()),
            Some(deadline),
            Interruption::Signal,
        )?;
    }
    Ok(())
}
