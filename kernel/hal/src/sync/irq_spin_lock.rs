//! A mutual exclusion lock for data that interrupt handlers touch.

use super::preempt::InterruptGuard;
use super::raw_lock::RawLock;
use core::cell::UnsafeCell;
use core::fmt;
use core::ops::{Deref, DerefMut};

/// Data behind a spin lock. Interrupts are masked on this CPU while it is held. Release guards in the reverse
/// order of taking them.
pub struct IrqSpinLock<T: ?Sized> {
    raw: RawLock,
    data: UnsafeCell<T>,
}

// SAFETY: the lock gives one holder at a time access to the data.
unsafe impl<T: ?Sized + Send> Sync for IrqSpinLock<T> {}
// SAFETY: the lock owns its data.
unsafe impl<T: ?Sized + Send> Send for IrqSpinLock<T> {}

/// The right to the data of a [`IrqSpinLock`]; dropping it releases the lock.
pub struct IrqSpinLockGuard<'a, T: ?Sized> {
    lock: &'a IrqSpinLock<T>,
    /// Dropped after the lock is released.
    _guard: InterruptGuard,
}

// SAFETY: a shared guard gives no more than `&T`.
unsafe impl<T: ?Sized + Sync> Sync for IrqSpinLockGuard<'_, T> {}

impl<T> IrqSpinLock<T> {
    /// An unlocked lock around `data`.
    pub const fn new(data: T) -> Self {
        Self {
            raw: RawLock::new(),
            data: UnsafeCell::new(data),
        }
    }

    /// The data, taken out of the lock.
    pub fn into_inner(self) -> T {
        self.data.into_inner()
    }
}

impl<T: ?Sized> IrqSpinLock<T> {
    /// Takes the lock, spinning until it is free. Taking it twice on one CPU never ends.
    #[inline(always)]
    pub fn lock(&self) -> IrqSpinLockGuard<'_, T> {
        let guard = InterruptGuard::new();
        self.raw.lock();
        IrqSpinLockGuard {
            lock: self,
            _guard: guard,
        }
    }

    /// Takes the lock if it is free.
    pub fn try_lock(&self) -> Option<IrqSpinLockGuard<'_, T>> {
        let guard = InterruptGuard::new();
        self.raw.try_lock().then(|| IrqSpinLockGuard {
            lock: self,
            _guard: guard,
        })
    }

    /// The data, without locking: nobody else can have a reference.
    pub fn get_mut(&mut self) -> &mut T {
        self.data.get_mut()
    }

    /// Whether somebody holds the lock at this moment.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }
}

impl<T: ?Sized> Deref for IrqSpinLockGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard means that the lock is held here.
        unsafe { &*self.lock.data.get() }
    }
}

impl<T: ?Sized> DerefMut for IrqSpinLockGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the guard means that the lock is held here, and the guard is borrowed mutably.
        unsafe { &mut *self.lock.data.get() }
    }
}

impl<T: ?Sized> Drop for IrqSpinLockGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.raw.unlock();
    }
}

impl<T: Default> Default for IrqSpinLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: ?Sized + fmt::Debug> fmt::Debug for IrqSpinLock<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.try_lock() {
            Some(guard) => formatter
                .debug_tuple("IrqSpinLock")
                .field(&&*guard)
                .finish(),
            None => formatter.write_str("IrqSpinLock(locked)"),
        }
    }
}
