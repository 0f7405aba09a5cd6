//! Page table entries (Arm ARM, D8.3: VMSAv8-64 descriptors, stage 1, 4 KiB granule).

use super::{Mapping, Protection, Sharing};
use crate::frame::{FRAME_SHIFT, FrameRef};

const VALID: u64 = 1 << 0;
/// A table at levels 0 to 2, a page at level 3.
const TABLE_OR_PAGE: u64 = 1 << 1;
/// Index in MAIR_EL1: normal write-back memory.
const NORMAL_MEMORY: u64 = 1 << 2;
const USER: u64 = 1 << 6;
const READ_ONLY: u64 = 1 << 7;
const INNER_SHAREABLE: u64 = 3 << 8;
const ACCESSED: u64 = 1 << 10;
const NOT_GLOBAL: u64 = 1 << 11;
const PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 53;
const USER_EXECUTE_NEVER: u64 = 1 << 54;
/// In a table entry: nothing below is executable by the kernel.
const TABLE_PRIVILEGED_EXECUTE_NEVER: u64 = 1 << 59;
const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

// Bits left to software (55 to 58).
/// Read-only for now: a write is allowed once the frame is this address space's alone.
const COPY_ON_WRITE: u64 = 1 << 55;
/// Writes are for all who have the frame.
const SHARED: u64 = 1 << 56;
const DIRTY: u64 = 1 << 57;

/// An entry of a level 3 table. Zero: nothing. Otherwise it holds a share of a frame, even if the valid bit
/// is clear because every access is forbidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page(pub u64);

impl Page {
    /// An entry for a frame. A private writable one is made writable only if `exclusive`.
    #[inline(always)]
    pub fn new(frame: u32, protection: Protection, sharing: Sharing, exclusive: bool) -> Self {
        let shared = if sharing == Sharing::Shared {
            SHARED
        } else {
            0
        };
        let base = u64::from(frame) << FRAME_SHIFT
            | (TABLE_OR_PAGE
                | NORMAL_MEMORY
                | USER
                | INNER_SHAREABLE
                | ACCESSED
                | NOT_GLOBAL
                | PRIVILEGED_EXECUTE_NEVER)
            | shared;
        Self(base).with_protection(protection, exclusive)
    }

    /// The entry with another protection. A private page becomes writable only if `exclusive`.
    #[inline(always)]
    pub fn with_protection(self, protection: Protection, exclusive: bool) -> Self {
        let mut bits = self.0 & !(VALID | READ_ONLY | COPY_ON_WRITE | USER_EXECUTE_NEVER);
        if !protection.execute {
            bits |= USER_EXECUTE_NEVER;
        }
        if protection.read | protection.write | protection.execute {
            bits |= VALID;
        }
        if protection.write {
            bits |= if exclusive || bits & SHARED != 0 {
                DIRTY
            } else {
                READ_ONLY | COPY_ON_WRITE
            };
        } else {
            bits |= READ_ONLY;
        }
        Self(bits)
    }

    /// The entry after the frame has become this address space's alone.
    #[inline(always)]
    pub fn made_writable(self, frame: u32) -> Self {
        Self(
            self.0 & !(READ_ONLY | COPY_ON_WRITE | ADDRESS)
                | u64::from(frame) << FRAME_SHIFT
                | DIRTY,
        )
    }

    /// The entry for sharing with a copy of the address space.
    #[inline(always)]
    pub fn made_copy_on_write(self) -> Self {
        Self(self.0 | READ_ONLY | COPY_ON_WRITE)
    }

    #[inline(always)]
    pub fn is_present(self) -> bool {
        self.0 != 0
    }

    /// Whether hardware may have a translation from it.
    #[inline(always)]
    pub fn is_valid(self) -> bool {
        self.0 & VALID != 0
    }

    #[inline(always)]
    pub fn frame(self) -> u32 {
        ((self.0 & ADDRESS) >> FRAME_SHIFT) as u32
    }

    /// Writable, now or after the valid bit is set again.
    #[inline(always)]
    pub fn is_writable(self) -> bool {
        self.0 & READ_ONLY == 0
    }

    /// Writable and for this address space alone.
    #[inline(always)]
    pub fn is_private_writable(self) -> bool {
        self.0 & (READ_ONLY | SHARED) == 0
    }

    #[inline(always)]
    pub fn is_executable(self) -> bool {
        self.0 & (USER_EXECUTE_NEVER | VALID) == VALID
    }

    #[inline(always)]
    pub fn is_copy_on_write(self) -> bool {
        self.0 & COPY_ON_WRITE != 0
    }

    #[inline(always)]
    pub fn is_shared(self) -> bool {
        self.0 & SHARED != 0
    }

    #[inline(always)]
    pub fn is_dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    #[inline(always)]
    pub fn is_accessed(self) -> bool {
        self.0 & ACCESSED != 0
    }

    /// What the entry says, for as long as the caller borrows the page table that it is in.
    #[inline(always)]
    pub fn mapping<'a>(self) -> Mapping<'a> {
        Mapping {
            // SAFETY: a present entry owns a share of the frame while its page table is borrowed.
            frame: unsafe { FrameRef::from_number(self.frame()) },
            readable: self.is_valid(),
            writable: self.is_valid() && self.is_writable(),
            executable: self.is_executable(),
            copy_on_write: self.is_valid() && self.is_copy_on_write(),
            shared: self.is_shared(),
            dirty: self.is_dirty(),
            accessed: self.is_accessed(),
        }
    }
}

/// The entry that points to a lower table.
#[inline(always)]
pub fn table_entry(frame: u32) -> u64 {
    u64::from(frame) << FRAME_SHIFT | VALID | TABLE_OR_PAGE | TABLE_PRIVILEGED_EXECUTE_NEVER
}

/// The frame of the lower table that an entry points to.
#[inline(always)]
pub fn table_frame(entry: u64) -> u32 {
    ((entry & ADDRESS) >> FRAME_SHIFT) as u32
}
