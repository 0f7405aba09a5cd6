//! The allocator all CPUs share, and each CPU's caches of single frames in front of it.
//!
//! One cache holds frames known to be zero: page tables are empty when they are freed, and clearing a page
//! costs more than all the rest of an allocation.

use super::machine;
use super::metadata::metadata;
use super::zones::Zones;
use super::{FRAME_SHIFT, OutOfMemory};
use crate::fault_injection;
use crate::sync::{InterruptGuard, IrqSpinLock, MAX_CPUS, PerCpu};
use core::cell::UnsafeCell;
use core::sync::atomic::{
    AtomicU32, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence,
};

/// Most frames a CPU keeps.
const CAPACITY: usize = 128;
/// Most frames known to be zero that a CPU keeps besides.
const ZEROED_CAPACITY: usize = 32;
/// Frames moved at a time between a cache and the shared allocator: a block of this order.
const BATCH_ORDER: usize = 5;
const BATCH: usize = 1 << BATCH_ORDER;

/// What an allocation is for, which says how much of the reserve it may use.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// May be refused while memory is short: nothing of it.
    Ordinary,
    /// A large object of the kernel heap: half of it.
    Large,
    /// The kernel's own small needs: all of it.
    Kernel,
}

impl Purpose {
    /// Whether fault injection refuses the allocation.
    #[inline(always)]
    fn is_refused(self) -> bool {
        self == Self::Ordinary && fault_injection::refuses()
    }

    /// Frames that must be left after the allocation.
    fn must_leave(self) -> u64 {
        match self {
            Self::Ordinary => RESERVE.load(Relaxed),
            Self::Large => RESERVE.load(Relaxed) / 2,
            Self::Kernel => 0,
        }
    }
}

static SHARED: IrqSpinLock<Zones> = IrqSpinLock::new(Zones::new());
/// `SHARED`'s free frames, to look at without the lock.
static SHARED_FREE: AtomicU64 = AtomicU64::new(0);
/// Frames of RAM, in use or not.
static TOTAL: AtomicU64 = AtomicU64::new(0);
/// Ordinary allocations leave this many frames in the shared allocator.
static RESERVE: AtomicU64 = AtomicU64::new(0);

static CACHES: PerCpu<Caches> = PerCpu::new(
    [const {
        Caches {
            any: Cache::new(),
            zeroed: Cache::new(),
        }
    }; MAX_CPUS],
);

/// What a CPU has at hand.
struct Caches {
    any: Cache<CAPACITY>,
    /// Frames known to be zero.
    zeroed: Cache<ZEROED_CAPACITY>,
}

/// Frames at hand for one CPU: numbers, the last freed on top.
struct Cache<const CAPACITY: usize> {
    /// Written by its own CPU alone; read by any for statistics.
    count: AtomicU32,
    numbers: UnsafeCell<[u32; CAPACITY]>,
}

// SAFETY: `numbers` is accessed by its own CPU alone, with interrupts masked.
unsafe impl<const CAPACITY: usize> Sync for Cache<CAPACITY> {}

impl<const CAPACITY: usize> Cache<CAPACITY> {
    const fn new() -> Self {
        Self {
            count: AtomicU32::new(0),
            numbers: UnsafeCell::new([0; CAPACITY]),
        }
    }

    /// Takes the top frame.
    #[inline(always)]
    fn pop(&self, _here: &InterruptGuard) -> Option<u32> {
        let count = self.count.load(Relaxed);
        if count == 0 {
            return None;
        }
        self.count.store(count - 1, Relaxed);
        // SAFETY: our own cache with interrupts masked; the count never exceeds the capacity.
        Some(unsafe { *(*self.numbers.get()).get_unchecked(count as usize - 1) })
    }

    /// Takes frames that have been here longest: all whole aligned batches among the lower half that lie there in
    /// order of their addresses, or else as many single frames as a batch has. Calls `release(first, order)`.
    fn take_oldest(&self, _here: &InterruptGuard, mut release: impl FnMut(u32, usize)) {
        let count = self.count.load(Relaxed) as usize;
        // SAFETY: our own cache with interrupts masked; nobody else has a reference.
        let numbers = unsafe { &mut *self.numbers.get() };
        let numbers = &mut numbers[..count];
        let (mut position, mut kept) = (0, 0);
        while position < count / 2 {
            if is_batch(&numbers[position..]) {
                release(numbers[position], BATCH_ORDER);
                position += BATCH;
            } else {
                numbers[kept] = numbers[position];
                kept += 1;
                position += 1;
            }
        }
        if kept == position {
            kept = 0;
            position = BATCH.min(count);
            for &number in &numbers[..position] {
                release(number, 0);
            }
        }
        numbers.copy_within(position.., kept);
        self.count
            .store((count - (position - kept)) as u32, Relaxed);
    }

