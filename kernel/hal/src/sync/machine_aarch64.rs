//! What locks need of the aarch64 CPU.

use super::preempt::ExecutionState;
use core::arch::asm;
use core::sync::atomic::AtomicU32;

/// The DAIF register before masking.
pub type InterruptState = u64;

/// DAIF.I: IRQs are masked.
const IRQ_MASKED: u64 = 1 << 7;

unsafe extern "Rust" {
    // SAFETY: `entry!` defines a function of this name and type, callable at any time with preemption on.
    safe fn __gantry_preempt();
}

#[inline(always)]
pub fn execution_state() -> &'static ExecutionState {
    let state: *const ExecutionState;
    // SAFETY: reads a register that points to the current task's header from before the first lock is taken.
    // For one thread of execution the value never changes, whatever CPU it runs on, hence `pure`.
    unsafe {
        asm!("mrs {}, tpidr_el1", out(reg) state, options(pure, nomem, nostack, preserves_flags));
        &*state
    }
}

#[inline(always)]
pub fn entered(_before: u32) {}

#[inline(always)]
pub fn leaving(_after: u32) {}

/// Gives way to another task if interrupts are on; if they are masked, whoever unmasks them returns through
/// code that looks again.
#[cold]
#[inline(never)]
pub fn preempt() {
    let state = interrupts_mask();
    if state & IRQ_MASKED == 0 {
        __gantry_preempt();
    }
    interrupts_restore(state);
}

#[inline(always)]
pub fn interrupts_mask() -> InterruptState {
    let state;
    // SAFETY: masking IRQs harms no memory; without `nomem` no access moves across.
    unsafe { asm!("mrs {}, daif", "msr daifset, #2", out(reg) state, options(nostack, preserves_flags)) };
    state
}

#[inline(always)]
pub fn interrupts_restore(state: InterruptState) {
    // SAFETY: restores what `interrupts_mask` read; without `nomem` no access moves across.
    unsafe { asm!("msr daif, {}", in(reg) state, options(nostack, preserves_flags)) };
}

/// Waits until `word` has been seen zero, at low power: the exclusive load arms the event that a store to
/// the word by another CPU raises.
#[cold]
#[inline(never)]
pub fn wait_until_zero(word: &AtomicU32) {
    // SAFETY: only loads from a valid atomic.
    unsafe {
        asm!(
            "sevl",
            "2:",
            "wfe",
            "ldxr {value:w}, [{address}]",
            "cbnz {value:w}, 2b",
            address = in(reg) word.as_ptr(),
            value = out(reg) _,
            options(nostack, preserves_flags),
        );
    }
}
