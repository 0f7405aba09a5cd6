//! An epoll instance: its set of interests, and waiting for events.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::any::Any;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::interest::{Again, Interest};
use super::ready::ReadyList;
use crate::errno::{Errno, Result};
use crate::sched::{Interruption, Mutex};
use crate::vfs::{File, FileOperations, OpenFlags, PollEvents, PollRegistration};

/// `struct epoll_event`, which is packed on x86 only.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(C)]
pub struct Event {
    /// What happened, or is wanted.
    pub events: u32,
    /// Padding.
    pub padding: u32,
    /// The caller's own.
    pub data: u64,
}

/// A file is in a set once per descriptor it is added by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) descriptor: i32,
    /// Address of the open file description, which the interest's weak reference keeps from being used again.
    pub(super) file: usize,
}

/// An epoll instance.
pub struct Epoll {
    pub(super) interests: Mutex<BTreeMap<Key, Arc<Interest>>>,
    pub(super) ready: Arc<ReadyList>,
}

impl Epoll {
    /// Opens an empty instance.
    pub fn open(flags: OpenFlags) -> Arc<File> {
        let epoll = Epoll {
            interests: Mutex::new(BTreeMap::new()),
            ready: Arc::new(ReadyList::new()),
        };
        File::anonymous(
            "[eventpoll]",
            Box::new(epoll),
            flags | OpenFlags::READ_WRITE,
        )
    }

    /// The instance behind a file.
    ///
    /// # Errors
    /// EINVAL: it isn't one.
    pub fn of(file: &File) -> Result<&Epoll> {
        file.operations()
            .as_any()
            .downcast_ref::<Epoll>()
            .ok_or(Errno::EINVAL)
    }

    /// Waits until there is an event or `deadline` (ns since boot; `Some(0)`: doesn't wait) passes, and hands at most
    /// `maximum` events to `emit` with their index. Returns how many.
    ///
    /// # Errors
    /// EINTR: a signal came first. What `emit` says of the first event.
    pub fn wait(
        &self,
        maximum: usize,
        deadline: Option<u64>,
        mut emit: impl FnMut(usize, &Event) -> Result<()>,
    ) -> Result<usize> {
        loop {
            let count = self.collect(maximum, &mut emit)?;
            if count > 0 || deadline == Some(0) {
                return Ok(count);
            }
            let woken = self.ready.waiting.wait_deadline(
                || (self.ready.len() > 0).then_some(()),
                deadline,
                Interruption::Signal,
            );
            match woken {
                Ok(Some(())) => {}
                Ok(None) => return self.collect(maximum, &mut emit),
                // epoll_wait(2) is never restarted (signal(7)).
                Err(Errno::ENOMEM) => return Err(Errno::ENOMEM),
                Err(_) => return Err(Errno::EINTR),
            }
        }
    }

    /// Goes through the ready list once.
    #[inline]
    fn collect(
        &self,
        maximum: usize,
        emit: &mut impl FnMut(usize, &Event) -> Result<()>,
    ) -> Result<usize> {
        let mut total = 0;
        let mut next = self.ready.pop();
        while let Some((interest, rest)) = next {
            if let Some((event, again)) = interest.look() {
                let taken = emit(total, &event);
                match again {
                    Again::Queue => {
                        // Behind the others, so that all get their turn; other threads may report it as well.
                        self.ready.push(interest);
                        self.ready.waiting.wake_one();
                    }
                    Again::Never if taken.is_ok() => interest.disable(),
                    Again::Change if taken.is_ok() => {}
                    Again::Never | Again::Change => {
                        interest.enqueue();
                    }
                }
                match taken {
                    Ok(()) => total += 1,
                    Err(error) if total == 0 => return Err(error),
                    Err(_) => break,
                }
            }
            if rest == 0 || total == maximum {
                break;
            }
            next = self.ready.pop_of(rest);
        }
        Ok(total)
    }

    /// Whether an event is there: readiness as seen by poll(2) and by an instance this one is in.
    fn has_event(&self) -> bool {
        let mut next = self.ready.pop();
        while let Some((interest, rest)) = next {
            if let Some((_, again)) = interest.look() {
                if again == Again::Queue {
                    self.ready.push(interest);
                } else {
                    interest.enqueue();
                }
                return true;
            }
            if rest == 0 {
                break;
            }
            next = self.ready.pop_of(rest);
        }
        false
    }
}

impl FileOperations for Epoll {
    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        if let Some(registration) = registration {
            registration.watch(&self.ready.waiting);
        }
        if self.has_event() {
            PollEvents::IN
        } else {
            PollEvents::empty()
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // An interest and its place on a file's wait queue refer to each other.
        let interests = core::mem::take(&mut *self.interests.lock());
        for interest in interests.into_values() {
            interest.withdraw();
        }
        self.ready.clear();
    }
}
