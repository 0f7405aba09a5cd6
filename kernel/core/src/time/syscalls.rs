//! The calls on clocks, sleeping and timers.

use alloc::sync::Arc;

use hal::user::{self, UserAddr};
use linux_raw_sys::general as linux;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::alarm::{Expiry, Setting};
use super::clock::{self, Clock};
use super::posix::{Notification, PosixTimer};
use super::timerfd::TimerFile;
use super::value::{IntervalTimespec, IntervalTimeval, Timespec, Timeval};
use super::{adjust, sleep};
use crate::context::jail;
use crate::errno::{Errno, Result};
use crate::signal::Signal;
use crate::syscall::Arguments;
use crate::task::{Capability, Current, Resource, lookup};
use crate::vfs::OpenFlags;

/// Resolution of all clocks, ns: they count in nanoseconds, whatever the counter's frequency.
const RESOLUTION: u64 = 1;

/// clock_gettime(2).
pub fn clock_gettime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let now = clock::read(current, arguments.int(0))?;
    user::write_value(UserAddr(arguments.u64(1)), &Timespec::from_nanoseconds(now))?;
    Ok(0)
}

/// clock_getres(2).
pub fn clock_getres(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    Clock::from_id(current, arguments.int(0))?;
    if arguments.u64(1) != 0 {
        user::write_value(
            UserAddr(arguments.u64(1)),
            &Timespec::from_nanoseconds(RESOLUTION),
        )?;
    }
    Ok(0)
}

/// Only who has CAP_SYS_TIME, outside of a jail, sets the clock.
pub(super) fn may_set_clock(current: &Current) -> Result<()> {
    jail::refuse(current)?;
    current.require(Capability::SysTime)
}

/// clock_settime(2).
pub fn clock_settime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let time = user::read_value::<Timespec>(UserAddr(arguments.u64(1)))?.to_nanoseconds()?;
    match Clock::from_id(current, arguments.int(0))? {
        Clock::RealTime if arguments.u32(0) == linux::CLOCK_REALTIME => {}
        Clock::Process(..) | Clock::Thread(..) => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    }
    may_set_clock(current)?;
    clock::set_wall_clock(time)?;
    Ok(0)
}

/// gettimeofday(2). There has never been more than UTC here: the time zone is zero.
pub fn gettimeofday(_current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.u64(0) != 0 {
        user::write_value(
            UserAddr(arguments.u64(0)),
            &Timeval::from_nanoseconds(clock::realtime()),
        )?;
    }
    if arguments.u64(1) != 0 {
        user::write_value(UserAddr(arguments.u64(1)), &0u64)?;
    }
    Ok(0)
}

/// settimeofday(2). A time zone is read, checked and forgotten: nothing in the kernel goes by local time.
pub fn settimeofday(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let time = match arguments.u64(0) {
        0 => None,
        address => Some(user::read_value::<Timeval>(UserAddr(address))?.to_nanoseconds()?),
    };
    if arguments.u64(1) != 0 {
        let [minutes_west, _] = user::read_value::<[i32; 2]>(UserAddr(arguments.u64(1)))?;
        if minutes_west.abs() > 15 * 60 {
            return Err(Errno::EINVAL);
        }
    }
    may_set_clock(current)?;
    if let Some(time) = time {
        clock::set_wall_clock(time)?;
    }
    Ok(0)
}

/// adjtimex(2).
pub fn adjtimex(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    adjust::adjust(current, UserAddr(arguments.u64(0)))
}

