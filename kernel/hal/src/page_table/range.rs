//! Changes to ranges of pages: unmapping, protecting, moving.

use super::Protection;
use super::entry::Page;
use super::invalidation::{Batch, CAPACITY};
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

    /// Whether one table of the last level has all entries.
    #[inline(always)]
    pub fn in_one_leaf(self) -> bool {
        self.start >> shift(LEAF_LEVEL - 1) == (self.end - 1) >> shift(LEAF_LEVEL - 1)
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
        Self {
            start: self.start.max(first),
            end: self.end.min(first + size),
        }
    }
}

impl UserPageTable {
    /// Unmaps the pages from `start` to `end`. Tables that become empty are freed.
    pub fn unmap_range(&mut self, start: u64, end: u64) {
        let Some(pages) = Pages::new(start, end) else {
            return;
        };
        let Self { root, resident } = self;
        if pages.in_one_leaf() {
            let Some(leaf) = root.leaf_table(pages.start) else {
                return;
            };
            if leaf.live() > 0 {
                let mut batch = Batch::new(root);
                *resident -= unmap(leaf, LEAF_LEVEL, pages, &mut batch);
            }
            if leaf.live() > 0 {
                return;
            }
        }
        // Also frees the tables above an empty one.
        let mut batch = Batch::new(root);
        *resident -= unmap(root.table(), 0, pages, &mut batch);
    }

    /// Unmaps everything.
    pub(super) fn unmap_all(&mut self) {
        let Self { root, resident } = self;
        let mut batch = Batch::new(root);
        let pages = Pages {
            start: 0,
            end: USER_END,
        };
        *resident -= unmap(root.table(), 0, pages, &mut batch);
    }

    /// Changes the protection of all mapped pages from `start` to `end`. Private pages that become writable do so
    /// by copy-on-write.
    pub fn protect_range(&mut self, start: u64, end: u64, protection: Protection) {
        if let Some(pages) = Pages::new(start, end) {
            let (table, level) = if pages.in_one_leaf() {
                let Some(leaf) = self.root.leaf_table(pages.start) else {
                    return;
                };
                (leaf, LEAF_LEVEL)
            } else {
                (self.root.table(), 0)
            };
            let mut batch = Batch::new(&self.root);
            protect(table, level, pages, protection, &mut batch);
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
            let present = self
                .leaf(from + offset)
                .is_some_and(|(_, entry)| entry.load(Relaxed) != 0);
            if present {
                let target = self.leaf_table(to + offset)?;
                if let Some((source, entry)) = self.leaf(from + offset) {
                    let page = Page(entry.swap(0, Relaxed));
                    source.remove_live(1);
                    if page.is_valid() {
                        batch.invalidate(from + offset);
                    }
                    // SAFETY: the tables are in use while the page table is borrowed.
                    let entries = unsafe { target.entries() };
                    entries[index(to + offset, LEAF_LEVEL)].store(page.0, Relaxed);
                    target.add_live(index(to + offset, LEAF_LEVEL));
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
    if level == LEAF_LEVEL {
        let base = pages.start & !((FRAME_SIZE * ENTRIES) as u64 - 1);
        return u64::from(unmap_pages(table, base, first, last, batch));
    }
    // SAFETY: the caller holds the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    let mut unmapped = 0;
    let mut freed = 0;
    table.for_live(first, last, |position, entry| {
        let child = Table::of_entry(entry);
        unmapped += unmap(child, level + 1, pages.below(level, position), batch);
        if child.live() == 0 {
            entries[position].store(0, Relaxed);
            freed += 1;
            batch.give_up_table(child);
        }
    });
    table.remove_live(freed);
    unmapped
}

/// Unmaps the pages from `first` to `last` of a level 3 table for addresses from `base` on; how many there were.
fn unmap_pages(table: Table, base: u64, first: usize, last: usize, batch: &mut Batch<'_>) -> u32 {
    // SAFETY: the caller holds the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    let address = |position: usize| base + (position * FRAME_SIZE) as u64;
    let mut unmapped = 0;
    // The batch's count is kept here meanwhile, which spares the loop its memory.
    let mut held = batch.held();
    let (mut earliest, mut latest) = (ENTRIES, 0);
    table.for_live(first, last, |position, entry| {
        if held >= CAPACITY {
            batch.set_held(held);
            if earliest < ENTRIES {
                batch.invalidate_to(address(earliest), address(latest));
            }
            batch.finish();
            held = 0;
            earliest = ENTRIES;
        }
        entries[position].store(0, Relaxed);
        batch.put(held, Page(entry).frame());
        held += 1;
        earliest = earliest.min(position);
        latest = position;
        unmapped += 1;
    });
    batch.set_held(held);
    if earliest < ENTRIES {
        batch.invalidate_to(address(earliest), address(latest));
    }
    table.remove_live(unmapped);
    table.clear_groups(first, last);
    unmapped
}

/// Changes the protection of pages below a table.
fn protect(
    table: Table,
    level: usize,
    pages: Pages,
    protection: Protection,
    batch: &mut Batch<'_>,
) {
    let (first, last) = pages.indices(level);
    // SAFETY: the caller holds the page table that the table belongs to.
    let entries = unsafe { table.entries() };
    if level < LEAF_LEVEL {
        table.for_live(first, last, |position, entry| {
            protect(
                Table::of_entry(entry),
                level + 1,
                pages.below(level, position),
                protection,
                batch,
            );
        });
        return;
    }
    let base = pages.start & !((FRAME_SIZE * ENTRIES) as u64 - 1);
    table.for_live(first, last, |position, entry| {
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
