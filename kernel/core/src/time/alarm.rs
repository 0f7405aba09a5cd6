//! A timer on any clock, once or periodic, that tells its owner of expiries.

use alloc::sync::{Arc, Weak};

use hal::sync::IrqSpinLock;

use super::clock::{self, Clock};
use crate::errno::Result;
use crate::sched::{TimerHandle, TimerTarget, timer};

/// The owner of an alarm.
pub trait AlarmOwner: Send + Sync {
    /// It expired, `count` times since it last told. Runs in interrupt context.
    fn expired(&self, count: u64);

    /// The wall clock was set, and the alarm is on it.
    fn clock_was_set(&self) {}
}

/// What an alarm is set to, in nanoseconds of its clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Setting {
    /// Time to the next expiry, 0: not armed.
    pub remaining: u64,
    /// Period, 0: once.
    pub interval: u64,
}

/// When an alarm expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// Never.
    Disarmed,
    /// After so many nanoseconds.
    In(u64),
    /// When the clock shows so many nanoseconds.
    At(u64),
}

struct State {
    /// When the clock shows this it expires.
    next: Option<u64>,
    interval: u64,
    /// Moves with the wall clock: set to a time of day, not to a distance.
    follows_clock: bool,
    timer: Option<TimerHandle>,
}

/// A timer on a clock.
///
/// The timers underneath know the monotonic clock only. For CPU time the alarm is armed for the earliest moment at
/// which it could be used up, and armed again for the rest if it isn't then: nobody who sets none pays for it.
pub struct Alarm {
    clock: Clock,
    owner: Weak<dyn AlarmOwner>,
    this: Weak<Alarm>,
    state: IrqSpinLock<State>,
}

/// The shortest time between two looks at a CPU clock, ns.
const CPU_CLOCK_GRAIN: u64 = 100_000;

impl Alarm {
    /// An alarm that isn't armed.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new(clock: Clock, owner: Weak<dyn AlarmOwner>) -> Result<Arc<Alarm>> {
        hal::frame::headroom()?;
        let on_wall_clock = matches!(clock, Clock::RealTime);
        let alarm = Arc::new_cyclic(|this| Alarm {
            clock,
            owner,
            this: this.clone(),
            state: IrqSpinLock::new(State {
                next: None,
                interval: 0,
                follows_clock: false,
                timer: None,
            }),
        });
        if on_wall_clock {
            clock::watch_wall_clock(&alarm)?;
        }
        Ok(alarm)
    }

    /// The clock it goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Arms or disarms it; returns what it was set to.
    ///
    /// # Errors
    /// ENOMEM; it is disarmed then.
    pub fn set(&self, expiry: Expiry, interval: u64) -> Result<Setting> {
        let now = self.clock.now();
        let mut state = self.state.lock();
        let old = state.setting(now);
        (state.next, state.follows_clock) = match expiry {
            Expiry::Disarmed => (None, false),
            Expiry::In(time) => (Some(now.saturating_add(time)), false),
            Expiry::At(time) => (Some(time), true),
        };
        state.interval = interval;
        let armed = self.arm(&mut state, now);
        if armed.is_err() {
            state.next = None;
        }
        armed.map(|()| old)
    }

    /// What it is set to.
    pub fn get(&self) -> Setting {
        let now = self.clock.now();
        self.state.lock().setting(now)
    }

    /// Programs the timer underneath; `now` by the alarm's clock.
    fn arm(&self, state: &mut State, now: u64) -> Result<()> {
        state.timer = None;
        let (Some(next), Some(this)) = (state.next, self.this.upgrade()) else {
            return Ok(());
        };
        let mut wait = next.saturating_sub(now);
        if self.clock.is_cpu_time() {
            wait = wait.max(CPU_CLOCK_GRAIN);
        }
        state.timer = Some(timer::arm(hal::time::now().saturating_add(wait), this)?);
        Ok(())
    }

    /// The wall clock was set: an absolute time comes sooner or later, a distance stays.
    pub(super) fn clock_was_set(&self) {
        let now = self.clock.now();
        {
            let mut state = self.state.lock();
            if state.follows_clock {
                // Without memory for a timer it stays as it was; it fires then and looks again.
                let _ = self.arm(&mut state, now);
            }
        }
        if let Some(owner) = self.owner.upgrade() {
            owner.clock_was_set();
        }
    }
}

impl State {
    fn setting(&self, now: u64) -> Setting {
        Setting {
            // An expiry that is due but hasn't been seen is not "not armed".
            remaining: self.next.map_or(0, |next| next.saturating_sub(now).max(1)),
            interval: self.interval,
        }
    }

    /// Counts the expiries up to `now` and moves on to the next one.
    fn expire(&mut self, now: u64) -> u64 {
        let Some(next) = self.next.filter(|next| *next <= now) else {
            return 0;
        };
        let Some(further) = (now - next).checked_div(self.interval) else {
            self.next = None;
            return 1;
        };
        self.next = further
            .checked_add(1)
            .and_then(|periods| periods.checked_mul(self.interval))
            .and_then(|time| next.checked_add(time));
        further + 1
    }
}

impl TimerTarget for Alarm {
    fn fire(&self, _now: u64) {
        let now = self.clock.now();
        let count = {
            let mut state = self.state.lock();
            let count = state.expire(now);
            // The slot of the timer that fired is free again, so there is room.
            let _ = self.arm(&mut state, now);
            count
        };
        if count > 0
            && let Some(owner) = self.owner.upgrade()
        {
            owner.expired(count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(next: Option<u64>, interval: u64) -> State {
        State {
            next,
            interval,
            follows_clock: false,
            timer: None,
        }
    }

    #[test]
    fn a_single_expiry_disarms() {
        let mut once = state(Some(100), 0);
        assert_eq!(once.expire(99), 0);
        assert_eq!(
            once.setting(99),
            Setting {
                remaining: 1,
                interval: 0
            }
        );
        assert_eq!(once.expire(100), 1);
        assert_eq!(once.next, None);
        assert_eq!(once.setting(101).remaining, 0);
    }

    #[test]
    fn missed_periods_are_counted() {
        let mut periodic = state(Some(100), 10);
        assert_eq!(periodic.expire(100), 1);
        assert_eq!(periodic.next, Some(110));
        assert_eq!(periodic.expire(145), 4);
        assert_eq!(periodic.next, Some(150));
    }

    #[test]
    fn an_end_of_time_disarms_instead_of_overflowing() {
        let mut far = state(Some(u64::MAX - 1), u64::MAX);
        assert_eq!(far.expire(u64::MAX), 1);
        assert_eq!(far.next, None);
    }
}
