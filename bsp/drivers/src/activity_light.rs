//! The light for activity at a pin of the BCM2711 (BCM2711 ARM Peripherals, 5.2).

use crate::device_tree::PinLight;
use hal::mmio::map_device;
use kernel_core::block::activity::{self, Light};
use spin::Once;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadWrite, WriteOnly};

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => GPFSEL: [ReadWrite<u32>; 6]),
        (0x18 => _reserved0),
        (0x1c => GPSET: [WriteOnly<u32>; 2]),
        (0x24 => _reserved1),
        (0x28 => GPCLR: [WriteOnly<u32>; 2]),
        (0x30 => @END),
    }
}

/// Pins that the chip has.
const PINS: u32 = 58;
/// Pins of a register that selects functions, and bits of a pin's function.
const PINS_OF_SELECTION: u32 = 10;
const FUNCTION_BITS: u32 = 3;
const FUNCTION_MASK: u32 = 7;
const OUTPUT: u32 = 1;
/// Pins of a register that sets or clears them.
const PINS_OF_WORD: u32 = 32;

struct ActivityLight {
    registers: &'static Registers,
    pin: u32,
    active_low: bool,
}

// SAFETY: registers are accessed one by one, and those for setting and clearing leave other pins alone.
unsafe impl Sync for ActivityLight {}
// SAFETY: as above.
unsafe impl Send for ActivityLight {}

/// Lets a light show that disks are busy.
pub fn start(place: PinLight) {
    static LIGHT: Once<ActivityLight> = Once::new();
    let length = size_of::<Registers>() as u64;
    if place.pin >= PINS || place.registers.end - place.registers.start < length {
        return;
    }
    // SAFETY: the device tree says that the pin controller is there; this is its only driver.
    let Some(registers) = (unsafe { map_device(place.registers.start, length) }) else {
        return;
    };
    // SAFETY: mapped above for good, and registers are accessed as such.
    let registers: &'static Registers = unsafe { registers.cast().as_ref() };
    let selection = &registers.GPFSEL[(place.pin / PINS_OF_SELECTION) as usize];
    let shift = place.pin % PINS_OF_SELECTION * FUNCTION_BITS;
    selection.set(selection.get() & !(FUNCTION_MASK << shift) | OUTPUT << shift);
    activity::show_with(LIGHT.call_once(|| ActivityLight {
        registers,
        pin: place.pin,
        active_low: place.active_low,
    }));
}

impl Light for ActivityLight {
    fn set(&self, on: bool) {
        let words = if on != self.active_low {
            &self.registers.GPSET
        } else {
            &self.registers.GPCLR
        };
        words[(self.pin / PINS_OF_WORD) as usize].set(1 << (self.pin % PINS_OF_WORD));
    }
}
