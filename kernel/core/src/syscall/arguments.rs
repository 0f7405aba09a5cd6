//! The arguments of a system call: registers x0 to x5, read as what the call means by them.

use hal::exception::UserRegisters;

/// The registers of the caller, as a system call's handler sees them.
pub struct Arguments<'a> {
    /// All user registers, for calls that change more than their result (exec, sigreturn, clone).
    pub registers: &'a mut UserRegisters,
}

impl Arguments<'_> {
    /// Argument `index` (0 to 5) as it is.
    #[inline(always)]
    pub fn u64(&self, index: usize) -> u64 {
        self.registers.x[index]
    }

    /// A size or count.
    #[inline(always)]
    pub fn usize(&self, index: usize) -> usize {
        self.registers.x[index] as usize
    }

    /// A C `int`: the lower half, signed.
    #[inline(always)]
    pub fn int(&self, index: usize) -> i32 {
        self.registers.x[index] as i32
    }

    /// A C `unsigned int`: the lower half.
    #[inline(always)]
    pub fn u32(&self, index: usize) -> u32 {
        self.registers.x[index] as u32
    }

    /// A C `long`.
    #[inline(always)]
    pub fn i64(&self, index: usize) -> i64 {
        self.registers.x[index] as i64
    }

    /// A file descriptor.
    #[inline(always)]
    pub fn fd(&self, index: usize) -> i32 {
        self.int(index)
    }
}
