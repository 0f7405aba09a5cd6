//! Kernel stacks: 16 KiB each above a guard of the same size.
//!
//! A stack is the upper half of a slot aligned to twice its size, so one bit of the stack pointer tells whether it
//! has left its stack downwards; the vectors test it. Stacks that tasks leave behind stay mapped in a cache per
//! CPU and then in a common one; only beyond these are they taken apart.

use super::OutOfMemory;
use crate::frame;
use crate::kernel_map::{self, Attributes};
use crate::layout::{PAGE_SIZE, STACKS_BASE};
use crate::sync::{InterruptGuard, IrqSpinLock, MAX_CPUS, PerCpu, PreemptGuard};
use core::cell::Cell;

/// Bytes of a kernel stack.
pub const STACK_SIZE: usize = 16 << 10;
/// Bytes from one stack to the next.
const SLOT: usize = 2 * STACK_SIZE;
/// How many stacks there can be: the number of tasks in the system is below it.
const MAX_STACKS: usize = 32768;
/// Stacks kept ready per CPU and in common.
const PER_CPU_CACHE: usize = 4;
const COMMON_CACHE: usize = 32;

/// A mapped kernel stack; dropping it gives it back.
pub struct Stack {
    top: usize,
}

/// Free stacks of one CPU.
struct Cache {
    tops: [Cell<usize>; PER_CPU_CACHE],
    length: Cell<usize>,
}

/// A cache belongs to its CPU: only used there, with interrupts masked.
struct OwnCache(Cache);

// SAFETY: `with_cache` hands it out on its own CPU alone, with interrupts masked.
unsafe impl Sync for OwnCache {}

static CACHES: PerCpu<OwnCache> = PerCpu::new(
    [const {
        OwnCache(Cache {
            tops: [const { Cell::new(0) }; PER_CPU_CACHE],
            length: Cell::new(0),
        })
    }; MAX_CPUS],
);

/// The stacks besides those in the CPUs' caches.
struct Slots {
    /// Slots in use or mapped, a bit each.
    taken: [u64; MAX_STACKS / 64],
    /// No slot below this word is free.
    hint: usize,
    /// Free stacks that are still mapped.
    ready: [usize; COMMON_CACHE],
    ready_count: usize,
}

static SLOTS: IrqSpinLock<Slots> = IrqSpinLock::new(Slots {
    taken: [0; MAX_STACKS / 64],
    hint: 0,
    ready: [0; COMMON_CACHE],
    ready_count: 0,
});

fn with_cache<R>(body: impl FnOnce(&Cache) -> R) -> R {
    let preemption = PreemptGuard::new();
    let _interrupts = InterruptGuard::new();
    body(&CACHES.get(&preemption).0)
}

impl Stack {
    /// A stack; what is in it is whatever was there before.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there are no pages, or no room for one more stack.
    pub fn allocate() -> Result<Self, OutOfMemory> {
        let cached = with_cache(|cache| {
            let length = cache.length.get().checked_sub(1)?;
            cache.length.set(length);
            Some(cache.tops[length].get())
        });
        match cached {
            Some(top) => Ok(Self { top }),
            None => Self::from_common(),
        }
    }

    #[cold]
    fn from_common() -> Result<Self, OutOfMemory> {
        let mut slots = SLOTS.lock();
        if slots.ready_count > 0 {
            slots.ready_count -= 1;
            return Ok(Self {
                top: slots.ready[slots.ready_count],
            });
        }
        let free = (slots.hint..slots.taken.len())
            .find(|&word| slots.taken[word] != u64::MAX)
            .ok_or(OutOfMemory)?;
        let slot = free * 64 + slots.taken[free].trailing_ones() as usize;
        let top = STACKS_BASE as usize + (slot + 1) * SLOT;
        map_stack(top)?;
        slots.hint = free;
        slots.taken[slot / 64] |= 1 << (slot % 64);
        Ok(Self { top })
    }

    /// The address just above the stack; a multiple of 16.
    pub fn top(&self) -> usize {
        self.top
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let cached = with_cache(|cache| {
            let length = cache.length.get();
            let room = length < PER_CPU_CACHE;
            if room {
                cache.tops[length].set(self.top);
                cache.length.set(length + 1);
            }
            room
        });
        if !cached {
            give_back(self.top);
        }
    }
}

#[cold]
fn give_back(top: usize) {
    let mut slots = SLOTS.lock();
    if slots.ready_count < COMMON_CACHE {
        let count = slots.ready_count;
        slots.ready[count] = top;
        slots.ready_count += 1;
        return;
    }
    unmap_stack(top, STACK_SIZE);
    let slot = (top - STACKS_BASE as usize) / SLOT - 1;
    slots.taken[slot / 64] &= !(1 << (slot % 64));
    slots.hint = slots.hint.min(slot / 64);
}

/// Maps the pages below `top`, under the lock of the slots.
fn map_stack(top: usize) -> Result<(), OutOfMemory> {
    let bottom = top - STACK_SIZE;
    for offset in (0..STACK_SIZE).step_by(PAGE_SIZE) {
        let mapped = frame::allocate_raw().ok_or(OutOfMemory).and_then(|page| {
            // SAFETY: a free slot, under the lock; the page was just given to it.
            let mapped = unsafe {
                let address = (bottom + offset) as u64;
                kernel_map::map(
                    address,
                    page,
                    PAGE_SIZE as u64,
                    Attributes::DATA,
                    &mut frame::allocate_raw,
                )
            };
            // SAFETY: the page came from the allocator and wasn't mapped.
            mapped.inspect_err(|_| unsafe { frame::free_raw(page) })
        });
        if mapped.is_err() {
            unmap_stack(bottom + offset, offset);
            return Err(OutOfMemory);
        }
    }
    Ok(())
}

/// Takes `length` bytes below `end` out of the map and frees their pages.
fn unmap_stack(end: usize, length: usize) {
    // SAFETY: pages of a stack nobody uses any more, mapped one by one; each came from the allocator.
    unsafe {
        kernel_map::unmap_pages((end - length) as u64, length as u64, |page| {
            frame::free_raw(page)
        })
    };
}

/// Whether an address is in the stack part of a slot that is in use, or of the boot CPU's. Takes no lock: for a
/// panic.
pub(crate) fn is_in_stack(address: usize) -> bool {
    unsafe extern "C" {
        safe static __boot_stack_guard: u8;
        safe static __emergency_stack_top: u8;
    }
    let boot = (&raw const __boot_stack_guard).addr()..(&raw const __emergency_stack_top).addr();
    let slots = STACKS_BASE as usize..STACKS_BASE as usize + MAX_STACKS * SLOT;
    let mapped = boot.contains(&address) || slots.contains(&address) && is_mapped(address);
    mapped && address & STACK_SIZE != 0
}

/// Whether an address can be read, as the CPU's own translation says.
fn is_mapped(address: usize) -> bool {
    let result: u64;
    // SAFETY: asks for a translation; nothing is accessed.
    unsafe {
        core::arch::asm!("at s1e1r, {}", "isb", "mrs {}, par_el1", in(reg) address, out(reg) result, options(nostack, preserves_flags))
    };
    result & 1 == 0
}
