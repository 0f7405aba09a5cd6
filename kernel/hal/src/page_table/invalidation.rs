//! Giving up frames and tables in batches: entries are cleared first, then translations are invalidated,
//! then the frames' shares are given up.

use super::activation::Root;
use super::machine;
use super::table::Table;
use crate::frame::{FRAME_SIZE, release_shares};
use core::mem::MaybeUninit;

/// Frames given up after one invalidation.
pub const CAPACITY: usize = 64;

/// From this many pages on, all of the address space's translations are dropped instead of single ones.
const WHOLE_THRESHOLD: u64 = 32;

/// Entries that were cleared but whose translations may be alive still.
pub struct Batch<'a> {
    root: &'a Root,
    frames: [MaybeUninit<u32>; CAPACITY],
    count: usize,
    tables: [MaybeUninit<Table>; CAPACITY],
    table_count: usize,
    /// The pages that had valid entries lie between these addresses.
    start: u64,
    end: u64,
}

impl<'a> Batch<'a> {
    #[inline(always)]
    pub fn new(root: &'a Root) -> Self {
        Self {
            root,
            frames: [const { MaybeUninit::uninit() }; CAPACITY],
            count: 0,
            tables: [const { MaybeUninit::uninit() }; CAPACITY],
            table_count: 0,
            start: u64::MAX,
            end: 0,
        }
    }

    /// Notes that the valid entry of the page at `address` was cleared or restricted.
    #[inline(always)]
    pub fn invalidate(&mut self, address: u64) {
        self.invalidate_to(address, address);
    }

    /// Notes that valid entries of pages from `first` to `last` were cleared or restricted.
    #[inline(always)]
    pub fn invalidate_to(&mut self, first: u64, last: u64) {
        self.start = self.start.min(first);
        self.end = self.end.max(last + FRAME_SIZE as u64);
    }

    /// How many frames' shares have been taken over.
    #[inline(always)]
    pub fn held(&self) -> usize {
        self.count
    }

    /// Puts a share that is taken over in its place, which [`Self::set_held`] makes count.
    #[inline(always)]
    pub fn put(&mut self, place: usize, frame: u32) {
        self.frames[place].write(frame);
    }

    /// Says how many shares have been taken over: those in the first places.
    #[inline(always)]
    pub fn set_held(&mut self, count: usize) {
        self.count = count;
    }

    /// Takes over the share of a frame whose entry was cleared. There is room for it.
    #[inline(always)]
    pub fn give_up(&mut self, frame: u32) {
        self.frames[self.count].write(frame);
        self.count += 1;
    }

    /// Takes over an empty table whose entry was cleared.
    pub fn give_up_table(&mut self, table: Table) {
        if self.table_count == CAPACITY {
            self.finish();
        }
        self.tables[self.table_count].write(table);
        self.table_count += 1;
    }

    /// Invalidates what was noted and gives up what was taken over.
    #[inline(always)]
    pub fn finish(&mut self) {
        if self.count > 0 || self.table_count > 0 || self.start < self.end {
            self.invalidate_and_give_up();
        }
    }

    #[inline(never)]
    fn invalidate_and_give_up(&mut self) {
        // The barrier orders the changed entries before the look at the context: an address space that is
        // activated after it sees the changes.
        machine::publish();
        if let Some(asid) = self.root.asid() {
            // CPUs cache the way through a table too, hence all when one goes.
            if self.table_count > 0
                || self.end.saturating_sub(self.start) > WHOLE_THRESHOLD * FRAME_SIZE as u64
            {
                machine::invalidate_asid(asid);
            } else if self.start < self.end {
                machine::invalidate_pages(asid, self.start, self.end);
            }
        }
        (self.start, self.end) = (u64::MAX, 0);
        // SAFETY: the first `count` are initialised; each is a share taken over, and no translation leads to it.
        unsafe { release_shares(self.frames[..self.count].assume_init_ref()) };
        self.count = 0;
        for table in &self.tables[..self.table_count] {
            // SAFETY: the first `table_count` are initialised; the table is empty, unlinked, and no walk is in it.
            unsafe { table.assume_init_ref().free() };
        }
        self.table_count = 0;
    }
}

impl Drop for Batch<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        self.finish();
    }
}
