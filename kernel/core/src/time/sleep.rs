//! nanosleep(2) and clock_nanosleep(2).

use hal::user::{self, UserAddr};

use super::clock::{self, CLOCK_SET, Clock};
use super::value::Timespec;
use crate::errno::{Errno, Result};
use crate::sched::{self, Interruption};
use crate::task::Current;
use crate::task::thread::Restart;

/// Sleeps for `nanoseconds`. When a signal comes, what is left is written to `remaining`.
///
/// # Errors
/// RESTART_BLOCK: a signal came. EFAULT, ENOMEM.
pub fn sleep_for(current: &Current, nanoseconds: u64, remaining: UserAddr) -> Result<()> {
    resume(
        current,
        hal::time::now().saturating_add(nanoseconds),
        remaining.0,
    )
}

/// Sleeps until `deadline` (ns since boot): begins such a sleep, or goes on with one that a signal interrupted.
///
/// # Errors
/// As [`sleep_for`].
pub fn resume(current: &Current, deadline: u64, remaining: u64) -> Result<()> {
    match sched::sleep(current, || None::<()>, Some(deadline), Interruption::Signal) {
        Ok(_) => Ok(()),
        Err(error) if error.is_restart() => {
            let left = deadline.saturating_sub(hal::time::now());
            if left == 0 {
                return Ok(());
            }
            if remaining != 0 {
                user::write_value(UserAddr(remaining), &Timespec::from_nanoseconds(left))?;
            }
            Err(current.set_restart(Restart::Sleep {
                deadline,
                remaining,
            }))
        }
        Err(error) => Err(error),
    }
}

/// Sleeps until `clock` shows `time` (ns). CPU-time clocks can only be looked at again and again: the sleep is as long
/// as the time that is missing, and then as what is missing still.
///
/// # Errors
/// RESTART_NO_HANDLER: a signal came; the same call does the rest. ENOMEM.
pub fn sleep_until(current: &Current, clock: &Clock, time: u64) -> Result<()> {
    loop {
        let settings = clock::settings();
        let left = time.saturating_sub(clock.now());
        if left == 0 {
            return Ok(());
        }
        let deadline = Some(hal::time::now().saturating_add(left));
        let woken = match clock {
            // The wall clock may be set meanwhile.
            Clock::RealTime => {
                let changed = || (clock::settings() != settings).then_some(());
                CLOCK_SET.wait_deadline(changed, deadline, Interruption::Signal)
            }
            _ => sched::sleep(current, || None, deadline, Interruption::Signal),
        };
        match woken {
            Ok(_) => {}
            Err(error) if error.is_restart() => return Err(Errno::RESTART_NO_HANDLER),
            Err(error) => return Err(error),
        }
    }
}
