//! The sleeping lock: its holder may sleep, and those who want it sleep meanwhile. Not for interrupts.

use super::WaitQueue;

/// How a thread waits for a sleeping lock.
pub struct Sleep(WaitQueue);

impl hal::sync::Park for Sleep {
    const NEW: Self = Self(WaitQueue::new());

    fn park_until(&self, ready: &mut dyn FnMut() -> bool) {
        self.0.wait_until(|| ready().then_some(()));
    }

    fn unpark_one(&self) {
        self.0.wake_one();
    }
}

/// A lock around a `T` whose holder may sleep. Taking and giving back a free one costs one atomic operation each.
pub type Mutex<T> = hal::sync::SleepLock<T, Sleep>;

/// Access to what a [`Mutex`] holds; dropping it unlocks.
pub type MutexGuard<'a, T> = hal::sync::SleepLockGuard<'a, T, Sleep>;
