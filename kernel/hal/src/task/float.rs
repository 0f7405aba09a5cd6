//! The floating-point and SIMD state of a user program.

/// Registers v0 to v31 with status and control; the layout of a signal frame's `fpsimd_context` body
/// after its header is (fpsr, fpcr, vregs).
#[derive(Clone, Debug, PartialEq, Eq)]
#[repr(C, align(16))]
pub struct FloatState {
    pub v: [u128; 32],
    pub fpsr: u32,
    pub fpcr: u32,
}

impl FloatState {
    /// What a program starts with.
    pub const ZERO: Self = Self {
        v: [0; 32],
        fpsr: 0,
        fpcr: 0,
    };
}

impl Default for FloatState {
    fn default() -> Self {
        Self::ZERO
    }
}
