//! Looking at everything that is mapped, for statistics.

use super::Mapping;
use super::entry::Page;
use super::range::Pages;
use super::table::{LEAF_LEVEL, Table};
use super::user_page_table::UserPageTable;
use crate::frame::FRAME_SIZE;

impl UserPageTable {
    /// Calls `visit` for every page mapped from `start` to `end`.
    pub fn for_each_page(&self, start: u64, end: u64, mut visit: impl FnMut(Mapping<'_>)) {
        if let Some(pages) = Pages::new(start, end) {
            visit_pages(self.root.table(), 0, pages, &mut visit);
        }
    }

    /// Bytes of the tables themselves.
    pub fn table_bytes(&self) -> u64 {
        count_tables(self.root.table(), 0) * FRAME_SIZE as u64
    }
}

fn visit_pages(table: Table, level: usize, pages: Pages, visit: &mut dyn FnMut(Mapping<'_>)) {
    let (first, last) = pages.indices(level);
    table.for_live(first, last, |position, entry| {
        if level == LEAF_LEVEL {
            visit(Page(entry).mapping());
        } else {
            let below = pages.below(level, position);
            visit_pages(Table::of_entry(entry), level + 1, below, visit);
        }
    });
}

fn count_tables(table: Table, level: usize) -> u64 {
    let mut count = 1;
    if level < LEAF_LEVEL {
        table.for_live(0, super::table::ENTRIES - 1, |_, entry| {
            count += count_tables(Table::of_entry(entry), level + 1);
        });
    }
    count
}
