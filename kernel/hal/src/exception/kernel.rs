//! Exceptions in the kernel: a fault of a user copy routine goes on, all others end in a panic.

use super::UserRegisters;
use super::syndrome::{Syndrome, class};
use crate::layout::USER_END;
use core::arch::asm;

unsafe extern "C" {
    safe static __user_copy_start: u8;
    safe static __user_copy_end: u8;
}

/// SPSR.I: interrupts were masked.
const MASKED: u64 = 1 << 7;

/// From the vectors: a synchronous exception in the kernel, with ESR_EL1 and FAR_EL1.
pub(super) extern "C" fn handle_kernel_exception(
    registers: &mut UserRegisters,
    syndrome: u64,
    address: u64,
) {
    let syndrome = Syndrome(syndrome);
    let copying = ((&raw const __user_copy_start).addr()..(&raw const __user_copy_end).addr())
        .contains(&(registers.pc as usize));
    let fault = syndrome.fault(address);
    if copying && syndrome.class() == class::DATA_ABORT && fault.address < USER_END {
        if registers.pstate & MASKED == 0 && crate::task::preempt_count() == 0 {
            // SAFETY: interrupts were on and preemption allowed where the fault came from.
            unsafe { asm!("msr daifclr, #6", options(nostack, preserves_flags)) };
            let resolved =
                crate::entry::hooks::__gantry_user_copy_fault(fault.address, fault.access);
            // SAFETY: the return from the exception restores the mask.
            unsafe { asm!("msr daifset, #2", options(nostack, preserves_flags)) };
            if resolved.is_ok() {
                return;
            }
        }
        if let Some(fixup) = crate::user::fixup(registers.pc) {
            registers.pc = fixup;
            return;
        }
    }
    crate::boot::report_doubtful_device_tree(address);
    crate::panic::exception(syndrome.describe(), registers, syndrome.0, address)
}

/// From the vectors, on the emergency stack: the kernel stack ran over.
pub(super) extern "C" fn handle_stack_overflow(
    registers: &mut UserRegisters,
    syndrome: u64,
    address: u64,
) -> ! {
    crate::panic::exception("kernel stack overflow", registers, syndrome, address)
}

/// From the vectors: an exception that nothing should raise.
pub(super) extern "C" fn handle_unexpected(
    registers: &mut UserRegisters,
    syndrome: u64,
    address: u64,
    vector: usize,
) -> ! {
    const NAMES: [&str; 4] = [
        "synchronous exception",
        "interrupt",
        "fast interrupt",
        "system error",
    ];
    crate::panic::exception(NAMES[vector % 4], registers, syndrome, address)
}
