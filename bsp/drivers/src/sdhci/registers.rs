//! Registers of an SD host controller (SD Host Controller Simplified Specification 3.00, section 2).
//!
//! Read and written as words of 32 bits alone, which is all that the Raspberry Pi's first controller can.

use tock_registers::register_bitfields;
use tock_registers::register_structs;
use tock_registers::registers::{ReadOnly, ReadWrite};

register_bitfields! { u32,
    /// Block Size and Block Count (2.2.2, 2.2.3).
    pub BLOCKS [ COUNT OFFSET(16) NUMBITS(16) [], SIZE OFFSET(0) NUMBITS(12) [] ],
    /// Transfer Mode and Command (2.2.5, 2.2.6); writing it starts the command.
    pub COMMAND [
        INDEX OFFSET(24) NUMBITS(6) [],
        DATA OFFSET(21) NUMBITS(1) [],
        CHECK_INDEX OFFSET(20) NUMBITS(1) [],
        CHECK_CRC OFFSET(19) NUMBITS(1) [],
        RESPONSE OFFSET(16) NUMBITS(2) [ None = 0, Long = 1, Short = 2, ShortBusy = 3 ],
        MULTIPLE OFFSET(5) NUMBITS(1) [],
        READ OFFSET(4) NUMBITS(1) [],
        AUTOMATIC OFFSET(2) NUMBITS(2) [ None = 0, Stop = 1 ],
        COUNTED OFFSET(1) NUMBITS(1) [],
        DMA OFFSET(0) NUMBITS(1) []
    ],
    /// Present State (2.2.9).
    pub STATE [
        CAN_READ OFFSET(11) NUMBITS(1) [],
        CAN_WRITE OFFSET(10) NUMBITS(1) [],
        DATA_BUSY OFFSET(1) NUMBITS(1) [],
        COMMAND_BUSY OFFSET(0) NUMBITS(1) []
    ],
    /// Host Control 1 and Power Control (2.2.10, 2.2.11).
    pub HOST [
        VOLTAGE OFFSET(9) NUMBITS(3) [ V33 = 7 ],
        POWER OFFSET(8) NUMBITS(1) [],
        DMA OFFSET(3) NUMBITS(2) [ Adma2 = 2 ],
        HIGH_SPEED OFFSET(2) NUMBITS(1) [],
        FOUR_BITS OFFSET(1) NUMBITS(1) []
    ],
    /// Clock Control, Timeout Control and Software Reset (2.2.14 to 2.2.16).
    pub CLOCK [
        RESET_DATA OFFSET(26) NUMBITS(1) [],
        RESET_COMMAND OFFSET(25) NUMBITS(1) [],
        RESET_ALL OFFSET(24) NUMBITS(1) [],
        TIMEOUT OFFSET(16) NUMBITS(4) [ Longest = 14 ],
        DIVISOR OFFSET(8) NUMBITS(8) [],
        DIVISOR_HIGH OFFSET(6) NUMBITS(2) [],
        CARD OFFSET(2) NUMBITS(1) [],
        STABLE OFFSET(1) NUMBITS(1) [],
        INTERNAL OFFSET(0) NUMBITS(1) []
    ],
    /// Normal and Error Interrupt Status, and what of it is noted and signalled (2.2.17 to 2.2.22).
    pub EVENTS [
        ERRORS OFFSET(16) NUMBITS(16) [],
        COMMAND_TIMEOUT OFFSET(16) NUMBITS(1) [],
        READ_READY OFFSET(5) NUMBITS(1) [],
        WRITE_READY OFFSET(4) NUMBITS(1) [],
        TRANSFER_COMPLETE OFFSET(1) NUMBITS(1) [],
        COMMAND_COMPLETE OFFSET(0) NUMBITS(1) []
    ],
    /// Capabilities (2.2.26).
    pub CAPABILITIES [ ADMA2 OFFSET(19) NUMBITS(1) [], BASE_CLOCK OFFSET(8) NUMBITS(8) [] ],
}

register_structs! {
    #[allow(non_snake_case)]
    pub Registers {
        (0x00 => _reserved0),
        (0x04 => pub BLOCKS: ReadWrite<u32, BLOCKS::Register>),
        (0x08 => pub ARGUMENT: ReadWrite<u32>),
        (0x0c => pub COMMAND: ReadWrite<u32, COMMAND::Register>),
        (0x10 => pub RESPONSE: [ReadOnly<u32>; 4]),
        (0x20 => pub BUFFER: ReadWrite<u32>),
        (0x24 => pub STATE: ReadOnly<u32, STATE::Register>),
        (0x28 => pub HOST: ReadWrite<u32, HOST::Register>),
        (0x2c => pub CLOCK: ReadWrite<u32, CLOCK::Register>),
        (0x30 => pub EVENTS: ReadWrite<u32, EVENTS::Register>),
        (0x34 => pub NOTED: ReadWrite<u32, EVENTS::Register>),
        (0x38 => pub SIGNALLED: ReadWrite<u32, EVENTS::Register>),
        (0x3c => _reserved1),
        (0x40 => pub CAPABILITIES: ReadOnly<u32, CAPABILITIES::Register>),
        (0x44 => _reserved2),
        /// ADMA System Address (2.2.31).
        (0x58 => pub TABLE: ReadWrite<u32>),
        (0x5c => _reserved3),
        (0x100 => @END),
    }
}
