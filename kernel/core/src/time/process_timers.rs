//! The timers a process has: made when it first sets one.

use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};

use super::alarm::{Alarm, AlarmOwner, Expiry, Setting};
use super::clock::{Clock, CpuTimeKind};
use super::interval::IntervalTimer;
use super::posix::PosixTimer;
use crate::errno::{Errno, Result};
use crate::sched::Mutex;
use crate::task::Process;

/// The interval timers and POSIX timers of a process. A child starts with none.
pub struct ProcessTimers {
    timers: Mutex<Timers>,
}

struct Timers {
    /// ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF: kept alive here, for alarms don't hold their owners.
    interval: [Option<(Arc<IntervalTimer>, Arc<Alarm>)>; 3],
    posix: BTreeMap<i32, Arc<PosixTimer>>,
    next_id: i32,
}

impl ProcessTimers {
    /// No timers.
    pub const fn new() -> ProcessTimers {
        ProcessTimers {
            timers: Mutex::new(Timers {
                interval: [const { None }; 3],
                posix: BTreeMap::new(),
                next_id: 0,
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
        let removed = core::mem::take(&mut self.timers.lock().interval);
        drop(removed);
    }
}

impl Default for ProcessTimers {
    fn default() -> Self {
        ProcessTimers::new()
    }
}
