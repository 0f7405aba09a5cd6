//! Each CPU's stacks of free objects, one per class.

use super::size_class::{COUNT, SIZES};
use super::slab::Slabs;
use crate::sync::{InterruptGuard, IrqSpinLock, MAX_CPUS, PerCpu};
use core::cell::UnsafeCell;
use core::ptr::null_mut;

/// Most objects in a magazine (with its two counts it fills 256 bytes).
const CAPACITY: usize = 31;

/// Bytes a magazine may hold, so that those of large classes hold less.
const MOST_BYTES: usize = 16 << 10;

static SLABS: [IrqSpinLock<Slabs>; COUNT] = [const { IrqSpinLock::new(Slabs::new()) }; COUNT];
static MAGAZINES: PerCpu<Magazines> = PerCpu::new([const { Magazines::new() }; MAX_CPUS]);

/// The free objects of one class at hand for one CPU.
struct Magazine {
    count: u32,
    /// How many it may hold.
    limit: u32,
    objects: [*mut u8; CAPACITY],
}

/// One CPU's magazines.
struct Magazines(UnsafeCell<[Magazine; COUNT]>);

// SAFETY: accessed by its own CPU alone, with interrupts masked.
unsafe impl Sync for Magazines {}

impl Magazines {
    const fn new() -> Self {
        let mut magazines = [const {
            Magazine {
                count: 0,
                limit: 0,
                objects: [null_mut(); CAPACITY],
            }
        }; COUNT];
        let mut class = 0;
        while class < COUNT {
            let fitting = MOST_BYTES / SIZES[class];
            magazines[class].limit = if fitting < CAPACITY {
                fitting as u32
            } else {
                CAPACITY as u32
            };
            class += 1;
        }
        Self(UnsafeCell::new(magazines))
    }

    /// This CPU's magazine for a class.
    #[inline(always)]
    fn here(class: usize, _here: &mut InterruptGuard) -> &mut Magazine {
        // SAFETY: interrupts are masked while the guard is borrowed, so nothing else on this CPU has a reference;
        // other CPUs never do. Classes are below `COUNT`.
        unsafe { (*MAGAZINES.current().0.get()).get_unchecked_mut(class) }
    }
}

/// Takes an object of a class; null if there is no memory.
#[inline(always)]
pub fn allocate(class: usize) -> *mut u8 {
    {
        let mut guard = InterruptGuard::new();
        let magazine = Magazines::here(class, &mut guard);
        if magazine.count > 0 {
            magazine.count -= 1;
            // SAFETY: the count never exceeds the capacity.
            return unsafe { *magazine.objects.get_unchecked(magazine.count as usize) };
        }
    }
    refill(class)
}

/// Gives an object of a class back.
///
/// # Safety
/// [`allocate`] gave it for this class, and nobody uses it any more.
#[inline(always)]
pub unsafe fn release(object: *mut u8, class: usize) {
    {
        let mut guard = InterruptGuard::new();
        let magazine = Magazines::here(class, &mut guard);
        let count = magazine.count;
        if count < magazine.limit {
            // SAFETY: the count is below the limit, which is the capacity at most.
            unsafe { *magazine.objects.get_unchecked_mut(count as usize) = object };
            magazine.count = count + 1;
            return;
        }
    }
    // SAFETY: as the caller promises.
    unsafe { drain(object, class) };
}

/// Fills half of this CPU's magazine if it is still empty, and takes one object.
#[cold]
#[inline(never)]
fn refill(class: usize) -> *mut u8 {
    let mut guard = InterruptGuard::new();
    let magazine = Magazines::here(class, &mut guard);
    if magazine.count == 0 {
        let wanted = magazine.limit as usize / 2 + 1;
        magazine.count = SLABS[class]
            .lock()
            .take(class, &mut magazine.objects[..wanted]) as u32;
        if magazine.count == 0 {
            return null_mut();
        }
    }
    magazine.count -= 1;
    magazine.objects[magazine.count as usize]
}

/// Empties half of this CPU's magazine if it is still full (the lower half, which has been there longest), and
/// puts an object on top.
///
/// # Safety
/// As for [`release`].
#[cold]
#[inline(never)]
unsafe fn drain(object: *mut u8, class: usize) {
    let mut guard = InterruptGuard::new();
    let magazine = Magazines::here(class, &mut guard);
    let mut count = magazine.count as usize;
    if count == magazine.limit as usize {
        let given = count.div_ceil(2);
        // SAFETY: objects in a magazine are of its class and nobody's.
        unsafe { SLABS[class].lock().give_back(&magazine.objects[..given]) };
        magazine.objects.copy_within(given..count, 0);
        count -= given;
    }
    magazine.objects[count] = object;
    magazine.count = count as u32 + 1;
}

/// How much memory the heap's small objects take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames cut into objects, whether these are in use or not.
    pub slab_frames: u64,
}

/// The heap's present use of memory.
pub fn statistics() -> Statistics {
    Statistics {
        slab_frames: SLABS
            .iter()
            .map(|slabs| u64::from(slabs.lock().frames()))
            .sum(),
    }
}
