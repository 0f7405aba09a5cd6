//! Interrupts, from the vectors.

/// An interrupt, from user mode or the kernel; interrupts are masked.
pub(super) extern "C" fn handle_interrupt() {
    crate::interrupt::dispatch();
}

/// After an interrupt of a kernel that may be preempted: another task is wanted.
pub(super) extern "C" fn preempt_interrupted() {
    crate::entry::hooks::__gantry_preempt();
}
