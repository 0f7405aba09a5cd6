//! The exception vectors: what every entry to the kernel and every return runs.

use core::arch::naked_asm;

/// Returns to the user program whose registers are at the top of this stack.
#[unsafe(naked)]
pub(crate) unsafe extern "C" fn return_to_user() -> ! {
    naked_asm!("b .")
}
