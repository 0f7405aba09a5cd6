//! What this CPU can do, read from its ID registers, and how much of it user programs are told.

use aarch64_cpu::registers::{ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1, Readable};
use core::arch::asm;

/// Reads a system register by name.
macro_rules! read_register {
    ($name:literal) => {{
        let value: u64;
        // SAFETY: reading an ID register has no side effect.
        unsafe { asm!(concat!("mrs {}, ", $name), out(reg) value, options(pure, nomem, nostack, preserves_flags)) };
        value
    }};
}

/// Bits of an address space number: 8 or 16.
pub fn asid_bits() -> u32 {
    if ID_AA64MMFR0_EL1.read(ID_AA64MMFR0_EL1::ASIDBits) == 2 {
        16
    } else {
        8
    }
}

/// Whether the CPU has "privileged access never" (Armv8.1).
pub fn has_pan() -> bool {
    ID_AA64MMFR1_EL1.read(ID_AA64MMFR1_EL1::PAN) != 0
}

/// Turns on what this CPU has and the entry code can't assume: user memory out of the kernel's reach (PAN).
pub(crate) fn enable() {
    if has_pan() {
        // SAFETY: PAN exists. SCTLR_EL1.SPAN = 0 sets it at every exception; the kernel touches user memory only
        // through the copy routines, which expect it.
        unsafe {
            asm!(
                "mrs {value}, sctlr_el1",
                "bic {value}, {value}, #(1 << 23)",
                "msr sctlr_el1, {value}",
                "isb",
                ".inst 0xd500419f", // msr pan, #1
                value = out(reg) _, options(nomem, nostack, preserves_flags)
            )
        };
    }
}

/// A random number of the CPU's own (Armv8.5 RNDR), if it has them and has one ready.
pub fn random() -> Option<u64> {
    if field(read_register!("ID_AA64ISAR0_EL1"), 60) == 0 {
        return None;
    }
    let (value, ready): (u64, u64);
    // SAFETY: RNDR exists; it sets the flags: Z when no number was ready.
    unsafe {
        asm!("mrs {}, S3_3_C2_C4_0", "cset {}, ne", out(reg) value, out(reg) ready, options(nomem, nostack))
    };
    (ready != 0).then_some(value)
}

/// A four-bit field of an ID register.
const fn field(register: u64, shift: u32) -> u64 {
    register >> shift & 0xf
}

/// A mask of four-bit fields.
const fn fields(shifts: &[u32]) -> u64 {
    let mut mask = 0;
    let mut index = 0;
    while index < shifts.len() {
        mask |= 0xf << shifts[index];
        index += 1;
    }
    mask
}

/// Fields that user programs see. Left out is what the kernel doesn't keep for them: SVE, SME, pointer
/// authentication, memory tags, BTI.
mod visible {
    use super::fields;
    pub const INSTRUCTIONS_0: u64 = fields(&[60, 52, 48, 44, 40, 36, 32, 28, 20, 16, 12, 8, 4]);
    pub const INSTRUCTIONS_1: u64 = fields(&[52, 48, 44, 36, 32, 20, 16, 12, 0]);
    pub const PROCESSOR_0: u64 = fields(&[48, 20, 16]);
    pub const MEMORY_2: u64 = fields(&[32]);
}

/// AArch64 alone at EL0 and EL1.
const PROCESSOR_0_FIXED: u64 = 0x11;
/// MPIDR with nothing but the bit that is always one.
const MPIDR_FIXED: u64 = 1 << 31;

/// What a user program reads from the ID register S3_0_C0_C`m`_`op2`; `None` where there is nothing to read.
pub(crate) fn user_id_register(m: u32, op2: u32) -> Option<u64> {
    match (m, op2) {
        (0, 0) => Some(read_register!("MIDR_EL1")),
        (0, 5) => Some(MPIDR_FIXED),
        (0, 6) => Some(0),
        (4, 0) => {
            Some(read_register!("ID_AA64PFR0_EL1") & visible::PROCESSOR_0 | PROCESSOR_0_FIXED)
        }
        (6, 0) => Some(read_register!("ID_AA64ISAR0_EL1") & visible::INSTRUCTIONS_0),
        (6, 1) => Some(read_register!("ID_AA64ISAR1_EL1") & visible::INSTRUCTIONS_1),
        (7, 2) => Some(read_register!("ID_AA64MMFR2_EL1") & visible::MEMORY_2),
        (2..=7, _) => Some(0),
        _ => None,
    }
}

/// What kind of processor this is (MIDR_EL1).
pub fn main_id() -> u64 {
    read_register!("MIDR_EL1")
}

/// The auxiliary vector's AT_HWCAP and AT_HWCAP2 (Linux: arch/arm64/include/uapi/asm/hwcap.h).
pub fn hardware_capabilities() -> (u64, u64) {
    let instructions_0 = read_register!("ID_AA64ISAR0_EL1") & visible::INSTRUCTIONS_0;
    let instructions_1 = read_register!("ID_AA64ISAR1_EL1") & visible::INSTRUCTIONS_1;
    let processor_0 = read_register!("ID_AA64PFR0_EL1");
    let memory_2 = read_register!("ID_AA64MMFR2_EL1");
    /// "Not there" in the fields of floating point.
    const NONE: u64 = 0xf;
    let has = |register: u64, shift: u32, least: u64, bit: u32| {
        u64::from(field(register, shift) >= least) << bit
    };
    let float = |shift: u32, least: u64, bit: u32| {
        let value = field(processor_0, shift);
        u64::from(value != NONE && value >= least) << bit
    };
    const CPUID: u64 = 1 << 11;
    let first = float(16, 0, 0)
        | float(20, 0, 1)
        | float(16, 1, 9)
        | float(20, 1, 10)
        | CPUID
        | has(instructions_0, 4, 1, 3)
        | has(instructions_0, 4, 2, 4)
        | has(instructions_0, 8, 1, 5)
        | has(instructions_0, 12, 1, 6)
        | has(instructions_0, 12, 2, 21)
        | has(instructions_0, 16, 1, 7)
        | has(instructions_0, 20, 2, 8)
        | has(instructions_0, 28, 1, 12)
        | has(instructions_0, 32, 1, 17)
        | has(instructions_0, 36, 1, 18)
        | has(instructions_0, 40, 1, 19)
        | has(instructions_0, 44, 1, 20)
        | has(instructions_0, 48, 1, 23)
        | has(instructions_0, 52, 1, 27)
        | has(instructions_1, 0, 1, 16)
        | has(instructions_1, 12, 1, 13)
        | has(instructions_1, 16, 1, 14)
        | has(instructions_1, 20, 1, 15)
        | has(instructions_1, 20, 2, 26)
        | has(instructions_1, 36, 1, 29)
        | has(processor_0, 48, 1, 24)
        | has(memory_2, 32, 1, 25);
    let second = has(instructions_1, 0, 2, 0)
        | has(instructions_0, 52, 2, 7)
        | has(instructions_1, 32, 1, 8)
        | has(instructions_1, 52, 1, 13)
        | has(instructions_1, 44, 1, 14)
        | has(instructions_1, 48, 1, 15)
        | has(instructions_0, 60, 1, 16);
    (first, second)
}
