//! One file in an epoll set.

use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering, fence};

use super::instance::Event;
use super::ready::ReadyList;
use crate::errno::{Errno, Result};
use crate::sched::{Mutex, Waiter};
use crate::vfs::{File, PollEvents, PollRegistration};

/// Report once per change (EPOLLET).
pub(super) const EDGE_TRIGGERED: u32 = 1 << 31;
/// Report once, then be disabled until changed (EPOLLONESHOT).
pub(super) const ONE_SHOT: u32 = 1 << 30;
/// The system stays awake (EPOLLWAKEUP): there is no suspending here.
pub(super) const WAKE_UP: u32 = 1 << 29;
/// Wake one of several waiting instances (EPOLLEXCLUSIVE).
pub(super) const EXCLUSIVE: u32 = 1 << 28;
/// Everything but the events.
pub(super) const MODES: u32 = EDGE_TRIGGERED | ONE_SHOT | WAKE_UP | EXCLUSIVE;

/// A file in a set, under the descriptor it was added by.
pub(super) struct Interest {
    /// Weak: an epoll set doesn't keep its files open.
    pub(super) file: Weak<File>,
    /// Wanted events and modes; no events: disabled.
    events: AtomicU32,
    /// What the caller wants to be told with an event.
    data: AtomicU64,
    /// Whether it is on the ready list, or being put there.
    queued: AtomicBool,
    /// For waking, which must not hold the instance itself: it could be the last to.
    pub(super) ready: Arc<ReadyList>,
    /// For waking through `&self`.
    this: Weak<Interest>,
    /// The place on the file's wait queues, until the interest leaves the set.
    registration: Mutex<Option<PollRegistration>>,
}

impl Interest {
    pub(super) fn new(
        file: &Arc<File>,
        events: u32,
        data: u64,
        ready: Arc<ReadyList>,
    ) -> Arc<Interest> {
        Arc::new_cyclic(|this| Interest {
            file: Arc::downgrade(file),
            events: AtomicU32::new(events),
            data: AtomicU64::new(data),
            queued: AtomicBool::new(false),
            ready,
            this: this.clone(),
            registration: Mutex::new(None),
        })
    }

    /// Events wanted and modes.
    pub(super) fn events(&self) -> u32 {
        self.events.load(Ordering::Relaxed)
    }

    /// What to tell with an event.
    pub(super) fn data(&self) -> u64 {
        self.data.load(Ordering::Relaxed)
    }

    /// Changes what is wanted.
    pub(super) fn set(&self, events: u32, data: u64) {
        self.data.store(data, Ordering::Relaxed);
        self.events.store(events, Ordering::Release);
    }

    /// A one-shot interest has been reported: it wants nothing until it is changed.
    pub(super) fn disable(&self) {
        self.events.fetch_and(MODES, Ordering::Relaxed);
    }

    /// Enters the file's wait queues, and returns its readiness.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn register(self: &Arc<Interest>, file: &File) -> Result<PollEvents> {
        let waiter: Arc<dyn Waiter> = self.clone();
        let mut registration = PollRegistration::new(waiter);
        let events = file.poll(Some(&mut registration));
        if registration.has_failed() {
            return Err(Errno::ENOMEM);
        }
        *self.registration.lock() = Some(registration);
        Ok(events)
    }

    /// Leaves the file's wait queues and the ready list.
    pub(super) fn withdraw(self: &Arc<Interest>) {
        self.events.store(0, Ordering::Relaxed);
        let registration = self.registration.lock().take();
        drop(registration);
        self.ready.remove(self);
    }

    /// Those of the file's events that are wanted; errors and hang-up always are, unless it is disabled.
    pub(super) fn wanted(&self, found: PollEvents) -> u32 {
        let events = self.events() & !MODES;
        if events == 0 {
            return 0;
        }
        found.bits() & (events | (PollEvents::ERROR | PollEvents::HANG_UP).bits())
    }

    /// Puts it on the ready list unless it is there; says whether it was put there.
    pub(super) fn enqueue(self: &Arc<Interest>) -> bool {
        let absent = !self.queued.swap(true, Ordering::AcqRel);
        if absent {
            self.ready.push(self.clone());
        }
        absent
    }

    /// Asks the file, when the interest was just taken off the ready list. An event comes with what to do with the
    /// interest once it is reported; without one there is nothing left to do.
    #[inline(always)]
    pub(super) fn look(self: &Arc<Interest>) -> Option<(Event, Again)> {
        let wanted = self.events();
        let Some(file) = self.file.upgrade() else {
            self.queued.store(false, Ordering::Relaxed);
            return None;
        };
        let again = match wanted {
            wanted if wanted & ONE_SHOT != 0 => Again::Never,
            wanted if wanted & EDGE_TRIGGERED != 0 => Again::Change,
            _ => Again::Queue,
        };
        if again != Again::Queue {
            // Before the file is asked, so that a change after the look queues it again.
            self.queued.store(false, Ordering::Relaxed);
            fence(Ordering::SeqCst);
        }
        let found = self.wanted(file.poll(None));
        if found == 0 {
            if again == Again::Queue {
                self.queued.store(false, Ordering::Relaxed);
                fence(Ordering::SeqCst);
                // A change since the look told nobody, as it was still queued.
                if self.wanted(file.poll(None)) != 0 {
                    self.enqueue();
                }
            }
            return None;
        }
        Some((
            Event {
                events: found,
                padding: 0,
                data: self.data(),
            },
            again,
        ))
    }
}

/// What becomes of an interest that was reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Level-triggered: it stays queued until its file is seen not to be ready.
    Queue,
    /// Edge-triggered: queued by the next change.
    Change,
    /// One-shot: disabled.
    Never,
}

impl Waiter for Interest {
    fn wake(&self) {
        // A disabled one is not worth a wake-up; changing it looks at the file again. One that is queued already is
        // looked at by whoever takes it off.
        if self.events() & !MODES == 0 || self.queued.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Some(this) = self.this.upgrade() {
            self.ready.push(this);
            self.ready.waiting.wake_all();
        }
    }
}
