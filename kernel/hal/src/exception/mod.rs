//! What interrupts a program: its registers, the kinds of fault and exception, and on the machine the
//! vectors they arrive through.

mod syndrome;

#[cfg(target_os = "none")]
mod id_registers;
#[cfg(target_os = "none")]
mod interrupt;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod user;
#[cfg(target_os = "none")]
pub(crate) mod vectors;

pub use syndrome::{Syndrome, class};

/// Whether the interrupt being handled came out of user mode. For interrupt handlers only: elsewhere the answer is
/// about the last exception.
#[cfg(target_os = "none")]
#[inline]
pub fn interrupted_user() -> bool {
    use aarch64_cpu::registers::{Readable, SPSR_EL1};
    SPSR_EL1.matches_all(SPSR_EL1::M::EL0t)
}

/// Whether the interrupt being handled came out of user mode: there are none of either here.
#[cfg(not(target_os = "none"))]
pub fn interrupted_user() -> bool {
    false
}

/// A user program's registers, as saved at its entry to the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct UserRegisters {
    /// General registers x0 to x30.
    pub x: [u64; 31],
    /// Stack pointer (SP_EL0).
    pub sp: u64,
    /// Program counter (ELR_EL1).
    pub pc: u64,
    /// Condition flags and processor state (SPSR_EL1).
    pub pstate: u64,
}

impl UserRegisters {
    /// The bits of `pstate` a user program may choose: the condition flags, and SSBS and DIT.
    pub const PSTATE_USER: u64 = 0xf000_0000 | 1 << 24 | 1 << 12;

    /// Registers of a program that starts at `pc` with its stack at `sp`, all else zero.
    pub fn new(pc: u64, sp: u64) -> Self {
        Self {
            pc,
            sp,
            ..Self::default()
        }
    }

    /// Takes over a processor state chosen by userland (a signal frame), keeping it in AArch64 user mode
    /// with nothing masked.
    pub fn set_user_pstate(&mut self, pstate: u64) {
        self.pstate = pstate & Self::PSTATE_USER;
    }
}

/// How memory was accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    Execute,
}

/// Why an access to memory failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// Nothing is mapped there.
    Translation,
    /// Mapped, with the access flag clear.
    AccessFlag,
    /// Mapped, but not for this kind of access.
    Permission,
    /// The address isn't aligned as the instruction needs.
    Alignment,
    /// An abort from the memory system (bus error).
    External,
    /// Any other.
    Other,
}

/// A failed access to memory by a user program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    pub address: u64,
    pub access: Access,
    pub kind: FaultKind,
    /// ESR_EL1, for the signal frame's esr_context and for logs.
    pub syndrome: u64,
}

/// The page an access needs can't be brought in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unresolved;

/// An exception in a user program other than a system call or a failed access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exception {
    /// An instruction that doesn't exist or isn't allowed (SIGILL).
    Undefined,
    /// BRK (SIGTRAP); the instruction's number.
    Breakpoint(u16),
    /// A hardware breakpoint, watchpoint or single step (SIGTRAP).
    Debug,
    /// PC or SP not aligned (SIGBUS).
    Alignment,
    /// A trapped floating-point exception (SIGFPE).
    FloatingPoint,
    /// An asynchronous error of the memory system (SIGBUS).
    SystemError,
    /// Any other (SIGILL); ESR_EL1.
    Other(u64),
}
