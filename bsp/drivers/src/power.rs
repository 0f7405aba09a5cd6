//! Turning the machine off and on again.

use core::ops::Range;
use hal::cpu::power::Power;
use hal::mmio::map_device;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::ReadWrite;

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => _reserved0),
        (0x1c => RSTC: ReadWrite<u32>),
        (0x20 => RSTS: ReadWrite<u32>),
        (0x24 => WDOG: ReadWrite<u32>),
        (0x28 => @END),
    }
}

/// The power manager of the BCM2835 family, whose watchdog resets the machine. The firmware stays off if the status
/// register names partition 63.
pub struct Watchdog {
    registers: &'static Registers,
}

// SAFETY: registers are accessed one by one, at the end of the machine's run.
unsafe impl Sync for Watchdog {}
// SAFETY: as above.
unsafe impl Send for Watchdog {}

impl Watchdog {
    /// Every write carries this.
    const PASSWORD: u32 = 0x5a << 24;
    /// In RSTC: a full reset when the watchdog expires.
    const FULL_RESET: u32 = 0x20;
    const RESET_MASK: u32 = 0x30;
    /// In RSTS: the bits of the partition to boot from; all of them: none.
    const PARTITION: u32 = 0x555;
    /// Ticks of 16 microseconds.
    const TICKS: u32 = 10;

    /// Takes the power manager.
    pub fn new(registers: Range<u64>) -> Option<Self> {
        if registers.end - registers.start < size_of::<Registers>() as u64 {
            return None;
        }
        // SAFETY: the device tree says that it is there; this is its only driver.
        let registers = unsafe {
            map_device(registers.start, size_of::<Registers>() as u64)?
                .cast::<Registers>()
                .as_ref()
        };
        Some(Self { registers })
    }

    fn bite(&self, partition: u32) {
        let status = self.registers.RSTS.get() & !Self::PARTITION;
        self.registers.RSTS.set(Self::PASSWORD | status | partition);
        self.registers.WDOG.set(Self::PASSWORD | Self::TICKS);
        let control = self.registers.RSTC.get() & !Self::RESET_MASK;
        self.registers
            .RSTC
            .set(Self::PASSWORD | control | Self::FULL_RESET);
        let until = hal::time::now() + 100_000_000;
        while hal::time::now() < until {
            core::hint::spin_loop();
        }
    }
}

impl Power for Watchdog {
    fn off(&self) {
        self.bite(Self::PARTITION);
    }

    fn reset(&self) {
        self.bite(0);
    }
}
