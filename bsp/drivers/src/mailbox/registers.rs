//! The mailbox between processors and firmware (raspberrypi/firmware wiki, "Accessing mailboxes").

use super::message::{LENGTH, Message};
use super::{facts, screen};
use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use hal::boot::{BoardFacts, Regions};
use hal::frame_buffer::FrameBuffer;
use hal::mmio::{self, map_device};
use hal::sync::SpinLock;
use tock_registers::interfaces::{Readable, Writeable};
use tock_registers::registers::{ReadOnly, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! { u32,
    STATUS [ FULL OFFSET(31) NUMBITS(1) [], EMPTY OFFSET(30) NUMBITS(1) [] ],
}

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => READ: ReadOnly<u32>),
        (0x04 => _reserved0),
        (0x18 => READ_STATUS: ReadOnly<u32, STATUS::Register>),
        (0x1c => _reserved1),
        (0x20 => WRITE: WriteOnly<u32>),
        (0x24 => _reserved2),
        (0x38 => WRITE_STATUS: ReadOnly<u32, STATUS::Register>),
        (0x3c => _reserved3),
        (0x40 => @END),
    }
}

/// The channel for property messages: the low bits of what is written, as messages are aligned.
const PROPERTIES: u32 = 8;
/// Where the firmware sees the first gigabyte of memory, past its own cache (BCM2711 ARM Peripherals, 1.2.4).
const BUS_BASE: u64 = 0xc000_0000;
const BUS_LENGTH: u64 = 0x4000_0000;
/// Nanoseconds that the firmware may take.
const PATIENCE: u64 = 1_000_000_000;

/// A message where the firmware can reach it, with cache lines to itself.
#[repr(C, align(256))]
struct Shared([AtomicU32; LENGTH]);

static SHARED: SpinLock<&Shared> = {
    static MESSAGE: Shared = Shared([const { AtomicU32::new(0) }; LENGTH]);
    SpinLock::new(&MESSAGE)
};

/// A mailbox that the firmware looks into.
pub struct Mailbox {
    registers: &'static Registers,
}

impl Mailbox {
    /// Takes the mailbox whose registers are there; `None` if they can't be mapped.
    pub fn new(registers: Range<u64>) -> Option<Self> {
        let length = size_of::<Registers>() as u64;
        if registers.end - registers.start < length {
            return None;
        }
        // SAFETY: the device tree says that the mailbox is there; this is its only driver.
        let registers = unsafe {
            map_device(registers.start, length)?
                .cast::<Registers>()
                .as_ref()
        };
        Some(Self { registers })
    }

    /// What the firmware says of the board. What it does not answer, or not in time, stays open.
    pub fn facts(&self) -> BoardFacts {
        exchange(self.registers, &facts::questions())
            .as_ref()
            .map_or_else(BoardFacts::default, facts::facts)
    }

    /// The pixels of the display, in the display's own mode; `None` if there is no display, or the firmware says that
    /// they are in `memory`, which is the processors'.
    pub fn frame_buffer<const N: usize>(&self, memory: &Regions<N>) -> Option<FrameBuffer> {
        let size = screen::size(&exchange(self.registers, &screen::size_question())?)?;
        let (place, geometry) = screen::buffer(&exchange(self.registers, &screen::request(size))?)?;
        let mut memory = memory.as_slice().iter();
        if memory.any(|range| range.start < place.end && place.start < range.end) {
            return None;
        }
        // SAFETY: the firmware gave this for pixels, out of its own part of memory, which nobody else maps.
        unsafe { FrameBuffer::map(place.start, place.end - place.start, geometry) }
    }
}

/// Sends a message and gives it back with the answers.
fn exchange(registers: &Registers, message: &Message) -> Option<Message> {
    let shared: &'static Shared = *SHARED.lock();
    let address = hal::layout::image_physical(shared);
    if address + size_of::<Shared>() as u64 > BUS_LENGTH {
        return None;
    }
    let address = (BUS_BASE + address) as u32;
    for (word, value) in shared.0.iter().zip(message) {
        word.store(*value, Relaxed);
    }
    mmio::synchronise(&shared.0);
    let until = hal::time::now() + PATIENCE;
    wait(until, || !registers.WRITE_STATUS.is_set(STATUS::FULL))?;
    registers.WRITE.set(address | PROPERTIES);
    loop {
        wait(until, || !registers.READ_STATUS.is_set(STATUS::EMPTY))?;
        // Answers to what ran before us are not for us.
        if registers.READ.get() == address | PROPERTIES {
            break;
        }
    }
    mmio::synchronise(&shared.0);
    let mut answers = [0; LENGTH];
    for (answer, word) in answers.iter_mut().zip(&shared.0) {
        *answer = word.load(Relaxed);
    }
    Some(answers)
}

/// Waits until something is so; `None` if it isn't by then.
fn wait(until: u64, is_so: impl Fn() -> bool) -> Option<()> {
    while !is_so() {
        if hal::time::now() >= until {
            return None;
        }
        core::hint::spin_loop();
    }
    Some(())
}
