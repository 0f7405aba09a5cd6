//! A lock whose holder may sleep. How to sleep is the kernel's: [`Park`].

use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::AtomicU32;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// How a task waits for a lock, and how one that waits is told. Wrong behaviour can delay or deadlock, but never
/// break the exclusion.
pub trait Park {
    /// With nobody waiting.
    const NEW: Self;

    /// Sleeps until `ready` gives true. It is called at least once, and again after every `unpark_one` that came
    /// after it gave false.
    fn park_until(&self, ready: &mut dyn FnMut() -> bool);

    /// Lets one who waits call `ready` again.
    fn unpark_one(&self);
}

const FREE: u32 = 0;
const HELD: u32 = 1;
/// Held, and someone may be waiting.
const CONTENDED: u32 = 2;

/// A lock around a `T`; those who wait sleep by `P`.
pub struct SleepLock<T: ?Sized, P: Park> {
    state: AtomicU32,
    park: P,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives out one access at a time, so sharing it only moves the `T` between tasks.
unsafe impl<T: ?Sized + Send, P: Park + Sync> Sync for SleepLock<T, P> {}
// SAFETY: sending the lock sends the value and the waiting place.
unsafe impl<T: ?Sized + Send, P: Park + Send> Send for SleepLock<T, P> {}

impl<T, P: Park> SleepLock<T, P> {
    /// A free lock.
    pub const fn new(value: T) -> Self {
        Self {
            state: AtomicU32::new(FREE),
            park: P::NEW,
            value: UnsafeCell::new(value),
        }
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized, P: Park> SleepLock<T, P> {
    /// Takes the lock, sleeping while another task holds it.
    #[inline]
    pub fn lock(&self) -> SleepLockGuard<'_, T, P> {
        if self
            .state
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .is_err()
        {
            self.lock_contended();
        }
        SleepLockGuard { lock: self }
    }

    #[inline(never)]
    fn lock_contended(&self) {
        // Whoever gets it this way leaves it marked contended: others may still be waiting.
        self.park
            .park_until(&mut || self.state.swap(CONTENDED, Acquire) == FREE);
    }

    /// Takes the lock if it is free.
    #[inline]
    pub fn try_lock(&self) -> Option<SleepLockGuard<'_, T, P>> {
        self.state
            .compare_exchange(FREE, HELD, Acquire, Relaxed)
            .ok()
            .map(|_| SleepLockGuard { lock: self })
    }

    /// The value, which nobody else can be using.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + fmt::Debug, P: Park> fmt::Debug for SleepLock<T, P> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => formatter.debug_tuple("SleepLock").field(&&*guard).finish(),
            None => formatter.write_str("SleepLock(locked)"),
        }
    }
}

/// Access to what a [`SleepLock`] holds; dropping it unlocks.
pub struct SleepLockGuard<'a, T: ?Sized, P: Park> {
    lock: &'a SleepLock<T, P>,
}

// SAFETY: a shared guard gives shared access to the value.
unsafe impl<T: ?Sized + Sync, P: Park + Sync> Sync for SleepLockGuard<'_, T, P> {}

impl<T: ?Sized, P: Park> Deref for SleepLockGuard<'_, T, P> {
    type Target = T;
    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the guard is the only access.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T: ?Sized, P: Park> DerefMut for SleepLockGuard<'_, T, P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard is the only access.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T: ?Sized, P: Park> Drop for SleepLockGuard<'_, T, P> {
    #[inline]
    fn drop(&mut self) {
        if self.lock.state.swap(FREE, Release) == CONTENDED {
            self.lock.park.unpark_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::sync::Arc;
    use std::thread;

    struct Spin;
    impl Park for Spin {
        const NEW: Self = Spin;
        fn park_until(&self, ready: &mut dyn FnMut() -> bool) {
            while !ready() {
                thread::yield_now();
            }
        }
        fn unpark_one(&self) {}
    }

    #[test]
    fn one_holder_at_a_time() {
        let lock = Arc::new(SleepLock::<u64, Spin>::new(0));
        let threads: std::vec::Vec<_> = (0..4)
            .map(|_| {
                let lock = lock.clone();
                thread::spawn(move || {
                    for _ in 0..10_000 {
                        *lock.lock() += 1;
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(*lock.lock(), 40_000);
    }

    #[test]
    fn a_held_lock_cannot_be_tried() {
        let lock = SleepLock::<u8, Spin>::new(1);
        let guard = lock.lock();
        assert!(lock.try_lock().is_none());
        drop(guard);
        assert!(lock.try_lock().is_some());
    }
}
