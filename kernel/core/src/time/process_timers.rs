//! The timers a process has: made when it first sets one.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use super::alarm::{Alarm, AlarmOwner, Expiry, Setting};
use super::clock::{Clock, CpuTimeKind};
use super::cpu_limit::CpuLimit;
use super::interval::IntervalTimer;
use super::posix::PosixTimer;
use super::value::SECOND;
use crate::errno::{Errno, Result};
use crate::sched::Mutex;
use crate::task::{Process, limits};

/// The interval timers and POSIX timers of a process. A child starts with none.
pub struct ProcessTimers {
    timers: Mutex<Timers>,
}

struct Timers {
    /// ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF: kept alive here, for alarms don't hold their owners.
    interval: [Option<(Arc<IntervalTimer>, Arc<Alarm>)>; 3],
    posix: BTreeMap<i32, Arc<PosixTimer>>,
    next_id: i32,
    /// RLIMIT_CPU, if there is a limit.
    cpu_limit: Option<(Arc<CpuLimit>, Arc<Alarm>)>,
    /// The process has ended: no timer may refer to it any more.
    closed: bool,
}

impl ProcessTimers {
    /// No timers.
    pub const fn new() -> ProcessTimers {
        ProcessTimers {
            timers: Mutex::new(Timers {
                interval: [const { None }; 3],
                posix: BTreeMap::new(),
                next_id: 0,
                cpu_limit: None,
                closed: false,
            }),
        }
    }

    /// Sets interval timer `which` (ITIMER_*); returns what it was.
    ///
    /// # Errors
    /// EINVAL: there is no such timer. ENOMEM.
    pub fn set_interval(
        &self,
        process: &Arc<Process>,
        which: usize,
        setting: Setting,
    ) -> Result<Setting> {
        let expiry = if setting.remaining == 0 {
            Expiry::Disarmed
        } else {
            Expiry::In(setting.remaining)
        };
        let mut timers = self.timers.lock();
        let slot = timers.interval.get_mut(which).ok_or(Errno::EINVAL)?;
        if slot.is_none() && expiry == Expiry::Disarmed {
            return Ok(Setting::default());
        }
        if slot.is_none() {
            let clock = match which {
                0 => Clock::Monotonic,
                1 => Clock::Process(process.clone(), CpuTimeKind::User),
                _ => Clock::Process(process.clone(), CpuTimeKind::Both),
            };
            let owner = Arc::new(IntervalTimer::new(process, which));
            let weak: Weak<IntervalTimer> = Arc::downgrade(&owner);
            let alarm = Alarm::new(clock, weak as Weak<dyn AlarmOwner>)?;
            *slot = Some((owner, alarm));
        }
        match slot {
            Some((_, alarm)) => alarm.set(expiry, setting.interval),
            None => Err(Errno::EINVAL),
        }
    }

    /// Watches over RLIMIT_CPU with this soft limit, in seconds.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn set_cpu_limit(&self, process: &Arc<Process>, soft: u64) -> Result<()> {
        let mut timers = self.timers.lock();
        if timers.closed {
            return Ok(());
        }
        if soft == limits::INFINITY {
            let removed = timers.cpu_limit.take();
            drop(timers);
            drop(removed);
            return Ok(());
        }
        if timers.cpu_limit.is_none() {
            let owner = Arc::new(CpuLimit::new(process));
            let weak: Weak<CpuLimit> = Arc::downgrade(&owner);
            let clock = Clock::Process(process.clone(), CpuTimeKind::Both);
            let alarm = Alarm::new(clock, weak as Weak<dyn AlarmOwner>)?;
            timers.cpu_limit = Some((owner, alarm));
        }
        if let Some((_, alarm)) = &timers.cpu_limit {
            let time = soft.saturating_mul(SECOND);
            alarm.set(Expiry::At(time), SECOND)?;
        }
        Ok(())
    }

    /// What interval timer `which` is set to.
    ///
    /// # Errors
    /// EINVAL: there is no such timer.
    pub fn interval(&self, which: usize) -> Result<Setting> {
        let timers = self.timers.lock();
        let slot = timers.interval.get(which).ok_or(Errno::EINVAL)?;
        Ok(slot
            .as_ref()
            .map_or(Setting::default(), |(_, alarm)| alarm.get()))
    }

    /// Adds a POSIX timer that `make` makes for its number.
    ///
    /// # Errors
    /// EAGAIN: `limit` timers are there. ENOMEM, and what `make` returns.
    pub fn add(
        &self,
        limit: u64,
        make: impl FnOnce(i32) -> Result<Arc<PosixTimer>>,
    ) -> Result<i32> {
        hal::frame::headroom()?;
        let mut timers = self.timers.lock();
        if timers.posix.len() as u64 >= limit {
            return Err(Errno::EAGAIN);
        }
        let mut id = timers.next_id;
        while timers.posix.contains_key(&id) {
            id = id.wrapping_add(1) & i32::MAX;
        }
        let timer = make(id)?;
        timers.posix.insert(id, timer);
        timers.next_id = id.wrapping_add(1) & i32::MAX;
        Ok(id)
    }

    /// The POSIX timer with this number.
    ///
    /// # Errors
    /// EINVAL: there is none.
    pub fn get(&self, id: i32) -> Result<Arc<PosixTimer>> {
        self.timers
            .lock()
            .posix
            .get(&id)
            .cloned()
            .ok_or(Errno::EINVAL)
    }

    /// Deletes a POSIX timer.
    ///
    /// # Errors
    /// EINVAL: there is none.
    pub fn delete(&self, id: i32) -> Result<()> {
        let removed = self.timers.lock().posix.remove(&id);
        removed.map(drop).ok_or(Errno::EINVAL)
    }

    /// At exec POSIX timers go; interval timers stay (execve(2)).
    pub fn clear_for_exec(&self) {
        let removed = core::mem::take(&mut self.timers.lock().posix);
        drop(removed);
    }

    /// At the process's end all go. Timers on its CPU time refer to it, so this must be called.
    pub fn clear(&self) {
        self.clear_for_exec();
        let mut timers = self.timers.lock();
        timers.closed = true;
        let removed = (
            core::mem::take(&mut timers.interval),
            timers.cpu_limit.take(),
        );
        drop(timers);
        drop(removed);
    }
}

impl Default for ProcessTimers {
    fn default() -> Self {
        ProcessTimers::new()
    }
}
