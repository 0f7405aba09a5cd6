//! The page table of a user address space: single pages.

use super::activation::{Activation, Root};
use super::entry::Page;
use super::invalidation::Batch;
use super::machine;
use super::table::{LEAF_LEVEL, Table, index};
use super::{Mapping, Protection, Sharing};
use crate::frame::{FRAME_SIZE, Frame, FrameRef, OutOfMemory};
use crate::layout::USER_END;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The tables of one user address space, and a share of each frame mapped in it. Dropping it unmaps all.
///
/// Addresses are rounded down to pages; those outside of user space are never mapped.
#[derive(Debug)]
pub struct UserPageTable {
    pub(super) root: Arc<Root>,
    /// Mapped pages.
    pub(super) resident: u64,
}

impl UserPageTable {
    /// An empty address space.
    ///
    /// # Errors
    /// [`OutOfMemory`] if memory is short.
    pub fn new() -> Result<Self, OutOfMemory> {
        Ok(Self {
            root: Root::new()?,
            resident: 0,
        })
    }

    /// What the scheduler needs to run in it.
    pub fn activation(&self) -> Activation {
        Activation {
            root: self.root.clone(),
        }
    }

    /// The number of mapped pages.
    pub fn resident_pages(&self) -> u64 {
        self.resident
    }

    /// The level 3 entry for an address, if there is a table for it.
    #[inline(always)]
    pub(super) fn leaf(&self, address: u64) -> Option<(Table, &AtomicU64)> {
        if address >= USER_END {
            return None;
        }
        let table = self.root.leaf_table(address)?;
        // SAFETY: the tables are in use while the page table is borrowed.
        Some((
            table,
            &unsafe { table.entries() }[index(address, LEAF_LEVEL)],
        ))
    }

    /// The level 3 table for an address below `USER_END`, made if there is none.
    #[inline(always)]
    pub(super) fn leaf_table(&mut self, address: u64) -> Result<Table, OutOfMemory> {
        match self.root.leaf_table(address) {
            Some(table) => Ok(table),
            None => self.add_tables(address),
        }
    }

    /// Adds what is missing of the tables on the way to an address.
    #[cold]
    #[inline(never)]
    fn add_tables(&mut self, address: u64) -> Result<Table, OutOfMemory> {
        let mut table = self.root.table();
        for level in 0..LEAF_LEVEL {
            // SAFETY: the tables are in use while the page table is borrowed.
            let present = unsafe { table.entries() }[index(address, level)].load(Relaxed);
            table = if present == 0 {
                add_table(table, index(address, level))?
            } else {
                Table::of_entry(present)
            };
        }
        Ok(table)
    }

    /// Maps a page, in place of what was mapped there.
    ///
    /// A private writable page whose frame has other owners becomes copy-on-write.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for a table, or the address isn't in user space; the frame is
    /// dropped.
    #[inline]
    pub fn map(
        &mut self,
        address: u64,
        frame: Frame,
        protection: Protection,
        sharing: Sharing,
    ) -> Result<(), OutOfMemory> {
        if address >= USER_END {
            return Err(OutOfMemory);
        }
        let table = self.leaf_table(address)?;
        if protection.execute {
            frame.clean_for_instructions();
        }
        let exclusive = protection.write && frame.is_unique();
        let page = Page::new(frame.into_number(), protection, sharing, exclusive);
        // SAFETY: the tables are in use while the page table is borrowed.
        let entry = &unsafe { table.entries() }[index(address, LEAF_LEVEL)];
        let before = Page(entry.load(Relaxed));
        if before.is_present() {
            self.replace(address, entry, before, page);
        } else {
            entry.store(page.0, Relaxed);
            table.add_live(index(address, LEAF_LEVEL));
            self.resident += 1;
            machine::publish();
        }
        Ok(())
    }

    /// Puts an entry for another frame in the place of one: the old one must be gone from all TLBs before the
    /// new one is there (break before make).
    #[inline(never)]
    fn replace(&self, address: u64, entry: &AtomicU64, before: Page, page: Page) {
        entry.store(0, Relaxed);
        let mut batch = Batch::new(&self.root);
        if before.is_valid() {
            batch.invalidate(page_address(address));
        }
        batch.give_up(before.frame());
        batch.finish();
        entry.store(page.0, Relaxed);
        machine::publish();
    }

    /// What is mapped at an address.
    #[inline]
    pub fn lookup(&self, address: u64) -> Option<Mapping<'_>> {
        let page = Page(self.leaf(address)?.1.load(Relaxed));
        page.is_present().then(|| page.mapping())
    }

    /// Makes a copy-on-write page writable: as it is if its frame has no other owner, otherwise with a copy of the
    /// frame. `false` if no copy-on-write page is mapped at the address.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for the copy.
    #[inline]
    pub fn resolve_copy_on_write(&mut self, address: u64) -> Result<bool, OutOfMemory> {
        let Some((_, entry)) = self.leaf(address) else {
            return Ok(false);
        };
        let page = Page(entry.load(Relaxed));
        if !(page.is_valid() && page.is_copy_on_write()) {
            return Ok(false);
        }
        // SAFETY: the page table owns a share of the frame while it is borrowed.
        let frame = unsafe { FrameRef::from_number(page.frame()) };
        if frame.is_unique() {
            entry.store(page.made_writable(page.frame()).0, Relaxed);
            Batch::new(&self.root).invalidate(page_address(address));
            return Ok(true);
        }
        let copy = if frame.is_shared_zero() {
            Frame::zeroed()?
        } else {
            Frame::copy_of(&frame)?
        };
        if page.is_executable() {
            copy.clean_for_instructions();
        }
        self.replace(address, entry, page, page.made_writable(copy.into_number()));
        Ok(true)
    }
}

/// The first address of an address's page.
#[inline(always)]
pub(super) fn page_address(address: u64) -> u64 {
    address & !(FRAME_SIZE as u64 - 1)
}

/// Adds a table below the empty entry at a position of `parent`.
pub(super) fn add_table(parent: Table, position: usize) -> Result<Table, OutOfMemory> {
    let table = Table::new()?;
    // The zeros are there before a walk can get there.
    machine::publish();
    // SAFETY: the caller holds the page table that the tables belong to.
    let entries = unsafe { parent.entries() };
    entries[position].store(table.entry_for(), Relaxed);
    parent.add_live(position);
    Ok(table)
}

impl Drop for UserPageTable {
    fn drop(&mut self) {
        self.unmap_all();
    }
}
