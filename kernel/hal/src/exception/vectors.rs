//! Binds the exception vectors (vectors.s) to the layouts and functions they use.

use super::UserRegisters;
use crate::task::{STACK_SIZE, TaskHeader};
use core::arch::{asm, global_asm};
use core::mem::offset_of;

// The frame's offsets are written out in the vectors.
const _: () = {
    assert!(size_of::<UserRegisters>() == 16 * 17);
    assert!(offset_of!(UserRegisters, sp) == 16 * 15 + 8);
    assert!(offset_of!(UserRegisters, pc) == 16 * 16);
};

global_asm!(
    include_str!("vectors.s"),
    frame_size = const size_of::<UserRegisters>(),
    stack_bit = const STACK_SIZE.trailing_zeros(),
    flags = const TaskHeader::FLAGS_OFFSET,
    cpu = const TaskHeader::CPU_OFFSET,
    emergency_stacks = sym crate::cpu::overflow::EMERGENCY_STACKS,
    preempt = sym super::interrupt::preempt_interrupted,
    handle_interrupt = sym super::interrupt::handle_interrupt,
    handle_user_exception = sym super::user::handle_user_exception,
    handle_user_system_error = sym super::user::handle_user_system_error,
    handle_kernel_exception = sym super::kernel::handle_kernel_exception,
    handle_stack_overflow = sym super::kernel::handle_stack_overflow,
    handle_unexpected = sym super::kernel::handle_unexpected,
);

unsafe extern "C" {
    safe static __vectors: u8;
    /// The way back to user mode: the user's registers are at the top of the stack.
    pub(crate) fn __return_to_user() -> !;
}

/// Sets this CPU's vectors.
pub(crate) fn install() {
    // SAFETY: the vectors are code of the image, made for this.
    unsafe {
        asm!("msr vbar_el1, {}", "isb", in(reg) &raw const __vectors, options(nostack, preserves_flags))
    };
}
