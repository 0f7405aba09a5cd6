//! The exception syndrome register ESR_EL1 (Arm Architecture Reference Manual, D24.2.40).

use super::{Access, Exception, Fault, FaultKind};

/// A value of ESR_EL1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Syndrome(pub u64);

/// Exception classes.
pub mod class {
    pub const UNKNOWN: u64 = 0x00;
    pub const WAIT: u64 = 0x01;
    pub const SYSTEM_REGISTER: u64 = 0x18;
    pub const INSTRUCTION_ABORT_USER: u64 = 0x20;
    pub const INSTRUCTION_ABORT: u64 = 0x21;
    pub const PC_ALIGNMENT: u64 = 0x22;
    pub const DATA_ABORT_USER: u64 = 0x24;
    pub const DATA_ABORT: u64 = 0x25;
    pub const SP_ALIGNMENT: u64 = 0x26;
    pub const FLOATING_POINT: u64 = 0x2c;
    pub const BREAKPOINT_USER: u64 = 0x30;
    pub const WATCHPOINT_USER: u64 = 0x34;
    pub const BRK: u64 = 0x3c;
}

impl Syndrome {
    /// The exception class.
    pub fn class(self) -> u64 {
        self.0 >> 26 & 0x3f
    }

    /// The instruction-specific syndrome.
    pub fn details(self) -> u64 {
        self.0 & 0x1ff_ffff
    }

    /// Of an abort: the failed access, at `address` (FAR_EL1, whose top byte may be a tag).
    pub fn fault(self, address: u64) -> Fault {
        const CACHE_MAINTENANCE: u64 = 1 << 8;
        const WRITE: u64 = 1 << 6;
        let access = match self.class() {
            class::INSTRUCTION_ABORT_USER | class::INSTRUCTION_ABORT => Access::Execute,
            _ if self.0 & WRITE != 0 && self.0 & CACHE_MAINTENANCE == 0 => Access::Write,
            _ => Access::Read,
        };
        let kind = match self.0 & 0x3f {
            0x00..=0x07 => FaultKind::Translation,
            0x08..=0x0b => FaultKind::AccessFlag,
            0x0c..=0x0f => FaultKind::Permission,
            0x21 => FaultKind::Alignment,
            0x10 | 0x13..=0x1f => FaultKind::External,
            _ => FaultKind::Other,
        };
        Fault {
            address: untagged(address),
            access,
            kind,
            syndrome: self.0,
        }
    }

    /// Of any other exception of a user program.
    pub fn exception(self) -> Exception {
        match self.class() {
            class::UNKNOWN | class::SYSTEM_REGISTER => Exception::Undefined,
            class::PC_ALIGNMENT | class::SP_ALIGNMENT => Exception::Alignment,
            class::FLOATING_POINT => Exception::FloatingPoint,
            class::BREAKPOINT_USER..=class::WATCHPOINT_USER => Exception::Debug,
            class::BRK => Exception::Breakpoint(self.0 as u16),
            _ => Exception::Other(self.0),
        }
    }

    /// What an exception in the kernel was, in words.
    pub fn describe(self) -> &'static str {
        match (self.class(), self.0 & 0x3f) {
            (class::DATA_ABORT, 0x00..=0x07) => "access to an address where nothing is mapped",
            (class::DATA_ABORT, 0x0c..=0x0f) => "access against a mapping's permissions",
            (class::DATA_ABORT, 0x21) => "misaligned access",
            (class::DATA_ABORT, _) => "failed access to memory",
            (class::INSTRUCTION_ABORT, _) => "jump to an address that can't be executed",
            (class::PC_ALIGNMENT, _) => "misaligned program counter",
            (class::SP_ALIGNMENT, _) => "misaligned stack pointer",
            (class::UNKNOWN, _) => "undefined instruction",
            (class::BRK, _) => "breakpoint instruction",
            _ => "unexpected exception",
        }
    }
}

/// An address without the tag that user programs may keep in its top byte: that byte repeats bit 55.
fn untagged(address: u64) -> u64 {
    ((address << 8) as i64 >> 8) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_to_a_read_only_page_is_a_permission_fault() {
        let fault = Syndrome(class::DATA_ABORT_USER << 26 | 1 << 25 | 1 << 6 | 0x0f)
            .fault(0xab00_0000_0040_1234);
        assert_eq!(
            (fault.access, fault.kind, fault.address),
            (Access::Write, FaultKind::Permission, 0x40_1234)
        );
    }

    #[test]
    fn cache_maintenance_counts_as_a_read() {
        let fault = Syndrome(class::DATA_ABORT_USER << 26 | 1 << 8 | 1 << 6 | 0x06).fault(0x1000);
        assert_eq!(
            (fault.access, fault.kind),
            (Access::Read, FaultKind::Translation)
        );
    }

    #[test]
    fn a_jump_nowhere_is_an_execute_fault() {
        let fault = Syndrome(class::INSTRUCTION_ABORT_USER << 26 | 0x07).fault(0);
        assert_eq!(fault.access, Access::Execute);
    }

    #[test]
    fn brk_carries_its_number() {
        assert_eq!(
            Syndrome(class::BRK << 26 | 0x1234).exception(),
            Exception::Breakpoint(0x1234)
        );
    }
}
