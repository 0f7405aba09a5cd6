//! Timers as files: timerfd_create(2).

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::any::Any;

use hal::sync::IrqSpinLock;

use super::alarm::{Alarm, AlarmOwner, Expiry, Setting};
use super::clock::Clock;
use crate::errno::{Errno, Result};
use crate::sched::WaitQueue;
use crate::vfs::{Destination, File, FileOperations, OpenFlags, PollEvents, PollRegistration};

#[derive(Default)]
struct Expiries {
    /// Since the last read.
    count: u64,
    /// The program wants to hear of the wall clock being set (TFD_TIMER_CANCEL_ON_SET).
    cancels: bool,
    /// It was set.
    cancelled: bool,
}

/// What the alarm tells; apart from the file, since the alarm fires in interrupt context.
struct Shared {
    expiries: IrqSpinLock<Expiries>,
    queue: Arc<WaitQueue>,
}

/// The open file.
pub struct TimerFile {
    shared: Arc<Shared>,
    alarm: Arc<Alarm>,
}

impl AlarmOwner for Shared {
    fn expired(&self, count: u64) {
        {
            let mut expiries = self.expiries.lock();
            expiries.count = expiries.count.saturating_add(count);
        }
        self.queue.wake_all();
    }

    fn clock_was_set(&self) {
        let cancelled = {
            let mut expiries = self.expiries.lock();
            expiries.cancelled |= expiries.cancels;
            expiries.cancelled
        };
        if cancelled {
            self.queue.wake_all();
        }
    }
}

impl TimerFile {
    /// Opens a timer on `clock`.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn open(clock: Clock, flags: OpenFlags) -> Result<Arc<File>> {
        let shared = Arc::new(Shared {
            expiries: IrqSpinLock::new(Expiries::default()),
            queue: Arc::new(WaitQueue::new()),
        });
        let weak: Weak<Shared> = Arc::downgrade(&shared);
        let alarm = Alarm::new(clock, weak as Weak<dyn AlarmOwner>)?;
        Ok(File::anonymous(
            "[timerfd]",
            Box::new(TimerFile { shared, alarm }),
            flags | OpenFlags::READ_WRITE,
        ))
    }

    /// The timer behind a file.
    ///
    /// # Errors
    /// EINVAL: it isn't one.
    pub fn of(file: &File) -> Result<&TimerFile> {
        file.operations()
            .as_any()
            .downcast_ref::<TimerFile>()
            .ok_or(Errno::EINVAL)
    }

    /// Arms or disarms it; returns what it was set to. Expiries not read are forgotten.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn set(&self, expiry: Expiry, interval: u64, cancels: bool) -> Result<Setting> {
        let old = self.alarm.set(Expiry::Disarmed, 0)?;
        *self.shared.expiries.lock() = Expiries {
            count: 0,
            cancels: cancels && matches!(self.alarm.clock(), Clock::RealTime),
            cancelled: false,
        };
        self.alarm.set(expiry, interval)?;
        Ok(old)
    }

    /// What it is set to.
    pub fn get(&self) -> Setting {
        self.alarm.get()
    }

    /// Takes the expiries there are.
    fn take(&self) -> Option<Result<u64>> {
        let mut expiries = self.shared.expiries.lock();
        if expiries.cancelled {
            expiries.cancelled = false;
            expiries.count = 0;
            return Some(Err(Errno::ECANCELED));
        }
        match core::mem::take(&mut expiries.count) {
            0 => None,
            count => Some(Ok(count)),
        }
    }
}

impl FileOperations for TimerFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        if destination.remaining() < 8 {
            return Err(Errno::EINVAL);
        }
        let count = match self.take() {
            Some(count) => count?,
            None if file.is_non_blocking() => return Err(Errno::EAGAIN),
            None => self.shared.queue.wait_interruptible(|| self.take())??,
        };
        destination.write(&count.to_ne_bytes())?;
        Ok(8)
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        if let Some(registration) = registration {
            registration.watch(&self.shared.queue);
        }
        let expiries = self.shared.expiries.lock();
        if expiries.count > 0 || expiries.cancelled {
            PollEvents::IN
        } else {
            PollEvents::empty()
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