    /// Puts a frame on top; `false` if the cache is full.
    #[inline(always)]
    fn push(&self, number: u32, _here: &InterruptGuard) -> bool {
        let count = self.count.load(Relaxed);
        if count as usize >= CAPACITY {
            return false;
        }
        // SAFETY: our own cache with interrupts masked; `count` is below the capacity.
        unsafe { *(*self.numbers.get()).get_unchecked_mut(count as usize) = number };
        self.count.store(count + 1, Relaxed);
        true
    }
}

/// Whether these begin with a whole aligned batch in order.
#[inline]
fn is_batch(numbers: &[u32]) -> bool {
    let first = numbers[0];
    first.is_multiple_of(BATCH as u32)
        && numbers.len() >= BATCH
        && numbers[BATCH - 1] == first + BATCH as u32 - 1
        && numbers[..BATCH]
            .iter()
            .zip(first..)
            .all(|(&number, expected)| number == expected)
}

/// Takes a frame, its count set to one, its content unspecified.
#[inline(always)]
pub(crate) fn allocate_number(purpose: Purpose) -> Result<u32, OutOfMemory> {
    if purpose.is_refused() {
        return Err(OutOfMemory);
    }
    let cached = {
        let here = InterruptGuard::new();
        CACHES.current().any.pop(&here)
    };
    let number = match cached {
        Some(number) => number,
        None => refill(purpose)?,
    };
    // SAFETY: a frame of the allocator.
    unsafe { metadata(u64::from(number)) }.begin_use();
    Ok(number)
}

/// Takes a frame, and whether it is known to be zero; its count is set to one, its content otherwise
/// unspecified.
#[inline(always)]
pub(super) fn allocate_preferably_zero(purpose: Purpose) -> Result<(u32, bool), OutOfMemory> {
    if purpose.is_refused() {
        return Err(OutOfMemory);
    }
    let cached = {
        let here = InterruptGuard::new();
        let caches = CACHES.current();
        match caches.zeroed.pop(&here) {
            Some(number) => Some((number, true)),
            None => caches.any.pop(&here).map(|number| (number, false)),
        }
    };
    let (number, zero) = match cached {
        Some(cached) => cached,
        None => (refill(purpose)?, false),
    };
    // SAFETY: a frame of the allocator.
    unsafe { metadata(u64::from(number)) }.begin_use();
    Ok((number, zero))
}

/// Gives a frame back that is all zero.
///
/// # Safety
/// As for [`release_number`], and every byte is zero.
pub(crate) unsafe fn release_known_zero(number: u32) {
    let here = InterruptGuard::new();
    if !CACHES.current().zeroed.push(number, &here) {
        // SAFETY: as the caller promises.
        unsafe { release_number(number) };
    }
}

/// Ends one owner's share of each of these frames.
///
/// # Safety
/// Each entry is a share that its owner gives up.
pub(crate) unsafe fn release_shares(numbers: &[u32]) {
    let here = InterruptGuard::new();
    let cache = &CACHES.current().any;
    for &number in numbers {
        // SAFETY: the share means that the frame is in use.
        let metadata = unsafe { metadata(u64::from(number)) };
        if metadata.count.fetch_sub(1, Release) == 1 {
            fence(Acquire);
            if !cache.push(number, &here) {
                // SAFETY: that was the last owner.
                unsafe { drain(number) };
            }
        }
    }
}

/// Gives a frame back.
///
/// # Safety
/// The frame came from the allocator (or the initial RAM disk) and nobody uses it any more.
#[inline(always)]
pub(crate) unsafe fn release_number(number: u32) {
    let cached = {
        let here = InterruptGuard::new();
        CACHES.current().any.push(number, &here)
    };
    if !cached {
        // SAFETY: as the caller promises.
        unsafe { drain(number) };
    }
}

/// Moves a batch from the shared allocator to this CPU's cache, one frame of it to the caller.
#[cold]
#[inline(never)]
fn refill(purpose: Purpose) -> Result<u32, OutOfMemory> {
    machine::ensure_initialised();
    let here = InterruptGuard::new();
    let cache = &CACHES.current().any;
    let mut shared = SHARED.lock();
    let available = shared.free_frames().saturating_sub(purpose.must_leave());
    if available == 0 {
        return Err(OutOfMemory);
    }
    let result = if available >= BATCH as u64
        && let Some(first) = shared.allocate(BATCH_ORDER)
    {
        for number in (first + 1..first + BATCH as u32).rev() {
            cache.push(number, &here);
        }
        Ok(first)
    } else {
        shared.allocate(0).ok_or(OutOfMemory)
    };
    SHARED_FREE.store(shared.free_frames(), Relaxed);
    result
}

