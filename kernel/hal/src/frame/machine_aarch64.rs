//! Pages on aarch64: the linear map, clearing, copying, and instruction caches.

use super::FRAME_SIZE;
use crate::layout;
use core::arch::{asm, naked_asm};

/// The boot code initialises the allocator before anything else uses it.
#[inline(always)]
pub fn ensure_initialised() {}

/// Where a physical address is mapped.
#[inline(always)]
pub fn linear_address(physical: u64) -> *mut u8 {
    layout::linear(physical)
}

/// The physical address of a pointer into the linear map.
#[inline(always)]
pub fn physical_address(pointer: *const u8) -> u64 {
    layout::physical(pointer)
}

/// Fills a page with zeros, by cache blocks of 64 bytes where the CPU clears such blocks (DC ZVA).
///
/// # Safety
/// `page` is a page-aligned page that the caller may write.
#[inline(always)]
pub unsafe fn zero_page(page: *mut u8) {
    // SAFETY: the function below clobbers only what the C ABI lets it, and writes only the page.
    unsafe { zero_page_routine(page) };
}

#[unsafe(naked)]
unsafe extern "C" fn zero_page_routine(page: *mut u8) {
    naked_asm!(
        "mrs x2, dczid_el0",
        "add x1, x0, #4096",
        // Allowed, and blocks of 4 << 4 bytes?
        "cmp x2, #4",
        "b.ne 3f",
        "2:",
        ".rept 16",
        "dc zva, x0",
        "add x0, x0, #64",
        ".endr",
        "cmp x0, x1",
        "b.ne 2b",
        "ret",
        "3:",
        "stp xzr, xzr, [x0]",
        "stp xzr, xzr, [x0, #16]",
        "stp xzr, xzr, [x0, #32]",
        "stp xzr, xzr, [x0, #48]",
        "add x0, x0, #64",
        "cmp x0, x1",
        "b.ne 3b",
        "ret",
    )
}

/// Copies a page.
///
/// # Safety
/// Both are page-aligned pages, not the same; the caller may read and write them.
#[inline(always)]
pub unsafe fn copy_page(target: *mut u8, source: *const u8) {
    // SAFETY: the function below clobbers only what the C ABI lets it, and touches only the two pages.
    unsafe { copy_page_routine(target, source) };
}

/// With the wide registers, which hold the running program's values: these are kept on the stack, with
/// interrupts masked so that no switch sees them otherwise.
#[unsafe(naked)]
unsafe extern "C" fn copy_page_routine(target: *mut u8, source: *const u8) {
    naked_asm!(
        ".arch_extension fp",
        ".arch_extension simd",
        "add x2, x1, #4096",
        "mrs x3, daif",
        "msr daifset, #2",
        "stp q0, q1, [sp, #-128]!",
        "stp q2, q3, [sp, #32]",
        "stp q4, q5, [sp, #64]",
        "stp q6, q7, [sp, #96]",
        "2:",
        ".rept 2",
        "ldp q0, q1, [x1], #128",
        "ldp q2, q3, [x1, #-96]",
        "ldp q4, q5, [x1, #-64]",
        "ldp q6, q7, [x1, #-32]",
        "stp q0, q1, [x0], #128",
        "stp q2, q3, [x0, #-96]",
        "stp q4, q5, [x0, #-64]",
        "stp q6, q7, [x0, #-32]",
        ".endr",
        "cmp x1, x2",
        "b.ne 2b",
        "ldp q2, q3, [sp, #32]",
        "ldp q4, q5, [sp, #64]",
        "ldp q6, q7, [sp, #96]",
        "ldp q0, q1, [sp], #128",
        "msr daif, x3",
        "ret",
        ".arch_extension nosimd",
        ".arch_extension nofp",
    )
}

/// Copies bytes.
///
/// # Safety
/// Both ranges are the caller's to access and don't overlap.
#[inline(always)]
pub unsafe fn copy(target: *mut u8, source: *const u8, length: usize) {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::copy_nonoverlapping(source, target, length) };
}

/// Makes instruction fetches of all CPUs see what has been written to a page (Arm ARM, B2.4.4): clean the data
/// cache to where instructions come from, then invalidate instruction caches; each only where CTR_EL0 asks.
#[cold]
#[inline(never)]
pub fn synchronise_instructions(page: *mut u8) {
    let cache_type: u64;
    // SAFETY: reads an identification register.
    unsafe {
        asm!("mrs {}, ctr_el0", out(reg) cache_type, options(pure, nomem, nostack, preserves_flags))
    };
    let start = page.addr();
    let end = start + FRAME_SIZE;
    // CTR_EL0.IDC: no cleaning needed.
    if cache_type & (1 << 28) == 0 {
        let line = 4 << ((cache_type >> 16) & 0xf);
        for address in (start..end).step_by(line) {
            // SAFETY: cleaning a line of mapped memory changes no content.
            unsafe { asm!("dc cvau, {}", in(reg) address, options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
    // CTR_EL0.DIC: no invalidation needed.
    if cache_type & (1 << 29) == 0 {
        // By address where instruction caches are physically tagged; the linear map is another address of the
        // page, and a virtually indexed cache (VIPT) is invalidated as a whole.
        if (cache_type >> 14) & 3 == 3 {
            let line = 4 << (cache_type & 0xf);
            for address in (start..end).step_by(line) {
                // SAFETY: invalidating instruction lines changes no content.
                unsafe { asm!("ic ivau, {}", in(reg) address, options(nostack, preserves_flags)) };
            }
        } else {
            // SAFETY: invalidating instruction caches changes no content.
            unsafe { asm!("ic ialluis", options(nostack, preserves_flags)) };
        }
    }
    // SAFETY: barriers.
    unsafe { asm!("dsb ish", "isb", options(nostack, preserves_flags)) };
}
