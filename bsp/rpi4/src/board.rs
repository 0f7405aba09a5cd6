//! The board: its last-resort console, and the start of the kernel.

use board_drivers::serial::Pl011;
use hal::boot::Boot;
use spin::Once;

/// The board's PL011, used before or without a device tree only to say that there is none.
const FALLBACK_CONSOLE: u64 = 0xfe20_1000;

fn fallback_console() {
    static CONSOLE: Once<Pl011> = Once::new();
    // SAFETY: this binary is for the Raspberry Pi 4, where a PL011 is there; no other driver has started.
    if let Some(console) = unsafe { Pl011::new(FALLBACK_CONSOLE) } {
        hal::console::register(CONSOLE.call_once(|| console));
    }
}

fn main(boot: Boot) -> ! {
    board_drivers::start::start(boot, fallback_console, kernel_core::start)
}

hal::entry!(kernel_core::KernelHooks, main);
