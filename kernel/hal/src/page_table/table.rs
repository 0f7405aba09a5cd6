//! One table: 512 entries in a frame, with what is live in the frame's metadata.
//!
//! Most tables hold a few entries. So that nothing has to look through all 512, the metadata keeps the number
//! of live (non-zero) entries and a map of the groups of 16 entries that may have some.

use super::entry::{table_entry, table_frame};
use crate::frame::{
    FRAME_SHIFT, Frame, Metadata, OutOfMemory, linear_address, metadata, release_known_zero,
};
use core::ops::Range;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Entries of a table.
pub const ENTRIES: usize = 512;

/// Entries that share a bit of the map.
const GROUP: usize = ENTRIES / u32::BITS as usize;

/// In the state of a table's frame, beside the number of live entries; never a state of a free block.
const TABLE: u32 = 1 << 30;

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

/// The bits of groups `first` to `last`.
#[inline(always)]
fn group_mask(first: usize, last: usize) -> u32 {
    (u32::MAX << first) & (u32::MAX >> (u32::BITS as usize - 1 - last))
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
        table.metadata().count.store(0, Relaxed);
        table.metadata().state.store(TABLE, Relaxed);
        Ok(table)
    }

    /// The table an entry of a higher one points to.
    #[inline(always)]
    pub fn of_entry(entry: u64) -> Self {
        Self {
            frame: table_frame(entry),
        }
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

    #[inline(always)]
    fn metadata(self) -> &'static Metadata {
        // SAFETY: a table is a frame in use.
        unsafe { metadata(u64::from(self.frame)) }
    }

    /// The number of entries that aren't zero.
    #[inline(always)]
    pub fn live(self) -> u32 {
        self.metadata().state.load(Relaxed) - TABLE
    }

    /// Notes that an entry has become live.
    #[inline(always)]
    pub fn add_live(self, position: usize) {
        let Metadata {
            count: groups,
            state,
        } = self.metadata();
        groups.store(groups.load(Relaxed) | Self::group_bit(position), Relaxed);
        state.store(state.load(Relaxed) + 1, Relaxed);
    }

    /// Notes that so many entries have become live, in these groups.
    #[inline(always)]
    pub fn add_live_groups(self, added: u32, count: u32) {
        let Metadata {
            count: groups,
            state,
        } = self.metadata();
        groups.store(groups.load(Relaxed) | added, Relaxed);
        state.store(state.load(Relaxed) + count, Relaxed);
    }

    /// Notes that so many entries have become zero.
    #[inline(always)]
    pub fn remove_live(self, count: u32) {
        let state = &self.metadata().state;
        state.store(state.load(Relaxed) - count, Relaxed);
    }

    /// Notes that all entries from `first` to `last` have become zero.
    #[inline(always)]
    pub fn clear_groups(self, first: usize, last: usize) {
        let (start, end) = (first.div_ceil(GROUP), (last + 1) / GROUP);
        if start < end {
            let groups = &self.metadata().count;
            groups.store(groups.load(Relaxed) & !group_mask(start, end - 1), Relaxed);
        }
    }

    /// The groups that may have live entries from `first` to `last`, in order: each one's bit and the part of its
    /// positions that is asked for.
    #[inline(always)]
    pub fn groups(self, first: usize, last: usize) -> impl Iterator<Item = (u32, Range<usize>)> {
        let mut groups =
            self.metadata().count.load(Relaxed) & group_mask(first / GROUP, last / GROUP);
        core::iter::from_fn(move || {
            let rest = groups & groups.wrapping_sub(1);
            let bit = groups ^ rest;
            let start = groups.trailing_zeros() as usize * GROUP;
            groups = rest;
            (bit != 0).then(|| (bit, start.max(first)..(start + GROUP).min(last + 1)))
        })
    }

    /// Calls `visit(position, entry)` for the entries from `first` to `last` that aren't zero, in order.
    #[inline(always)]
    pub fn for_live(self, first: usize, last: usize, mut visit: impl FnMut(usize, u64)) {
        // SAFETY: callers hold the page table that the table belongs to.
        let entries = unsafe { self.entries() };
        for (_, positions) in self.groups(first, last) {
            for position in positions {
                let entry = entries[position].load(Relaxed);
                if entry != 0 {
                    visit(position, entry);
                }
            }
        }
    }

    /// The bit of the group an entry is in.
    #[inline(always)]
    pub fn group_bit(position: usize) -> u32 {
        1 << (position / GROUP)
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
