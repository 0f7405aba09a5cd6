//! Copying an address space: entries are copied, frames get one owner more.

use super::ForkMode;
use super::entry::Page;
use super::machine;
use super::range::Pages;
use super::table::{LEAF_LEVEL, Table};
use super::user_page_table::{UserPageTable, add_table};
use crate::frame::{OutOfMemory, metadata};
use core::sync::atomic::Ordering::Relaxed;

/// A copy being made. Dropping it makes sure that the parent's programs see which of their pages have become
/// copy-on-write.
#[derive(Debug)]
pub struct Fork<'a> {
    parent: &'a mut UserPageTable,
    child: &'a mut UserPageTable,
    /// Writable pages of the parent have become read-only.
    restricted: bool,
}

impl UserPageTable {
    /// Begins to copy parts of this address space to `child`.
    pub fn begin_fork<'a>(&'a mut self, child: &'a mut UserPageTable) -> Fork<'a> {
        Fork {
            parent: self,
            child,
            restricted: false,
        }
    }

    /// Copies the pages from `start` to `end` to the same place in `child`: [`Self::begin_fork`] for one range.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for a table; then a part has been copied.
    pub fn fork_range(
        &mut self,
        child: &mut Self,
        start: u64,
        end: u64,
        mode: ForkMode,
    ) -> Result<(), OutOfMemory> {
        self.begin_fork(child).copy_range(start, end, mode)
    }
}

impl Fork<'_> {
    /// Copies the pages from `start` to `end` to the same place in the child, where nothing is mapped yet (a page
    /// mapped there stays).
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for a table; then a part has been copied.
    pub fn copy_range(&mut self, start: u64, end: u64, mode: ForkMode) -> Result<(), OutOfMemory> {
        let Some(pages) = Pages::new(start, end) else {
            return Ok(());
        };
        let mut copied = 0;
        let (source, target, level) = if pages.in_one_leaf() {
            let Some(source) = self.parent.root.leaf_table(pages.start) else {
                return Ok(());
            };
            (source, self.child.leaf_table(pages.start)?, LEAF_LEVEL)
        } else {
            (self.parent.root.table(), self.child.root.table(), 0)
        };
        let result = copy(
            source,
            target,
            level,
            pages,
            mode,
            &mut copied,
            &mut self.restricted,
        );
        self.child.resident += copied;
        result
    }
}

impl Drop for Fork<'_> {
    fn drop(&mut self) {
        machine::publish();
        if self.restricted
            && let Some(asid) = self.parent.root.asid()
        {
            machine::invalidate_asid(asid);
        }
    }
}

/// Copies the entries of pages below a table.
fn copy(
    source: Table,
    target: Table,
    level: usize,
    pages: Pages,
    mode: ForkMode,
    copied: &mut u64,
    restricted: &mut bool,
) -> Result<(), OutOfMemory> {
    let (first, last) = pages.indices(level);
    // SAFETY: the caller holds both page tables.
    let (source_entries, target_entries) = unsafe { (source.entries(), target.entries()) };
    if level < LEAF_LEVEL {
        let mut result = Ok(());
        source.for_live(first, last, |position, entry| {
            if result.is_err() {
                return;
            }
            let present = target_entries[position].load(Relaxed);
            let child = if present == 0 {
                add_table(target, position)
            } else {
                Ok(Table::of_entry(present))
            };
            result = child.and_then(|child| {
                copy(
                    Table::of_entry(entry),
                    child,
                    level + 1,
                    pages.below(level, position),
                    mode,
                    copied,
                    restricted,
                )
            });
        });
        return result;
    }
    let (mut groups, mut live) = (0, 0);
    let mut changed = 0;
    for (bit, positions) in source.groups(first, last) {
        let before = live;
        for position in positions {
            let entry = source_entries[position].load(Relaxed);
            if entry == 0 || target_entries[position].load(Relaxed) != 0 {
                continue;
            }
            let mut page = Page(entry);
            if mode == ForkMode::CopyOnWrite && page.is_private_writable() {
                page = page.made_copy_on_write();
                source_entries[position].store(page.0, Relaxed);
                changed += 1;
            }
            // SAFETY: the source owns a share of the frame; the target gets one.
            unsafe { metadata(u64::from(page.frame())) }
                .count
                .fetch_add(1, Relaxed);
            target_entries[position].store(page.0, Relaxed);
            live += 1;
        }
        if live != before {
            groups |= bit;
        }
    }
    target.add_live_groups(groups, live);
    *copied += u64::from(live);
    *restricted |= changed > 0;
    Ok(())
}
