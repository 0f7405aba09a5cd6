//! Exceptions of user programs other than system calls.

use super::syndrome::{Syndrome, class};
use super::{Exception, UserRegisters, id_registers};
use crate::entry::hooks;
use crate::task::TaskHeader;
use core::arch::asm;

/// Lets interrupts in again: what follows may take long or sleep.
fn unmask() {
    // SAFETY: the exception came from user mode, where they were on; the return masks them again.
    unsafe { asm!("msr daifclr, #6", options(nostack, preserves_flags)) };
}

/// From the vectors: any synchronous exception but a system call, with ESR_EL1 and FAR_EL1.
pub(super) extern "C" fn handle_user_exception(
    header: *const TaskHeader,
    registers: &mut UserRegisters,
    syndrome: u64,
    address: u64,
) {
    const INSTRUCTION: u64 = 4;
    unmask();
    let syndrome = Syndrome(syndrome);
    match syndrome.class() {
        class::DATA_ABORT_USER | class::INSTRUCTION_ABORT_USER => {
            // SAFETY: the current task, which was in user mode.
            return unsafe {
                hooks::__gantry_user_fault(header, registers, syndrome.fault(address))
            };
        }
        // WFI is a hint: userland may not stop the CPU, so it does nothing.
        class::WAIT => {
            registers.pc += INSTRUCTION;
            return;
        }
        class::UNKNOWN | class::SYSTEM_REGISTER if id_registers::emulate(registers) => {
            registers.pc += INSTRUCTION;
            return;
        }
        _ => {}
    }
    // SAFETY: the current task, which was in user mode.
    unsafe { hooks::__gantry_user_exception(header, registers, syndrome.exception()) };
}

/// From the vectors: an asynchronous error of the memory system.
pub(super) extern "C" fn handle_user_system_error(
    header: *const TaskHeader,
    registers: &mut UserRegisters,
    _syndrome: u64,
) {
    unmask();
    // SAFETY: the current task, which was in user mode.
    unsafe { hooks::__gantry_user_exception(header, registers, Exception::SystemError) };
}
