//! Translation registers and TLB maintenance (Arm ARM, D8.14: every change of a valid entry is followed by a
//! barrier, the invalidation for all CPUs, and a barrier that waits for it).

use crate::frame::FRAME_SHIFT;
use crate::layout;
use core::arch::asm;

/// Bits of an ASID (ID_AA64MMFR0_EL1.ASIDBits).
pub fn asid_bits() -> u32 {
    let features: u64;
    // SAFETY: reads an identification register.
    unsafe {
        asm!("mrs {}, id_aa64mmfr0_el1", out(reg) features, options(pure, nomem, nostack, preserves_flags))
    };
    if (features >> 4) & 0xf == 2 { 16 } else { 8 }
}

/// Runs this CPU in the address space with a root table (physical address) under an ASID.
#[inline(always)]
pub fn set_user_table(root: u64, asid: u64) {
    // SAFETY: the callers keep the table alive while it is active. User translations only: the kernel's own
    // memory isn't affected.
    unsafe {
        asm!("dsb ishst", "msr ttbr0_el1, {}", "isb", in(reg) root | asid << 48, options(nostack, preserves_flags));
    }
}

/// Runs this CPU in no user address space.
#[inline(always)]
pub fn set_no_user_table() {
    set_user_table(layout::empty_user_table(), 0);
}

/// Makes earlier changes of entries visible to table walks.
#[inline(always)]
pub fn publish() {
    // SAFETY: a barrier.
    unsafe { asm!("dsb ishst", options(nostack, preserves_flags)) };
}

/// Drops all translations of this CPU.
pub fn invalidate_this_cpu() {
    // SAFETY: dropping cached translations is always sound.
    unsafe {
        asm!(
            "dsb nshst",
            "tlbi vmalle1",
            "dsb nsh",
            "isb",
            options(nostack, preserves_flags)
        )
    };
}

/// Drops all CPUs' translations for an ASID.
#[inline(always)]
pub fn invalidate_asid(asid: u64) {
    // SAFETY: dropping cached translations is always sound.
    unsafe {
        asm!("tlbi aside1is, {}", "dsb ish", in(reg) asid << 48, options(nostack, preserves_flags))
    };
}

/// Drops all CPUs' translations of pages from `start` to `end` for an ASID.
#[inline(always)]
pub fn invalidate_pages(asid: u64, start: u64, end: u64) {
    let mut operand = asid << 48 | start >> FRAME_SHIFT;
    let last = asid << 48 | end >> FRAME_SHIFT;
    while operand < last {
        // SAFETY: dropping cached translations is always sound.
        unsafe { asm!("tlbi vale1is, {}", in(reg) operand, options(nostack, preserves_flags)) };
        operand += 1;
    }
    // SAFETY: a barrier.
    unsafe { asm!("dsb ish", options(nostack, preserves_flags)) };
}
