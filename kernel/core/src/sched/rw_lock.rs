//! A sleeping lock that many may share or one may have alone. Not for interrupts.

use super::WaitQueue;
use core::ops::Deref;
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Set while one has the lock alone; the bits below count those who share it.
const EXCLUSIVE: u32 = 1 << 31;
/// Set while one waits to have it alone: no more sharers enter.
const WANTED: u32 = 1 << 30;

/// Orders work on what it guards: `T` is only ever seen shared, so what changes in it has its own lock or atomics.
pub struct RwLock<T> {
    state: AtomicU32,
    queue: WaitQueue,
    value: T,
}

impl<T> RwLock<T> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Self {
            state: AtomicU32::new(0),
            queue: WaitQueue::new(),
            value,
        }
    }

    /// Shares the lock, sleeping while one has it or wants it alone. Not again while sharing it.
    pub fn read(&self) -> ReadGuard<'_, T> {
        if !self.try_share() {
            self.queue.wait_until(|| self.try_share().then_some(()));
        }
        ReadGuard { lock: self }
    }

    /// Takes the lock alone, sleeping while others have it.
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.queue.wait_until(|| {
            let taken = self
                .state
                .fetch_update(Acquire, Relaxed, |state| match state & !WANTED {
                    0 => Some(EXCLUSIVE),
                    _ if state & WANTED == 0 => Some(state | WANTED),
                    _ => None,
                });
            matches!(taken, Ok(before) if before & !WANTED == 0).then_some(())
        });
        WriteGuard { lock: self }
    }

    fn try_share(&self) -> bool {
        self.state
            .fetch_update(Acquire, Relaxed, |state| {
                (state & (EXCLUSIVE | WANTED) == 0).then(|| state + 1)
            })
            .is_ok()
    }
}

/// A share of a [`RwLock`].
pub struct ReadGuard<'a, T> {
    lock: &'a RwLock<T>,
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.lock.value
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        if self.lock.state.fetch_sub(1, Release) & !WANTED == 1 {
            self.lock.queue.wake_all();
        }
    }
}

/// The whole of a [`RwLock`].
pub struct WriteGuard<'a, T> {
    lock: &'a RwLock<T>,
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.lock.value
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        // Also takes back a wish made meanwhile: who made it is woken and makes it again.
        self.lock.state.store(0, Release);
        self.lock.queue.wake_all();
    }
}