/// clock_adjtime(2).
pub fn clock_adjtime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    match Clock::from_id(current, arguments.int(0))? {
        Clock::RealTime => adjust::adjust(current, UserAddr(arguments.u64(1))),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// nanosleep(2).
pub fn nanosleep(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let time = user::read_value::<Timespec>(UserAddr(arguments.u64(0)))?.to_nanoseconds()?;
    sleep::sleep_for(current, time, UserAddr(arguments.u64(1)))?;
    Ok(0)
}

/// clock_nanosleep(2).
pub fn clock_nanosleep(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let clock = Clock::from_id(current, arguments.int(0))?;
    let own_time = matches!(&clock, Clock::Thread(thread, _) if current.is(thread));
    if own_time {
        // A thread that sleeps uses no time.
        return Err(Errno::EOPNOTSUPP);
    }
    let time = user::read_value::<Timespec>(UserAddr(arguments.u64(2)))?.to_nanoseconds()?;
    if arguments.u32(1) & linux::TIMER_ABSTIME != 0 {
        sleep::sleep_until(current, &clock, time)?;
    } else if clock.is_cpu_time() {
        sleep::sleep_until(current, &clock, clock.now().saturating_add(time))?;
    } else {
        sleep::sleep_for(current, time, UserAddr(arguments.u64(3)))?;
    }
    Ok(0)
}

fn interval_timeval(setting: Setting) -> IntervalTimeval {
    IntervalTimeval {
        interval: Timeval::from_nanoseconds(setting.interval),
        value: Timeval::from_nanoseconds_up(setting.remaining),
    }
}

fn interval_timespec(setting: Setting) -> IntervalTimespec {
    IntervalTimespec {
        interval: Timespec::from_nanoseconds(setting.interval),
        value: Timespec::from_nanoseconds(setting.remaining),
    }
}

/// getitimer(2).
pub fn getitimer(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let setting = current
        .process()
        .timers()
        .interval(arguments.u32(0) as usize)?;
    user::write_value(UserAddr(arguments.u64(1)), &interval_timeval(setting))?;
    Ok(0)
}

/// setitimer(2). As on Linux a null pointer disarms.
pub fn setitimer(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let new = match arguments.u64(1) {
        0 => Setting::default(),
        address => {
            let new = user::read_value::<IntervalTimeval>(UserAddr(address))?;
            Setting {
                remaining: new.value.to_nanoseconds()?,
                interval: new.interval.to_nanoseconds()?,
            }
        }
    };
    let process = current.process();
    let old = process
        .timers()
        .set_interval(process, arguments.u32(0) as usize, new)?;
    if arguments.u64(2) != 0 {
        user::write_value(UserAddr(arguments.u64(2)), &interval_timeval(old))?;
    }
    Ok(0)
}

/// `struct sigevent`, as far as the kernel reads it.
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct SignalEvent {
    value: u64,
    signal: i32,
    notify: i32,
    thread: i32,
    padding: [u8; 44],
}

/// SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD (the C library's affair) and SIGEV_THREAD_ID.
const NOTIFY_SIGNAL: i32 = 0;
const NOTIFY_NONE: i32 = 1;
const NOTIFY_THREAD: i32 = 2;
const NOTIFY_THREAD_ID: i32 = 4;

/// timer_create(2).
pub fn timer_create(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let clock = Clock::from_id(current, arguments.int(0))?;
    let process = current.process();
    let event = match arguments.u64(1) {
        0 => None,
        address => Some(user::read_value::<SignalEvent>(UserAddr(address))?),
    };
    let signal_of = |event: &SignalEvent| Signal::new(event.signal).ok_or(Errno::EINVAL);
    let notification = match &event {
        None => Notification::Process(Arc::downgrade(process), Signal::SIGALRM),
        Some(event) => match event.notify {
            NOTIFY_NONE => Notification::None,
            NOTIFY_SIGNAL | NOTIFY_THREAD => {
                Notification::Process(Arc::downgrade(process), signal_of(event)?)
            }
            NOTIFY_THREAD_ID => {
                let thread =
                    lookup::find_thread(current, event.thread).map_err(|_| Errno::EINVAL)?;
                if !Arc::ptr_eq(thread.process(), process) {
                    return Err(Errno::EINVAL);
                }
                Notification::thread(&thread, signal_of(event)?)
            }
            _ => return Err(Errno::EINVAL),
        },
    };
    let timers = process.timers();
    let limit = process.limit(Resource::PendingSignals);
    let id = timers.add(limit, |id| {
        // Without a sigevent the value is the timer's number.
        let value = event.map_or(id as u64, |event| event.value);
        PosixTimer::new(id, clock, notification, value)
    })?;
    if let Err(fault) = user::write_value(UserAddr(arguments.u64(2)), &id) {
        timers.delete(id)?;
        return Err(fault.into());
    }
    Ok(0)
}

/// The timer that the first argument names.
fn timer(current: &Current, arguments: &Arguments) -> Result<Arc<PosixTimer>> {
    current.process().timers().get(arguments.int(0))
}

/// timer_settime(2).
pub fn timer_settime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let new = user::read_value::<IntervalTimespec>(UserAddr(arguments.u64(2)))?;
    let (expiry, interval) = expiry_of(new, arguments.u32(1) & linux::TIMER_ABSTIME != 0)?;
    let timer = timer(current, arguments)?;
    let old = timer.alarm().ok_or(Errno::EINVAL)?.set(expiry, interval)?;
    if arguments.u64(3) != 0 {
        user::write_value(UserAddr(arguments.u64(3)), &interval_timespec(old))?;
    }
    Ok(0)
}

