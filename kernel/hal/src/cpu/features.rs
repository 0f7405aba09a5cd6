//! What this CPU can do, read from its ID registers.

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
    if ID_AA64MMFR0_EL1.read(ID_AA64MMFR0_EL1::ASIDBits) == 2 { 16 } else { 8 }
}

/// Whether the CPU has "privileged access never" (Armv8.1).
pub fn has_pan() -> bool {
    ID_AA64MMFR1_EL1.read(ID_AA64MMFR1_EL1::PAN) != 0
}

/// Whether random numbers can be read (Armv8.5 RNDR).
fn has_random() -> bool {
    read_register!("ID_AA64ISAR0_EL1") >> 60 != 0
}

/// A random number of the CPU's own, if it has them and has one ready.
pub fn random() -> Option<u64> {
    if !has_random() {
        return None;
    }
    let (value, ready): (u64, u64);
    // SAFETY: RNDR exists; it sets the flags: Z when no number was ready.
    unsafe { asm!("mrs {}, S3_3_C2_C4_0", "cset {}, ne", out(reg) value, out(reg) ready, options(nomem, nostack)) };
    (ready != 0).then_some(value)
}
