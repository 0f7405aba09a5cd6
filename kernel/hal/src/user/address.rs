//! Addresses in user memory.

use crate::layout::USER_END;

/// An address a program gave. Nothing is known about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserAddr(pub u64);

impl UserAddr {
    /// Whether it is zero, which many calls take for "none".
    #[inline(always)]
    pub const fn is_null(self) -> bool {
        self.0 == 0
    }

    /// The address `bytes` further on. Wrapped addresses fail when they are used.
    #[inline(always)]
    #[must_use]
    pub const fn offset(self, bytes: u64) -> Self {
        Self(self.0.wrapping_add(bytes))
    }

    /// Whether `length` bytes from here on lie in the user half of the address space.
    #[inline(always)]
    pub const fn covers(self, length: usize) -> bool {
        length as u64 <= USER_END && self.0 <= USER_END - length as u64
    }
}

/// User memory couldn't be accessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How many bytes were copied before the first that couldn't be.
    pub copied: usize,
}