/// Moves a batch or more from this CPU's full cache to the shared allocator, and puts the frame in its place.
///
/// Memory freed in order of its addresses goes back as whole blocks, so that nothing has to be merged.
///
/// # Safety
/// The frame came from the allocator and nobody uses it any more.
#[cold]
#[inline(never)]
unsafe fn drain(number: u32) {
    let here = InterruptGuard::new();
    let cache = &CACHES.current().any;
    let mut shared = SHARED.lock();
    // SAFETY: what is in the cache is nobody's.
    cache.take_oldest(&here, |first, order| unsafe {
        shared.release(first, order)
    });
    cache.push(number, &here);
    SHARED_FREE.store(shared.free_frames(), Relaxed);
}

/// Takes a block of 2^`order` frames; its content and metadata are unspecified.
pub(super) fn allocate_block(order: usize, purpose: Purpose) -> Result<u32, OutOfMemory> {
    take_block(order, purpose, |shared| shared.allocate(order))
}

/// Takes a block whose frames all have numbers below `limit`; otherwise as [`allocate_block`].
pub(super) fn allocate_block_below(
    order: usize,
    limit: u64,
    purpose: Purpose,
) -> Result<u32, OutOfMemory> {
    take_block(order, purpose, |shared| shared.allocate_below(order, limit))
}

fn take_block(
    order: usize,
    purpose: Purpose,
    take: impl FnOnce(&mut Zones) -> Option<u32>,
) -> Result<u32, OutOfMemory> {
    machine::ensure_initialised();
    if order > super::buddy::MAX_ORDER || purpose.is_refused() {
        return Err(OutOfMemory);
    }
    let mut shared = SHARED.lock();
    if shared.free_frames() < purpose.must_leave() + (1 << order) {
        return Err(OutOfMemory);
    }
    let block = take(&mut shared).ok_or(OutOfMemory)?;
    SHARED_FREE.store(shared.free_frames(), Relaxed);
    Ok(block)
}

/// Says below which frame number memory is kept for devices as long as there is other; before there is any memory.
pub(super) fn set_boundary(number: u64) {
    SHARED.lock().set_boundary(number);
}

/// Gives a block back, or memory to begin with.
///
/// # Safety
/// As for [`Zones::release`].
pub(super) unsafe fn release_block(block: u32, order: usize) {
    let mut shared = SHARED.lock();
    // SAFETY: as the caller promises.
    unsafe { shared.release(block, order) };
    SHARED_FREE.store(shared.free_frames(), Relaxed);
}

/// The physical address above all memory.
pub fn end() -> u64 {
    super::metadata::end() << FRAME_SHIFT
}

/// Says how much memory there is, which fixes the reserve.
pub(super) fn set_total(frames: u64) {
    TOTAL.store(frames, Relaxed);
    RESERVE.store((frames / 256).clamp(64, 4096), Relaxed);
}

/// Frames of RAM in all, also those of the kernel itself.
pub fn total() -> u64 {
    machine::ensure_initialised();
    TOTAL.load(Relaxed)
}

/// Frames that nobody uses.
pub fn free() -> u64 {
    machine::ensure_initialised();
    let cached =
        |caches: &Caches| caches.any.count.load(Relaxed) + caches.zeroed.count.load(Relaxed);
    SHARED_FREE.load(Relaxed)
        + CACHES
            .iter()
            .map(|caches| u64::from(cached(caches)))
            .sum::<u64>()
}

/// Whether there is memory beyond the reserve: a call that creates something refuses otherwise, before small
/// allocations that can't be refused fail.
///
/// # Errors
/// [`OutOfMemory`] if there isn't.
#[inline]
pub fn headroom() -> Result<(), OutOfMemory> {
    machine::ensure_initialised();
    if SHARED_FREE.load(Relaxed) > RESERVE.load(Relaxed) && !fault_injection::refuses() {
        Ok(())
    } else {
        Err(OutOfMemory)
    }
}

/// A page for the machine layer itself: its physical address. The content is unspecified.
pub fn allocate_raw() -> Option<u64> {
    allocate_number(Purpose::Ordinary)
        .ok()
        .map(|number| u64::from(number) << FRAME_SHIFT)
}

/// Gives a page of [`allocate_raw`] back.
///
/// # Safety
/// It came from there and nobody uses it any more.
pub unsafe fn free_raw(physical: u64) {
    // SAFETY: as the caller promises.
    unsafe { release_number((physical >> FRAME_SHIFT) as u32) };
}
