//! Changes to ranges of pages: unmapping, protecting, moving.

use super::Protection;
use super::entry::Page;
use super::invalidation::Batch;
use super::table::{ENTRIES, LEAF_LEVEL, Table, index, shift};
use super::user_page_table::{UserPageTable, page_address};
use crate::frame::{FRAME_SIZE, FrameRef, OutOfMemory};
use crate::layout::USER_END;
use core::sync::atomic::Ordering::Relaxed;

/// A range of addresses rounded to whole pages within user space.
#[derive(Clone, Copy)]
pub(super) struct Pages {
    pub start: u64,
    /// The first address after the last page; above `start`.
    pub end: u64,
}

impl Pages {
    pub fn new(start: u64, end: u64) -> Option<Self> {
        let start = page_address(start);
        let end = end.min(USER_END).next_multiple_of(FRAME_SIZE as u64);
        (start < end).then_some(Self { start, end })
    }

    /// The first and last index into a table of `level` of the part that lies in that table.
    #[inline(always)]
    pub fn indices(self, level: usize) -> (usize, usize) {
        (index(self.start, level), index(self.end - 1, level))
    }

    /// The part below entry number `position` of a table of `level` which holds the whole range.
    #[inline(always)]
    pub fn below(self, level: usize, position: usize) -> Self {
        let size = 1 << shift(level);
        let first = (self.start & !(size * ENTRIES as u64 - 1)) + position as u64 * size;
        Self { start: self.start.max(first), end: self.end.min(first + size) }
    }
}

/// Calls `visit(position, entry)` for the entries from `first` to `last` of a table that aren't zero; zeros
/// are skipped four at a time.
#[inline(always)]
pub(super) fn for_live_entries(table: Table, first: usize, last: usize, mut visit: impl FnMut(usize, u64)) {
    // SAFETY: callers hold the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    let mut position = first;
    while position <= last {
        if position.is_multiple_of(4) && position + 3 <= last {
            let (a, b) = (entries[position].load(Relaxed), entries[position + 1].load(Relaxed));
            let (c, d) = (entries[position + 2].load(Relaxed), entries[position + 3].load(Relaxed));
            if a | b | c | d == 0 {
                position += 4;
                continue;
            }
        }
        let entry = entries[position].load(Relaxed);
        if entry != 0 {
            visit(position, entry);
        }
        position += 1;
    }
}

impl UserPageTable {
    /// Unmaps the pages from `start` to `end`. Tables that become empty are freed.
    pub fn unmap_range(&mut self, start: u64, end: u64) {
        if let Some(pages) = Pages::new(start, end) {
            let root = self.root.clone();
            let mut batch = Batch::new(&root);
            self.resident -= unmap(root.table(), 0, pages, &mut batch);
        }
    }

    /// Unmaps everything.
    pub(super) fn unmap_all(&mut self) {
        let root = self.root.clone();
        let mut batch = Batch::new(&root);
        let pages = Pages { start: 0, end: USER_END };
        self.resident -= unmap(root.table(), 0, pages, &mut batch);
    }

    /// Changes the protection of all mapped pages from `start` to `end`. Private pages that become writable do so
    /// by copy-on-write.
    pub fn protect_range(&mut self, start: u64, end: u64, protection: Protection) {
        if let Some(pages) = Pages::new(start, end) {
            let mut batch = Batch::new(&self.root);
            protect(self.root.table(), 0, pages, protection, &mut batch);
        }
    }

    /// Moves the mapped pages from `from` to `from + length` to `to`, in place of what was there. The two ranges
    /// don't overlap.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for a table; pages before that have been moved, the others stay. Also
    /// if a range isn't in user space.
    pub fn move_range(&mut self, from: u64, to: u64, length: u64) -> Result<(), OutOfMemory> {
        let (from, to) = (page_address(from), page_address(to));
        let fits = |start: u64| start.checked_add(length).is_some_and(|end| end <= USER_END);
        if !fits(from) || !fits(to) {
            return Err(OutOfMemory);
        }
        self.unmap_range(to, to + length);
        let root = self.root.clone();
        let mut batch = Batch::new(&root);
        let mut offset = 0;
        while offset < length {
            let present = self.leaf(from + offset).is_some_and(|(_, entry)| entry.load(Relaxed) != 0);
            if present {
                let target = self.leaf_table(to + offset)?;
                if let Some((source, entry)) = self.leaf(from + offset) {
                    let page = Page(entry.swap(0, Relaxed));
                    source.set_live(source.live() - 1);
                    if page.is_valid() {
                        batch.invalidate(from + offset);
                    }
                    // SAFETY: the tables are in use while the page table is borrowed.
                    let entries = unsafe { target.entries() };
                    entries[index(to + offset, LEAF_LEVEL)].store(page.0, Relaxed);
                    target.set_live(target.live() + 1);
                }
            }
            offset += FRAME_SIZE as u64;
        }
        drop(batch);
        // Frees the tables that have become empty.
        self.unmap_range(from, from + length);
        Ok(())
    }
}

/// Unmaps pages below a table; how many there were.
fn unmap(table: Table, level: usize, pages: Pages, batch: &mut Batch<'_>) -> u64 {
    let (first, last) = pages.indices(level);
    let mut unmapped = 0;
    // SAFETY: the caller holds the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    if level == LEAF_LEVEL {
        let base = pages.start & !((FRAME_SIZE * ENTRIES) as u64 - 1);
        for_live_entries(table, first, last, |position, entry| {
            entries[position].store(0, Relaxed);
            let page = Page(entry);
            batch.give_up(page.frame());
            if page.is_valid() {
                batch.invalidate(base + (position * FRAME_SIZE) as u64);
            }
            unmapped += 1;
        });
        table.set_live(table.live() - unmapped as u32);
    } else {
        let mut freed = 0;
        for_live_entries(table, first, last, |position, entry| {
            let child = Table::of_entry(entry);
            unmapped += unmap(child, level + 1, pages.below(level, position), batch);
            if child.live() == 0 {
                entries[position].store(0, Relaxed);
                freed += 1;
                batch.give_up_table(child);
            }
        });
        table.set_live(table.live() - freed);
    }
    unmapped
}

/// Changes the protection of pages below a table.
fn protect(table: Table, level: usize, pages: Pages, protection: Protection, batch: &mut Batch<'_>) {
    let (first, last) = pages.indices(level);
    // SAFETY: the caller holds the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    if level < LEAF_LEVEL {
        for_live_entries(table, first, last, |position, entry| {
            protect(Table::of_entry(entry), level + 1, pages.below(level, position), protection, batch);
        });
        return;
    }
    let base = pages.start & !((FRAME_SIZE * ENTRIES) as u64 - 1);
    for_live_entries(table, first, last, |position, entry| {
        let page = Page(entry);
        let changed = page.with_protection(protection, page.is_private_writable());
        if changed == page {
            return;
        }
        if changed.is_executable() && !page.is_executable() {
            // SAFETY: the page table owns a share of the frame.
            unsafe { FrameRef::from_number(page.frame()) }.clean_for_instructions();
        }
        entries[position].store(changed.0, Relaxed);
        if page.is_valid() {
            batch.invalidate(base + (position * FRAME_SIZE) as u64);
        }
    });
}
