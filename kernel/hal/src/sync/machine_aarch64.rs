//! What locks need of the aarch64 CPU.

use super::preempt::ExecutionState;
use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

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

/// Gives way to another task if the preempt count is zero and interrupts are on; if they are masked, whoever
/// unmasks them returns through code that looks again.
#[cold]
#[inline(never)]
pub fn preempt() {
    if execution_state().preempt_count.load(Relaxed) != 0 {
        return;
    }
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
    unsafe {
        asm!("mrs {}, daif", "msr daifset, #2", out(reg) state, options(nostack, preserves_flags))
    };
    state
}

#[inline(always)]
pub fn interrupts_restore(state: InterruptState) {
    // SAFETY: restores what `interrupts_mask` read; without `nomem` no access moves across.
    unsafe { asm!("msr daif, {}", in(reg) state, options(nostack, preserves_flags)) };
}

/// Sets `word` from 0 to 1, waiting at low power while it is not 0: the exclusive load arms the event that
/// another CPU's store to the word raises. What follows sees all that was done before the word became 0.
#[inline(always)]
pub fn lock(word: &AtomicU32) {
    // SAFETY: changes nothing but a valid atomic. Not `nomem`: what the lock guards is accessed behind it.
    unsafe {
        asm!(
            "2:",
            "ldaxr {value:w}, [{address}]",
            "cbnz {value:w}, 3f",
            "stxr {value:w}, {one:w}, [{address}]",
            "cbnz {value:w}, 2b",
            // Waiting is kept out of the way of the straight path.
            ".subsection 1",
            "3:",
            "wfe",
            "b 2b",
            ".previous",
            address = in(reg) word.as_ptr(),
            value = out(reg) _,
            one = in(reg) 1,
            options(nostack, preserves_flags),
        );
    }
}
