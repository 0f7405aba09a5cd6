//! The CPU's ID registers as user programs may read them (Linux: Documentation/arch/arm64/cpu-feature-registers.rst).

use super::UserRegisters;
use crate::cpu::features;
use crate::user::{UserAddr, read_value};

/// MRS of a register S3_0_C0_Cm_op2, whatever Cm, op2 and the target are.
const MRS_ID: u32 = 0xd538_0000;
const MRS_ID_MASK: u32 = 0xffff_f000;

/// If the instruction at the program counter reads an ID register, does that and returns true.
pub(super) fn emulate(registers: &mut UserRegisters) -> bool {
    let Ok(instruction) = read_value::<u32>(UserAddr(registers.pc)) else {
        return false;
    };
    if instruction & MRS_ID_MASK != MRS_ID {
        return false;
    }
    let Some(value) = features::user_id_register(instruction >> 8 & 0xf, instruction >> 5 & 7)
    else {
        return false;
    };
    // x31 is the zero register.
    if let Some(target) = registers.x.get_mut((instruction & 0x1f) as usize) {
        *target = value;
    }
    true
}
