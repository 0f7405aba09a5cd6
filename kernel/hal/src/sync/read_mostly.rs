//! One lock for data spread over many objects that are read all the time and changed seldom.
//!
//! A reader raises its own CPU's count and looks whether there is a writer: no cache line is shared between
//! readers. A writer announces itself, then waits for every CPU's count to fall to zero. The tokens prove
//! to a [`TokenCell`] that the section is held.
//!
//! Each side stores first and looks at the other's store afterwards, with a fence between the two. Sequentially
//! consistent accesses instead (STLR, then LDAR) would do on every Arm CPU, but not under QEMU on x86: its LDAR may
//! overtake an earlier STLR.

use super::per_cpu::PerCpu;
use super::preempt::PreemptGuard;
use super::raw_lock::RawLock;
use core::cell::UnsafeCell;
use core::hint;
use core::sync::atomic::{
    AtomicBool, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst, fence,
};

/// A lock with very cheap read sections; cells under it are reached with a token.
#[derive(Debug)]
pub struct ReadMostlyLock {
    /// How many read sections are open on each CPU (they nest).
    readers: PerCpu<AtomicU32>,
    /// A writer has the lock or waits for the readers to leave.
    writing: AtomicBool,
    writers: RawLock,
}

/// Proof of a read section; dropping it ends the section. Preemption is off meanwhile.
#[derive(Debug)]
pub struct ReadToken {
    lock: &'static ReadMostlyLock,
    count: &'static AtomicU32,
    /// Dropped after the section has ended.
    _guard: PreemptGuard,
}

/// Proof of the write section; dropping it ends the section. Preemption is off meanwhile.
#[derive(Debug)]
pub struct WriteToken {
    lock: &'static ReadMostlyLock,
    /// Dropped after the section has ended.
    _guard: PreemptGuard,
}

impl ReadMostlyLock {
    /// A lock that nobody holds.
    pub const fn new() -> Self {
        Self {
            readers: PerCpu::new([const { AtomicU32::new(0) }; super::MAX_CPUS]),
            writing: AtomicBool::new(false),
            writers: RawLock::new(),
        }
    }

    /// Opens a read section, waiting for a writer to leave. Sections nest; not inside a write section.
    #[inline(always)]
    pub fn read(&'static self) -> ReadToken {
        let guard = PreemptGuard::new();
        let count = self.readers.current();
        let outer = count.load(Relaxed);
        // The count is seen before the look at the writer, whose flag is seen before its look at the counts:
        // one of the two always sees the other.
        count.store(outer + 1, Relaxed);
        fence(SeqCst);
        if self.writing.load(Acquire) && outer == 0 {
            self.wait_for_writer(count);
        }
        ReadToken {
            lock: self,
            count,
            _guard: guard,
        }
    }

    #[cold]
    #[inline(never)]
    fn wait_for_writer(&self, count: &AtomicU32) {
        while self.writing.load(Acquire) {
            count.store(0, Release);
            while self.writing.load(Relaxed) {
                hint::spin_loop();
            }
            count.store(1, Relaxed);
            fence(SeqCst);
        }
    }

    /// Opens the write section, waiting for all others to leave. Never inside a read section.
    pub fn write(&'static self) -> WriteToken {
        let guard = PreemptGuard::new();
        self.writers.lock();
        self.writing.store(true, Relaxed);
        fence(SeqCst);
        for count in self.readers.iter() {
            while count.load(Acquire) != 0 {
                hint::spin_loop();
            }
        }
        WriteToken {
            lock: self,
            _guard: guard,
        }
    }
}

impl Default for ReadMostlyLock {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for ReadToken {
    #[inline(always)]
    fn drop(&mut self) {
        self.count.store(self.count.load(Relaxed) - 1, Release);
    }
}

impl Drop for WriteToken {
    fn drop(&mut self) {
        self.lock.writing.store(false, Release);
        self.lock.writers.unlock();
    }
}

/// A value reached with a token of the lock it was made for.
pub struct TokenCell<T> {
    lock: &'static ReadMostlyLock,
    value: UnsafeCell<T>,
}

// SAFETY: read tokens share the value between CPUs, the write token gives it to one alone.
unsafe impl<T: Send + Sync> Sync for TokenCell<T> {}

impl<T> TokenCell<T> {
    /// A cell under `lock`.
    pub const fn new(lock: &'static ReadMostlyLock, value: T) -> Self {
        Self {
            lock,
            value: UnsafeCell::new(value),
        }
    }

    /// The value, while the read section lasts.
    ///
    /// # Panics
    /// If the token is another lock's.
    #[inline(always)]
    pub fn get<'a>(&'a self, token: &'a ReadToken) -> &'a T {
        assert!(
            core::ptr::eq(self.lock, token.lock),
            "a token of another lock"
        );
        // SAFETY: a read section of this cell's lock is open for as long as the token is borrowed.
        unsafe { &*self.value.get() }
    }

    /// The value, to look at in the write section.
    ///
    /// # Panics
    /// If the token is another lock's.
    #[inline(always)]
    pub fn get_in_write<'a>(&'a self, token: &'a WriteToken) -> &'a T {
        assert!(
            core::ptr::eq(self.lock, token.lock),
            "a token of another lock"
        );
        // SAFETY: the write section of this cell's lock is open, and `get_mut` needs the token mutably.
        unsafe { &*self.value.get() }
    }

    /// The value, to change in the write section.
    ///
    /// # Panics
    /// If the token is another lock's.
    #[inline(always)]
    pub fn get_mut<'a>(&'a self, token: &'a mut WriteToken) -> &'a mut T {
        assert!(
            core::ptr::eq(self.lock, token.lock),
            "a token of another lock"
        );
        // SAFETY: the write section of this cell's lock is open, and its only token is borrowed mutably.
        unsafe { &mut *self.value.get() }
    }

    /// The value, without a section: nobody else can have a reference.
    pub fn get_exclusive(&mut self) -> &mut T {
        self.value.get_mut()
    }
}
