//! This CPU and the others.

use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering::Acquire, Ordering::Release};

use super::power;
pub use power::{exit, power_off, reset};

static ONLINE: AtomicUsize = AtomicUsize::new(1);

/// How many CPUs are up; their numbers are those below it.
pub fn online() -> usize {
    ONLINE.load(Acquire)
}

/// Counts one more CPU as up.
pub(super) fn set_online(count: usize) {
    ONLINE.store(count, Release);
}

/// Interrupts a CPU, so that it looks at its current task's flags. One that isn't up is left alone.
pub fn send_reschedule(cpu: usize) {
    if cpu < online() {
        crate::interrupt::send(cpu, crate::interrupt::Signal::Reschedule);
    }
}

/// Sleeps until an interrupt is pending, also if interrupts are masked.
pub fn wait_for_interrupt() {
    // SAFETY: waits only; the barrier makes earlier stores visible before.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) }
}

/// Makes stores to translation tables visible to the table walks of all CPUs.
pub(crate) fn machine_barrier() {
    // SAFETY: barriers only.
    unsafe { asm!("dsb ishst", "isb", options(nostack, preserves_flags)) }
}
