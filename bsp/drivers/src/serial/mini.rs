//! The mini UART of the BCM2835 family (BCM2711 ARM Peripherals, 2.2).

use hal::console::Console;
use hal::mmio::map_device;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! { u32,
    /// As a 16550's: what the manual calls transmit and receive is the other way round.
    IER [ RX OFFSET(0) NUMBITS(1) [], LINE OFFSET(2) NUMBITS(1) [] ],
    LCR [ DATA OFFSET(0) NUMBITS(2) [ Eight = 3 ] ],
    LSR [ TX_EMPTY OFFSET(5) NUMBITS(1) [], DATA_READY OFFSET(0) NUMBITS(1) [] ],
    CNTL [ TX OFFSET(1) NUMBITS(1) [], RX OFFSET(0) NUMBITS(1) [] ],
}

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => IO: ReadWrite<u32>),
        (0x04 => IER: ReadWrite<u32, IER::Register>),
        (0x08 => IIR: ReadWrite<u32>),
        (0x0c => LCR: ReadWrite<u32, LCR::Register>),
        (0x10 => _reserved0),
        (0x14 => LSR: ReadOnly<u32, LSR::Register>),
        (0x18 => _reserved1),
        (0x20 => CNTL: ReadWrite<u32, CNTL::Register>),
        (0x24 => @END),
    }
}

/// The mini UART, at the speed firmware has set.
pub struct MiniUart {
    registers: &'static Registers,
}

// SAFETY: registers are accessed one by one; bytes written at once by two CPUs mix, and nothing worse.
unsafe impl Sync for MiniUart {}
// SAFETY: as above.
unsafe impl Send for MiniUart {}

impl MiniUart {
    /// The auxiliary peripherals' enable register, below the mini UART's first one.
    const ENABLES_BELOW: u64 = 0x3c;

    /// Takes the port whose registers are at a physical address, its interrupts off.
    ///
    /// # Safety
    /// A mini UART is there, and nobody else drives it.
    pub unsafe fn new(address: u64) -> Option<Self> {
        // SAFETY: as the caller promises; the enable register is at its place in the same block.
        let (enables, registers) = unsafe {
            let enables = map_device(address.checked_sub(Self::ENABLES_BELOW)?, 4)?;
            let registers = map_device(address, size_of::<Registers>() as u64)?;
            (
                enables.cast::<ReadWrite<u32>>().as_ref(),
                registers.cast::<Registers>().as_ref(),
            )
        };
        enables.set(enables.get() | 1);
        registers.IER.set(0);
        registers.LCR.write(LCR::DATA::Eight);
        registers.CNTL.modify(CNTL::TX::SET + CNTL::RX::SET);
        Some(Self { registers })
    }

    /// Lets the port interrupt when there is input.
    pub fn listen(&self) {
        self.registers.IER.write(IER::RX::SET + IER::LINE::SET);
    }
}

impl Console for MiniUart {
    fn write(&self, bytes: &[u8]) {
        for &byte in bytes {
            while !self.registers.LSR.is_set(LSR::TX_EMPTY) {
                core::hint::spin_loop();
            }
            self.registers.IO.set(u32::from(byte));
        }
    }
}

impl MiniUart {
    /// Hands on what it has received; from its interrupt.
    pub fn handle(&self) {
        super::receive(|| {
            self.registers
                .LSR
                .is_set(LSR::DATA_READY)
                .then(|| self.registers.IO.get() as u8)
        });
    }
}
