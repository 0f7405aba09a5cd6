//! Turning the machine off, restarting it, and stopping CPUs.

use super::machine;
use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use spin::Once;

/// How a board turns the machine off and restarts it. A method returns only if that didn't work.
pub trait Power: Sync {
    fn off(&self);
    fn reset(&self);
}

static POWER: Once<&'static dyn Power> = Once::new();
static SEMIHOSTING: AtomicBool = AtomicBool::new(false);

/// Takes the board's way to turn the machine off.
pub fn register(power: &'static dyn Power) {
    POWER.call_once(|| power);
}

/// Allows [`exit`] to end an emulator through semihosting; only where one is known to listen, as the
/// instruction is an exception elsewhere.
pub fn allow_semihosting() {
    SEMIHOSTING.store(true, Relaxed);
}

/// Turns the machine off.
pub fn power_off() -> ! {
    if let Some(power) = POWER.get() {
        power.off();
    }
    park()
}

/// Restarts the machine.
pub fn reset() -> ! {
    if let Some(power) = POWER.get() {
        power.reset();
    }
    park()
}

/// Ends an emulator with an exit status, where semihosting is allowed; turns the machine off otherwise.
pub fn exit(status: u32) -> ! {
    exit_emulator(status);
    power_off()
}

/// Ends the emulator with an exit status if semihosting is allowed; returns if it isn't.
pub(crate) fn exit_emulator(status: u32) {
    /// The operation that takes a reason and a status (Arm semihosting specification, SYS_EXIT_EXTENDED).
    const SYS_EXIT_EXTENDED: u64 = 0x20;
    /// The reason of an ordinary end (ADP_Stopped_ApplicationExit).
    const APPLICATION_EXIT: u64 = 0x20026;
    if SEMIHOSTING.load(Relaxed) {
        let block = [APPLICATION_EXIT, u64::from(status)];
        // SAFETY: the command line promises that a debugger or emulator takes this instruction; it reads the block.
        unsafe {
            asm!("hlt #0xf000", inout("x0") SYS_EXIT_EXTENDED => _, in("x1") &raw const block)
        };
    }
}

/// Stops this CPU for good.
pub fn park() -> ! {
    // SAFETY: masks everything on this CPU; nothing runs on it any more.
    unsafe { asm!("msr daifset, #0xf", options(nomem, nostack)) };
    loop {
        machine::wait_for_interrupt();
    }
}
