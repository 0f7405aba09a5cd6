//! What a CPU does when no thread can run.

use super::{cpu, schedule};
use hal::task::InterruptGuard;

/// The life of an idle thread: runs what waits, takes what waits elsewhere, else stops the CPU until an interrupt.
/// The calling thread has joined its CPU as its idle thread.
pub fn run() -> ! {
    loop {
        let interrupts = InterruptGuard::new();
        let here = hal::cpu::id();
        if cpu::has_work(here) || cpu::pull(here) {
            drop(interrupts);
            schedule();
            continue;
        }
        // Interrupts are masked since the queue was seen empty: one that adds work is pending and ends the wait.
        hal::cpu::wait_for_interrupt();
        drop(interrupts);
    }
}
