//! Arm PL011 UART (Arm DDI 0183G).

use hal::console::Console;
use hal::mmio::map_device;
use tock_registers::interfaces::{ReadWriteable, Readable, Writeable};
use tock_registers::registers::{ReadOnly, ReadWrite, WriteOnly};
use tock_registers::{register_bitfields, register_structs};

register_bitfields! { u32,
    FR [ TXFF OFFSET(5) NUMBITS(1) [], RXFE OFFSET(4) NUMBITS(1) [] ],
    LCR_H [ WLEN OFFSET(5) NUMBITS(2) [ Eight = 3 ], FEN OFFSET(4) NUMBITS(1) [] ],
    CR [ RXE OFFSET(9) NUMBITS(1) [], TXE OFFSET(8) NUMBITS(1) [], UARTEN OFFSET(0) NUMBITS(1) [] ],
    INTERRUPT [ RT OFFSET(6) NUMBITS(1) [], RX OFFSET(4) NUMBITS(1) [] ],
}

register_structs! {
    #[allow(non_snake_case)]
    Registers {
        (0x00 => DR: ReadWrite<u32>),
        (0x04 => _reserved0),
        (0x18 => FR: ReadOnly<u32, FR::Register>),
        (0x1c => _reserved1),
        (0x2c => LCR_H: ReadWrite<u32, LCR_H::Register>),
        (0x30 => CR: ReadWrite<u32, CR::Register>),
        (0x34 => _reserved2),
        (0x38 => IMSC: ReadWrite<u32, INTERRUPT::Register>),
        (0x3c => _reserved3),
        (0x44 => ICR: WriteOnly<u32, INTERRUPT::Register>),
        (0x48 => @END),
    }
}

/// A PL011, at the speed firmware has set.
pub struct Pl011 {
    registers: &'static Registers,
}

// SAFETY: registers are accessed one by one; bytes written at once by two CPUs mix, and nothing worse.
unsafe impl Sync for Pl011 {}
// SAFETY: as above.
unsafe impl Send for Pl011 {}

impl Pl011 {
    /// Takes the port whose registers are at a physical address, its interrupts off.
    ///
    /// # Safety
    /// A PL011 is there, and nobody else drives it.
    pub unsafe fn new(address: u64) -> Option<Self> {
        // SAFETY: as the caller promises.
        let registers = unsafe {
            map_device(address, size_of::<Registers>() as u64)?
                .cast::<Registers>()
                .as_ref()
        };
        registers.IMSC.set(0);
        if !registers.CR.is_set(CR::UARTEN) {
            registers.LCR_H.write(LCR_H::WLEN::Eight + LCR_H::FEN::SET);
        }
        registers
            .CR
            .modify(CR::UARTEN::SET + CR::TXE::SET + CR::RXE::SET);
        Some(Self { registers })
    }

    /// Lets the port interrupt when there is input.
    pub fn listen(&self) {
        self.registers
            .IMSC
            .write(INTERRUPT::RX::SET + INTERRUPT::RT::SET);
    }
}

impl Console for Pl011 {
    fn write(&self, bytes: &[u8]) {
        for &byte in bytes {
            while self.registers.FR.is_set(FR::TXFF) {
                core::hint::spin_loop();
            }
            self.registers.DR.set(u32::from(byte));
        }
    }
}

impl Pl011 {
    /// Hands on what it has received; from its interrupt.
    pub fn handle(&self) {
        self.registers
            .ICR
            .write(INTERRUPT::RX::SET + INTERRUPT::RT::SET);
        super::receive(|| {
            (!self.registers.FR.is_set(FR::RXFE)).then(|| self.registers.DR.get() as u8)
        });
    }
}
