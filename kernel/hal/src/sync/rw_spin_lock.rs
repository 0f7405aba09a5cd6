//! A spin lock that many readers hold at a time.

use super::preempt::PreemptGuard;
use core::cell::UnsafeCell;
use core::hint;
use core::ops::{Deref, DerefMut};
use core::sync::atomic::{AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

/// Set while a writer has the lock or waits for its readers to leave; the rest counts readers.
const WRITER: u32 = 1 << 31;

/// Data behind a spin lock with readers and writers. Preemption is off while it is held. Never take it in an
/// interrupt handler. A waiting writer keeps new readers out, so a reader must not take it a second time.
#[derive(Debug)]
pub struct RwSpinLock<T: ?Sized> {
    state: AtomicU32,
    data: UnsafeCell<T>,
}

// SAFETY: readers share the data, a writer has it alone.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwSpinLock<T> {}
// SAFETY: the lock owns its data.
unsafe impl<T: ?Sized + Send> Send for RwSpinLock<T> {}

/// Shared access to the data of an [`RwSpinLock`].
pub struct RwSpinLockReadGuard<'a, T: ?Sized> {
    lock: &'a RwSpinLock<T>,
    /// Dropped after the lock is released.
    _guard: PreemptGuard,
}

/// Exclusive access to the data of an [`RwSpinLock`].
pub struct RwSpinLockWriteGuard<'a, T: ?Sized> {
    lock: &'a RwSpinLock<T>,
    /// Dropped after the lock is released.
    _guard: PreemptGuard,
}

impl<T> RwSpinLock<T> {
    /// An unlocked lock around `data`.
    pub const fn new(data: T) -> Self {
        Self {
            state: AtomicU32::new(0),
            data: UnsafeCell::new(data),
        }
    }
}

impl<T: ?Sized> RwSpinLock<T> {
    /// Shares the data with other readers, spinning while a writer has it.
    #[inline(always)]
    pub fn read(&self) -> RwSpinLockReadGuard<'_, T> {
        let guard = PreemptGuard::new();
        loop {
            let state = self.state.load(Relaxed);
            if state & WRITER == 0
                && self
                    .state
                    .compare_exchange_weak(state, state + 1, Acquire, Relaxed)
                    .is_ok()
            {
                return RwSpinLockReadGuard {
                    lock: self,
                    _guard: guard,
                };
            }
            hint::spin_loop();
        }
    }

    /// Takes the data alone, spinning until everybody else has left.
    #[inline(always)]
    pub fn write(&self) -> RwSpinLockWriteGuard<'_, T> {
        let guard = PreemptGuard::new();
        while self.state.fetch_or(WRITER, Acquire) & WRITER != 0 {
            hint::spin_loop();
        }
        while self.state.load(Acquire) != WRITER {
            hint::spin_loop();
        }
        RwSpinLockWriteGuard {
            lock: self,
            _guard: guard,
        }
    }

    /// The data, without locking: nobody else can have a reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }
}

impl<T: ?Sized> Deref for RwSpinLockReadGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: no writer gets in while a reader is counted.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> Deref for RwSpinLockWriteGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the writer is alone.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for RwSpinLockWriteGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the writer is alone, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for RwSpinLockReadGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.state.fetch_sub(1, Release);
    }
}

impl<T: ?Sized> Drop for RwSpinLockWriteGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.state.fetch_and(!WRITER, Release);
    }
}

impl<T: Default> Default for RwSpinLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}
