//! Device registers, mapped for drivers.

use crate::frame::{Frame, FrameBlock};
use crate::kernel_map::{self, Attributes};
use crate::layout::{DEVICES_BASE, DEVICES_LENGTH, PAGE_SIZE};
use crate::sync::SpinLock;
use core::ops::Range;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Where the next window goes; the first 4 MiB hold the device tree.
static NEXT: AtomicU64 = AtomicU64::new(DEVICES_BASE + (4 << 20));
static MAPPING: SpinLock<()> = SpinLock::new(());

/// Maps `length` bytes of device registers at a physical address, for good. `None` if there is no room or memory.
///
/// # Safety
/// The device may be accessed there, and what is there isn't memory.
pub unsafe fn map_device(physical: u64, length: u64) -> Option<NonNull<u8>> {
    // SAFETY: as the caller promises.
    unsafe { map(physical, length, Attributes::DEVICE) }
}

/// Maps `length` bytes of memory that devices use, past the caches and for good. `None` if there is no room or memory.
///
/// # Safety
/// What is there is memory, mapped nowhere else.
pub(crate) unsafe fn map_memory(physical: u64, length: u64) -> Option<NonNull<u8>> {
    // SAFETY: as the caller promises.
    unsafe { map(physical, length, Attributes::UNCACHED) }
}

/// Writes a word that a CPU reads with its caches off, and wakes CPUs that wait for an event; false if it can't be
/// reached. The word may be in memory or not.
///
/// # Safety
/// Whoever reads the word expects this value, and nothing else uses it.
pub unsafe fn publish(physical: u64, value: u64) -> bool {
    if !physical.is_multiple_of(8) {
        return false;
    }
    // Uncached: the word's line may be cached through the linear map, so that is cleaned and dropped before.
    // SAFETY: as the caller promises.
    let Some(word) = (unsafe { map(physical, 8, Attributes::UNCACHED) }) else {
        return false;
    };
    // SAFETY: mapped above and aligned; the maintenance is on the same word.
    unsafe {
        core::arch::asm!("dc civac, {0}", "dsb sy", "str {1}, [{0}]", "dc civac, {0}", "dsb sy", "sev", in(reg) word.as_ptr(), in(reg) value, options(nostack, preserves_flags));
    }
    true
}

/// Makes what was written before reach memory before a device is told of it.
pub fn barrier() {
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// Makes memory and caches agree on words that a device, which sees no caches, reads and writes: before it is told of them,
/// and again before they are read. Nothing else may be in the cache lines that they take up.
pub fn synchronise(words: &[AtomicU32]) {
    let range = words.as_ptr_range();
    clean_and_drop(range.start.addr()..range.end.addr());
}

/// As [`synchronise`], for a part of a page that a device reads or writes by itself.
///
/// # Panics
/// If the part isn't within the page.
pub fn synchronise_frame(frame: &Frame, offset: usize, length: usize) {
    assert!(offset <= PAGE_SIZE && length <= PAGE_SIZE - offset);
    let start = frame.address().addr() + offset;
    clean_and_drop(start..start + length);
}

/// As [`synchronise`], for the first bytes of a block.
///
/// # Panics
/// If the block is smaller.
pub fn synchronise_block(block: &FrameBlock, length: usize) {
    assert!(length <= block.size());
    let start = block.address().addr();
    clean_and_drop(start..start + length);
}

/// Writes the cache lines of a range of kernel memory back and drops them.
fn clean_and_drop(range: Range<usize>) {
    let cache_type: u64;
    // SAFETY: reads an identification register.
    unsafe {
        core::arch::asm!("mrs {}, ctr_el0", out(reg) cache_type, options(nomem, nostack, preserves_flags));
    }
    // CTR_EL0.DminLine, bits 19:16: the logarithm of the words in the smallest line.
    let line = 4usize << (cache_type >> 16 & 0xf);
    for address in (range.start / line * line..range.end).step_by(line) {
        // SAFETY: writes a line back to memory and drops it, which changes no value.
        unsafe {
            core::arch::asm!("dc civac, {}", in(reg) address, options(nostack, preserves_flags));
        }
    }
    // SAFETY: a barrier.
    unsafe { core::arch::asm!("dsb sy", options(nostack, preserves_flags)) };
}

/// # Safety
/// What is there may be accessed with these attributes.
unsafe fn map(physical: u64, length: u64, attributes: Attributes) -> Option<NonNull<u8>> {
    let page = PAGE_SIZE as u64;
    let first = physical / page * page;
    let bytes = physical
        .checked_add(length)?
        .checked_next_multiple_of(page)?
        - first;
    if bytes > DEVICES_LENGTH || physical.checked_add(length)? > 1 << 48 {
        return None;
    }
    let _mapping = MAPPING.lock();
    let address = NEXT.load(Relaxed);
    if address + bytes > DEVICES_BASE + DEVICES_LENGTH {
        return None;
    }
    NEXT.store(address + bytes, Relaxed);
    // SAFETY: a new window of the device region, mapped under the lock; what is there is the caller's promise.
    unsafe {
        kernel_map::map(
            address,
            first,
            bytes,
            attributes,
            &mut crate::frame::allocate_raw,
        )
        .ok()?
    };
    NonNull::new(core::ptr::with_exposed_provenance_mut(
        (address + physical - first) as usize,
    ))
}