/// When a timer set like this expires, and its period.
fn expiry_of(new: IntervalTimespec, absolute: bool) -> Result<(Expiry, u64)> {
    let expiry = match (new.value.to_nanoseconds()?, absolute) {
        (0, _) => Expiry::Disarmed,
        (time, true) => Expiry::At(time),
        (time, false) => Expiry::In(time),
    };
    Ok((expiry, new.interval.to_nanoseconds()?))
}

/// timer_gettime(2).
pub fn timer_gettime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let timer = timer(current, arguments)?;
    let setting = timer.alarm().ok_or(Errno::EINVAL)?.get();
    user::write_value(UserAddr(arguments.u64(1)), &interval_timespec(setting))?;
    Ok(0)
}

/// timer_getoverrun(2).
pub fn timer_getoverrun(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    Ok(timer(current, arguments)?.overrun() as usize)
}

/// timer_delete(2).
pub fn timer_delete(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    current.process().timers().delete(arguments.int(0))?;
    Ok(0)
}

/// timerfd_create(2).
pub fn timerfd_create(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(1);
    if flags & !(linux::TFD_CLOEXEC | linux::TFD_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let clock = match arguments.u32(0) {
        linux::CLOCK_REALTIME
        | linux::CLOCK_MONOTONIC
        | linux::CLOCK_BOOTTIME
        | linux::CLOCK_REALTIME_ALARM
        | linux::CLOCK_BOOTTIME_ALARM => Clock::from_id(current, arguments.int(0))?,
        _ => return Err(Errno::EINVAL),
    };
    let mut open_flags = OpenFlags::empty();
    open_flags.set(OpenFlags::NON_BLOCKING, flags & linux::TFD_NONBLOCK != 0);
    current.install_file(
        TimerFile::open(clock, open_flags)?,
        flags & linux::TFD_CLOEXEC != 0,
    )
}

/// timerfd_settime(2).
pub fn timerfd_settime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(1);
    if flags & !(linux::TFD_TIMER_ABSTIME | linux::TFD_TIMER_CANCEL_ON_SET) != 0 {
        return Err(Errno::EINVAL);
    }
    let new = user::read_value::<IntervalTimespec>(UserAddr(arguments.u64(2)))?;
    let absolute = flags & linux::TFD_TIMER_ABSTIME != 0;
    let (expiry, interval) = expiry_of(new, absolute)?;
    let file = current.file(arguments.fd(0))?;
    let cancels = absolute && flags & linux::TFD_TIMER_CANCEL_ON_SET != 0;
    let old = TimerFile::of(&file)?.set(expiry, interval, cancels)?;
    if arguments.u64(3) != 0 {
        user::write_value(UserAddr(arguments.u64(3)), &interval_timespec(old))?;
    }
    Ok(0)
}

/// timerfd_gettime(2).
pub fn timerfd_gettime(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let setting = TimerFile::of(&file)?.get();
    user::write_value(UserAddr(arguments.u64(1)), &interval_timespec(setting))?;
    Ok(0)
}
