//! Mapping several neighbouring pages of one kind, as a fault does that brings in more than its page.

use super::entry::Page;
use super::machine;
use super::table::{LEAF_LEVEL, Table, index, shift};
use super::user_page_table::UserPageTable;
use super::{Protection, Sharing};
use crate::frame::{Frame, OutOfMemory};
use crate::layout::USER_END;
use core::sync::atomic::Ordering::Relaxed;

/// A run of pages being mapped within one table. Dropping it makes them visible to programs.
#[derive(Debug)]
pub struct Run<'a> {
    page_table: &'a mut UserPageTable,
    table: Table,
    /// The addresses' bits that all pages of the table share.
    prefix: u64,
    protection: Protection,
    sharing: Sharing,
    /// What has been added to the table.
    groups: u32,
    live: u32,
}

impl UserPageTable {
    /// Begins to map pages around `address` (within the same 2 MiB). They all have an owner besides: private
    /// writable ones become copy-on-write.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for a table, or the address isn't in user space.
    #[inline]
    pub fn begin_run(
        &mut self,
        address: u64,
        protection: Protection,
        sharing: Sharing,
    ) -> Result<Run<'_>, OutOfMemory> {
        if address >= USER_END {
            return Err(OutOfMemory);
        }
        let table = self.leaf_table(address)?;
        Ok(Run {
            page_table: self,
            table,
            prefix: address >> shift(LEAF_LEVEL - 1),
            protection,
            sharing,
            groups: 0,
            live: 0,
        })
    }
}

impl Run<'_> {
    /// Maps a page unless one is mapped at the address, or the address isn't near enough.
    #[inline]
    pub fn map_if_absent(&mut self, address: u64, frame: Frame) {
        // SAFETY: the page table is borrowed, so the table stays in use.
        let entries = unsafe { self.table.entries() };
        let position = index(address, LEAF_LEVEL);
        if address >> shift(LEAF_LEVEL - 1) != self.prefix || entries[position].load(Relaxed) != 0 {
            return;
        }
        if self.protection.execute {
            frame.clean_for_instructions();
        }
        let page = Page::new(frame.into_number(), self.protection, self.sharing, false);
        entries[position].store(page.0, Relaxed);
        self.groups |= Table::group_bit(position);
        self.live += 1;
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.table.add_live_groups(self.groups, self.live);
        self.page_table.resident += u64::from(self.live);
        machine::publish();
    }
}
