//! The device's registers: files are read byte by byte, and written by the device itself from memory.

use super::directory::{self, COUNT, ENTRY};
use core::ops::Range;
use hal::frame::FrameBlock;
use hal::mmio::map_device;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => DATA: ReadOnly<u8>),
        (0x01 => _reserved0),
        (0x08 => SELECTOR: WriteOnly<u16>),
        (0x0a => _reserved1),
        (0x10 => DMA_ADDRESS: ReadWrite<u64>),
        (0x18 => @END),
    }
}

/// What the register of the address for DMA says where there is DMA.
const SIGNATURE: u64 = u64::from_be_bytes(*b"QEMU CFG");
const DIRECTORY: u16 = 0x19;
/// More files than any machine has.
const MAX_FILES: u32 = 1024;

/// In a request's control word.
const ERROR: u32 = 1 << 0;
const SELECT: u32 = 1 << 3;
const WRITE: u32 = 1 << 4;
/// Bytes of a request: control, length, address.
const REQUEST: usize = 16;
/// Nanoseconds that the device may take.
const PATIENCE: u64 = 1_000_000_000;

/// The device.
pub struct FirmwareConfiguration {
    registers: &'static Registers,
}

impl FirmwareConfiguration {
    /// Takes the device whose registers are there; `None` if it has no DMA.
    pub fn new(registers: Range<u64>) -> Option<Self> {
        let length = size_of::<Registers>() as u64;
        if registers.end - registers.start < length {
            return None;
        }
        // SAFETY: the device tree says that the device is there; this is its only driver.
        let registers: &'static Registers =
            unsafe { map_device(registers.start, length)?.cast().as_ref() };
        let has_dma = u64::from_be(registers.DMA_ADDRESS.get()) == SIGNATURE;
        has_dma.then_some(Self { registers })
    }

    /// Size and key of a file.
    pub fn find(&self, name: &str) -> Option<(u32, u16)> {
        self.registers.SELECTOR.set(DIRECTORY.to_be());
        let count = directory::count(&self.read::<COUNT>()).min(MAX_FILES);
        (0..count).find_map(|_| directory::find(&self.read::<ENTRY>(), name))
    }

    /// The next bytes of what is selected.
    fn read<const N: usize>(&self) -> [u8; N] {
        core::array::from_fn(|_| self.registers.DATA.get())
    }

    /// Writes a file from its start; `None` if the device refuses or doesn't answer.
    pub fn write(&self, key: u16, content: &[u8]) -> Option<()> {
        let block = FrameBlock::allocate_zeroed(0).ok()?;
        if REQUEST + content.len() > block.size() {
            return None;
        }
        let address = block.physical_address();
        let control = u32::from(key) << 16 | SELECT | WRITE;
        let place = block.address();
        // SAFETY: the block is ours, and the content fits behind the request. The device reads the block from the write
        // of its address on, and changes the control word until it is done.
        let done = unsafe {
            let word = place.cast::<u32>();
            word.write(control.to_be());
            word.add(1).write((content.len() as u32).to_be());
            let data = (address + REQUEST as u64).to_be();
            place.add(8).cast::<u64>().write(data);
            core::ptr::copy_nonoverlapping(content.as_ptr(), place.add(REQUEST), content.len());
            hal::mmio::barrier();
            self.registers.DMA_ADDRESS.set(address.to_be());
            wait(|| u32::from_be(word.read_volatile()) & !ERROR == 0)?;
            u32::from_be(word.read_volatile()) == 0
        };
        done.then_some(())
    }
}

/// Waits until something is so; `None` if it isn't in time.
fn wait(is_so: impl Fn() -> bool) -> Option<()> {
    let until = hal::time::now() + PATIENCE;
    while !is_so() {
        if hal::time::now() >= until {
            return None;
        }
        core::hint::spin_loop();
    }
    Some(())
}
