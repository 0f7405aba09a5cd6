//! The clocks of clock_gettime(2).

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use linux_raw_sys::general as linux;

use super::alarm::Alarm;
use crate::errno::{Errno, Result};
use crate::exec::vdso;
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue};
use crate::task::{Current, Process, ThreadRef, lookup, usage};

/// Wall-clock time at boot, nanoseconds since 1970.
static BOOT_WALL_CLOCK: AtomicU64 = AtomicU64::new(0);

/// How often the wall clock was set.
static SETTINGS: AtomicU64 = AtomicU64::new(0);

/// Told when the wall clock is set: those who sleep until a wall-clock time look again.
pub(super) static CLOCK_SET: WaitQueue = WaitQueue::new();

/// Alarms on the wall clock, to be armed anew when it is set.
static WALL_ALARMS: Mutex<Vec<Weak<Alarm>>> = Mutex::new(Vec::new());

/// Tells the time of day at boot, which the board read from its clock (nanoseconds since 1970).
pub fn set_boot_wall_clock(nanoseconds: u64) {
    BOOT_WALL_CLOCK.store(nanoseconds, Ordering::Relaxed);
    vdso::publish_wall_clock(nanoseconds);
}

/// Nanoseconds since 1970.
#[inline]
pub fn realtime() -> u64 {
    hal::time::now().wrapping_add(BOOT_WALL_CLOCK.load(Ordering::Relaxed))
}

/// How often the wall clock has been set so far.
pub(super) fn settings() -> u64 {
    SETTINGS.load(Ordering::SeqCst)
}

/// Sets the wall clock to nanoseconds since 1970.
///
/// # Errors
/// EINVAL: the time is before the machine was booted.
pub fn set_wall_clock(nanoseconds: u64) -> Result<()> {
    let at_boot = nanoseconds
        .checked_sub(hal::time::now())
        .ok_or(Errno::EINVAL)?;
    BOOT_WALL_CLOCK.store(at_boot, Ordering::SeqCst);
    vdso::publish_wall_clock(at_boot);
    SETTINGS.fetch_add(1, Ordering::SeqCst);
    CLOCK_SET.wake_all();
    for alarm in WALL_ALARMS.lock().iter().filter_map(Weak::upgrade) {
        alarm.clock_was_set();
    }
    Ok(())
}

/// Makes sure an alarm hears of the wall clock being set.
///
/// # Errors
/// ENOMEM.
pub(super) fn watch_wall_clock(alarm: &Arc<Alarm>) -> Result<()> {
    let mut alarms = WALL_ALARMS.lock();
    if alarms.len() == alarms.capacity() {
        alarms.retain(|alarm| alarm.strong_count() > 0);
    }
    alarms.make_room(1)?;
    alarms.push(Arc::downgrade(alarm));
    Ok(())
}

/// Which part of CPU time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CpuTimeKind {
    /// User and kernel.
    Both,
    /// User only.
    User,
}

/// A clock.
#[derive(Clone)]
pub enum Clock {
    /// Time of day; can be set.
    RealTime,
    /// Time since boot. There is no suspending, so the boot-time, raw and coarse clocks are the same.
    Monotonic,
    /// CPU time of a process.
    Process(Arc<Process>, CpuTimeKind),
    /// CPU time of a thread.
    Thread(ThreadRef, CpuTimeKind),
}

impl Clock {
    /// The clock with this `clockid_t`. Negative ones name the CPU time of a process or thread
    /// (clock_getcpuclockid(3)).
    ///
    /// # Errors
    /// EINVAL: there is no such clock.
    pub fn from_id(current: &Current, id: i32) -> Result<Clock> {
        Ok(match id as u32 {
            linux::CLOCK_REALTIME
            | linux::CLOCK_REALTIME_COARSE
            | linux::CLOCK_REALTIME_ALARM
            | linux::CLOCK_TAI => {
                // No leap seconds are known here, so atomic time is the same.
                Clock::RealTime
            }
            linux::CLOCK_MONOTONIC
            | linux::CLOCK_MONOTONIC_RAW
            | linux::CLOCK_MONOTONIC_COARSE
            | linux::CLOCK_BOOTTIME
            | linux::CLOCK_BOOTTIME_ALARM => Clock::Monotonic,
            linux::CLOCK_PROCESS_CPUTIME_ID => {
                Clock::Process(current.process().clone(), CpuTimeKind::Both)
            }
            linux::CLOCK_THREAD_CPUTIME_ID => Clock::Thread(current.arc(), CpuTimeKind::Both),
            _ if id < 0 => return Clock::from_cpu_id(current, id),
            _ => return Err(Errno::EINVAL),
        })
    }

    /// A clock named as in Linux's include/linux/posix-timers.h: the inverted number of the process or thread from
    /// bit 3 on, bit 2 for a thread, the kind in bits 0 and 1 (0 profile, 1 user time, 2 run time).
    fn from_cpu_id(current: &Current, id: i32) -> Result<Clock> {
        let kind = match id & 3 {
            0 | 2 => CpuTimeKind::Both,
            1 => CpuTimeKind::User,
            _ => return Err(Errno::EINVAL),
        };
        let number = !(id >> 3);
        if id & 4 != 0 {
            let thread = lookup::find_thread_or_self(current, number).map_err(|_| Errno::EINVAL)?;
            // Another process's threads have clocks for their own process only.
            if !Arc::ptr_eq(thread.process(), current.process()) {
                return Err(Errno::EINVAL);
            }
            Ok(Clock::Thread(thread, kind))
        } else {
            let process =
                lookup::find_process_or_self(current, number).map_err(|_| Errno::EINVAL)?;
            Ok(Clock::Process(process, kind))
        }
    }

    /// What it shows, in nanoseconds.
    pub fn now(&self) -> u64 {
        let pick = |kind: &CpuTimeKind, user: u64, system: u64| match kind {
            CpuTimeKind::Both => user.wrapping_add(system),
            CpuTimeKind::User => user,
        };
        match self {
            Clock::RealTime => realtime(),
            Clock::Monotonic => hal::time::now(),
            Clock::Process(process, kind) => {
                let (user, system) = usage::process_times(process);
                pick(kind, user, system)
            }
            Clock::Thread(thread, kind) => {
                let (user, system) = usage::thread_times(thread);
                pick(kind, user, system)
            }
        }
    }

    /// Whether it advances with the CPU's work rather than by itself.
    pub fn is_cpu_time(&self) -> bool {
        matches!(self, Clock::Process(..) | Clock::Thread(..))
    }
}

/// What clock `id` shows, without making a [`Clock`] of it: the common clocks in as few steps as there can be.
///
/// # Errors
/// EINVAL: there is no such clock.
#[inline]
pub(super) fn read(current: &Current, id: i32) -> Result<u64> {
    match id as u32 {
        linux::CLOCK_REALTIME => Ok(realtime()),
        linux::CLOCK_MONOTONIC => Ok(hal::time::now()),
        _ => Ok(Clock::from_id(current, id)?.now()),
    }
}
