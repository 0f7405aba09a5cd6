//! POSIX timers, timer_create(2): timers on any clock that send a signal of the program's choice.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use hal::sync::Once;

use super::alarm::{Alarm, AlarmOwner};
use super::clock::Clock;
use crate::errno::Result;
use crate::signal::{self, Origin, Signal, SignalInfo};
use crate::task::{Process, ThreadRef};

/// `si_code` of a timer's signal.
const SI_TIMER: i32 = -2;

/// The most that overruns are counted to (DELAYTIMER_MAX).
const MAXIMUM_OVERRUN: u64 = i32::MAX as u64;

/// What an expiry does.
pub enum Notification {
    /// Nothing; the program looks with timer_gettime(2).
    None,
    /// A signal to the process.
    Process(Weak<Process>, Signal),
    /// A signal to a thread. It ends with its thread.
    Thread(Weak<hal::task::Task<crate::task::Thread>>, Signal),
}

impl Notification {
    /// To a thread.
    pub fn thread(thread: &ThreadRef, signal: Signal) -> Notification {
        Notification::Thread(Arc::downgrade(thread), signal)
    }
}

/// A POSIX timer.
pub struct PosixTimer {
    id: i32,
    notification: Notification,
    /// The program's value that comes with the signal.
    value: u64,
    /// Expiries since the signal that is still pending was sent, beyond that one.
    overrun: AtomicU64,
    /// The same of the signal sent last.
    last_overrun: AtomicU32,
    alarm: Once<Arc<Alarm>>,
}

impl PosixTimer {
    /// A timer on `clock`, not armed.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new(
        id: i32,
        clock: Clock,
        notification: Notification,
        value: u64,
    ) -> Result<Arc<PosixTimer>> {
        let timer = Arc::new(PosixTimer {
            id,
            notification,
            value,
            overrun: AtomicU64::new(0),
            last_overrun: AtomicU32::new(0),
            alarm: Once::new(),
        });
        let weak: Weak<PosixTimer> = Arc::downgrade(&timer);
        let alarm = Alarm::new(clock, weak as Weak<dyn AlarmOwner>)?;
        timer.alarm.call_once(|| alarm);
        Ok(timer)
    }

    /// Its alarm.
    pub fn alarm(&self) -> Option<&Arc<Alarm>> {
        self.alarm.get()
    }

    /// How many expiries the signal sent last stands for, beyond one.
    pub fn overrun(&self) -> u32 {
        let pending = self.overrun.load(Ordering::Relaxed).min(MAXIMUM_OVERRUN) as u32;
        pending.max(self.last_overrun.load(Ordering::Relaxed))
    }

    fn information(&self, signal: Signal, overrun: u32) -> SignalInfo {
        SignalInfo {
            signal,
            error: 0,
            code: SI_TIMER,
            payload: [
                u64::from(self.id as u32) | u64::from(overrun) << 32,
                self.value,
                0,
                0,
            ],
        }
    }
}

impl AlarmOwner for PosixTimer {
    fn expired(&self, count: u64) {
        let pending = match &self.notification {
            Notification::None => return,
            Notification::Process(process, signal) => process
                .upgrade()
                .is_none_or(|process| process.pending_set().contains(*signal)),
            Notification::Thread(thread, signal) => thread
                .upgrade()
                .is_none_or(|thread| thread.signals().pending_set().contains(*signal)),
        };
        if pending {
            // One signal of a timer is queued at a time; the others are overruns.
            self.overrun.fetch_add(count, Ordering::Relaxed);
            return;
        }
        let overrun = (count - 1).min(MAXIMUM_OVERRUN) as u32;
        self.overrun.store(u64::from(overrun), Ordering::Relaxed);
        self.last_overrun.store(overrun, Ordering::Relaxed);
        match &self.notification {
            Notification::None => {}
            Notification::Process(process, signal) => {
                if let Some(process) = process.upgrade() {
                    // One that finds no room in the queue becomes an overrun that nobody counts, as on Linux.
                    let _ = signal::to_process(
                        &process,
                        self.information(*signal, overrun),
                        Origin::Kernel,
                    );
                }
            }
            Notification::Thread(thread, signal) => {
                if let Some(thread) = thread.upgrade() {
                    let _ = signal::to_thread(
                        &thread,
                        self.information(*signal, overrun),
                        Origin::Kernel,
                    );
                }
            }
        }
    }
}
