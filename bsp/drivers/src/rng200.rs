//! The BCM2711's random number generator (no manual describes it; Linux, drivers/char/hw_random/iproc-rng200.c, and the
//! Raspberry Pi's own version of that for how the generator of this chip is started).

use core::ops::Range;
use hal::mmio::map_device;
use hal::random::Source;
use spin::Once;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! { u32,
    CONTROL [ DIVIDER OFFSET(13) NUMBITS(7) [], ENABLE OFFSET(0) NUMBITS(13) [] ],
    FIFO_COUNT [ THRESHOLD OFFSET(8) NUMBITS(8) [], COUNT OFFSET(0) NUMBITS(8) [] ],
    STATUS [ LOCKOUT OFFSET(31) NUMBITS(1) [], FAILURE OFFSET(5) NUMBITS(1) [] ],
    RESET [ RESET OFFSET(0) NUMBITS(1) [] ],
}

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => CONTROL: ReadWrite<u32, CONTROL::Register>),
        (0x04 => GENERATOR_RESET: ReadWrite<u32, RESET::Register>),
        (0x08 => BITS_RESET: ReadWrite<u32, RESET::Register>),
        (0x0c => TOTAL_BITS: ReadOnly<u32>),
        (0x10 => TOTAL_BITS_THRESHOLD: ReadWrite<u32>),
        (0x14 => _reserved0),
        (0x18 => STATUS: ReadWrite<u32, STATUS::Register>),
        (0x1c => _reserved1),
        (0x20 => FIFO_DATA: ReadOnly<u32>),
        (0x24 => FIFO_COUNT: ReadWrite<u32, FIFO_COUNT::Register>),
        (0x28 => @END),
    }
}

/// Bits that are less random and thrown away after the start.
const FIRST_BITS: u32 = 0x4_0000;
/// The generator has started when it has counted more bits.
const STARTED: u32 = 16;
/// For a million bits a second.
const DIVIDER: u32 = 3;
const EVERY_BIT: u32 = 0x1fff;
/// Words in the FIFO that it would interrupt for.
const THRESHOLD: u32 = 2;

/// A generator.
struct Rng200 {
    registers: &'static Registers,
}

// SAFETY: registers are accessed one by one; two who take a word at a time get different ones.
unsafe impl Sync for Rng200 {}
// SAFETY: as above.
unsafe impl Send for Rng200 {}

/// Starts the generator whose registers are there and makes it a source of random numbers; it takes some 300 ms to have
/// the first ones.
pub fn start(registers: Range<u64>) {
    static GENERATOR: Once<Rng200> = Once::new();
    let length = size_of::<Registers>() as u64;
    if registers.end - registers.start < length {
        return;
    }
    // SAFETY: the device tree says that the generator is there; this is its only driver.
    let Some(registers) = (unsafe { map_device(registers.start, length) }) else {
        return;
    };
    // SAFETY: mapped above for good, and registers are accessed as such.
    let registers: &'static Registers = unsafe { registers.cast().as_ref() };
    let generator = GENERATOR.call_once(|| Rng200 { registers });
    // The firmware may have started it.
    if registers.CONTROL.read(CONTROL::ENABLE) == 0 {
        generator.enable();
    }
    hal::random::register(generator);
}

impl Rng200 {
    fn enable(&self) {
        self.registers.TOTAL_BITS_THRESHOLD.set(FIRST_BITS);
        self.registers
            .FIFO_COUNT
            .write(FIFO_COUNT::THRESHOLD.val(THRESHOLD));
        self.registers
            .CONTROL
            .write(CONTROL::DIVIDER.val(DIVIDER) + CONTROL::ENABLE.val(EVERY_BIT));
    }

    /// Starts it again after its own tests have found that its numbers aren't random.
    fn restart(&self) {
        self.registers.CONTROL.modify(CONTROL::ENABLE.val(0));
        self.registers.STATUS.set(u32::MAX);
        self.registers.BITS_RESET.modify(RESET::RESET::SET);
        self.registers.GENERATOR_RESET.modify(RESET::RESET::SET);
        self.registers.GENERATOR_RESET.modify(RESET::RESET::CLEAR);
        self.registers.BITS_RESET.modify(RESET::RESET::CLEAR);
        self.enable();
    }
}

impl Source for Rng200 {
    fn word(&self) -> Option<u32> {
        let status = self.registers.STATUS.extract();
        if status.is_set(STATUS::LOCKOUT) || status.is_set(STATUS::FAILURE) {
            self.restart();
            return None;
        }
        let ready = self.registers.TOTAL_BITS.get() > STARTED
            && self.registers.FIFO_COUNT.read(FIFO_COUNT::COUNT) > 0;
        ready.then(|| self.registers.FIFO_DATA.get())
    }
}
