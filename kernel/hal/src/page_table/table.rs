//! One table: 512 entries in a frame, with the number of live ones in the frame's metadata.

use super::entry::{table_entry, table_frame};
use crate::frame::{FRAME_SHIFT, Frame, OutOfMemory, linear_address, metadata, release_known_zero};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Entries of a table.
pub const ENTRIES: usize = 512;

/// The level of the tables that hold pages; the root is level 0.
pub const LEAF_LEVEL: usize = 3;

/// How far an address is shifted right to give the index into a table of `level`.
#[inline(always)]
pub const fn shift(level: usize) -> u32 {
    FRAME_SHIFT + 9 * (LEAF_LEVEL - level) as u32
}

/// The index into a table of `level` for an address.
#[inline(always)]
pub const fn index(address: u64, level: usize) -> usize {
    (address >> shift(level)) as usize % ENTRIES
}

/// A table in use. A plain handle: whoever holds the page table may use its tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Table {
    frame: u32,
}

impl Table {
    /// An empty table.
    pub fn new() -> Result<Self, OutOfMemory> {
        let frame = Frame::zeroed()?.into_number();
        let table = Self { frame };
        table.set_live(0);
        Ok(table)
    }

    /// The table an entry of a higher one points to.
    #[inline(always)]
    pub fn of_entry(entry: u64) -> Self {
        Self { frame: table_frame(entry) }
    }

    /// The entry that points to this table.
    #[inline(always)]
    pub fn entry_for(self) -> u64 {
        table_entry(self.frame)
    }

    #[inline(always)]
    pub fn physical_address(self) -> u64 {
        u64::from(self.frame) << FRAME_SHIFT
    }

    /// All entries.
    ///
    /// # Safety
    /// The table is in use for as long as the entries are.
    #[inline(always)]
    pub unsafe fn entries<'a>(self) -> &'a [AtomicU64; ENTRIES] {
        // SAFETY: a table is a frame in use; its entries are only accessed as atomics, and by hardware.
        unsafe { &*linear_address(self.physical_address()).cast() }
    }

    /// The number of entries that aren't zero.
    #[inline(always)]
    pub fn live(self) -> u32 {
        // SAFETY: a table is a frame in use.
        unsafe { metadata(u64::from(self.frame)) }.count.load(Relaxed)
    }

    #[inline(always)]
    pub fn set_live(self, live: u32) {
        // SAFETY: a table is a frame in use; the count of a table's frame is the number of its live entries.
        unsafe { metadata(u64::from(self.frame)) }.count.store(live, Relaxed);
    }

    /// Frees the table.
    ///
    /// # Safety
    /// It is empty, nothing points to it, and no CPU has a translation that went through it.
    pub unsafe fn free(self) {
        debug_assert!(self.live() == 0);
        // SAFETY: as the caller promises; a table without live entries is all zero.
        unsafe { release_known_zero(self.frame) };
    }
}
