//! Page faults: demand paging, copy on write, file pages with fault-around, stack growth.

use alloc::sync::Arc;
use core::sync::atomic::Ordering;

use hal::exception::Access;
use hal::frame::Frame;
use hal::page_table::{Protection, Sharing};

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner};
use super::area::{Area, AreaFlags, MappedObject, Source};
use super::areas::GUARD_GAP;
use super::request::MemoryLimits;
use crate::errno::{Errno, Result};

/// Most pages one read fault of an object maps (Linux's fault_around_bytes: 64 KiB).
const FAULT_AROUND: u64 = 16;

/// Why a fault can't be resolved; the signal the program gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultSignal {
    /// SIGSEGV, SEGV_MAPERR: nothing is mapped there.
    NotMapped,
    /// SIGSEGV, SEGV_ACCERR: the area forbids the access.
    NotPermitted,
    /// SIGBUS, BUS_ADRERR: the object has no such page, or it can't be had.
    NoObject,
    /// No memory: the process is killed (SIGKILL).
    OutOfMemory,
}

impl FaultSignal {
    /// What a failed object page means to the program.
    fn from_object(error: Errno) -> FaultSignal {
        if error == Errno::ENOMEM {
            FaultSignal::OutOfMemory
        } else {
            FaultSignal::NoObject
        }
    }

    /// The error of a call that had to have the page (MAP_POPULATE's family, /proc/N/mem).
    pub fn as_errno(self) -> Errno {
        match self {
            FaultSignal::OutOfMemory => Errno::ENOMEM,
            _ => Errno::EFAULT,
        }
    }
}

impl From<hal::frame::OutOfMemory> for FaultSignal {
    fn from(_: hal::frame::OutOfMemory) -> FaultSignal {
        FaultSignal::OutOfMemory
    }
}

/// Whether an area lets the access through. As on Linux for arm64 any permission at all allows reading.
fn permits(area: &Area, access: Access) -> bool {
    let protection = area.protection;
    match access {
        Access::Read => protection.read || protection.write || protection.execute,
        Access::Write => protection.write,
        Access::Execute => protection.execute,
    }
}

impl AddressSpace {
    /// Makes the access at `address` possible, or says what signal the program gets. May sleep.
    pub fn handle_fault(
        &self,
        address: u64,
        access: Access,
    ) -> core::result::Result<(), FaultSignal> {
        self.inner
            .lock()
            .fault(address & !(PAGE_SIZE - 1), access, &self.limits)
    }

    /// Takes every page of `[start, end)` as if touched; writable private pages become the area's own.
    ///
    /// # Errors
    /// ENOMEM: a part isn't mapped, or no memory. EFAULT: a page can't be had.
    pub(super) fn populate(&self, start: u64, end: u64, write: bool) -> Result<()> {
        let mut at = start;
        while at < end {
            // The lock is given up now and then: a large range must not keep other threads from faulting.
            let stop = end.min(at + 256 * PAGE_SIZE);
            let mut inner = self.inner.lock();
            while at < stop {
                let index = inner.areas.find(at).ok_or(Errno::ENOMEM)?;
                let area = inner.areas.get(index).ok_or(Errno::ENOMEM)?;
                let access = match (write, area.protection) {
                    (_, Protection { write: true, .. })
                        if !area.flags.contains(AreaFlags::SHARED) =>
                    {
                        Access::Write
                    }
                    (true, _) => Access::Write,
                    (
                        false,
                        Protection {
                            read: false,
                            write: false,
                            execute: false,
                        },
                    ) => return Err(Errno::EFAULT),
                    (false, _) => Access::Read,
                };
                inner
                    .fault(at, access, &self.limits)
                    .map_err(FaultSignal::as_errno)?;
                at += PAGE_SIZE;
            }
        }
        Ok(())
    }
}

impl Inner {
    /// Resolves a fault at the page-aligned `page`.
    pub(super) fn fault(
        &mut self,
        page: u64,
        access: Access,
        limits: &MemoryLimits,
    ) -> core::result::Result<(), FaultSignal> {
        let index = match self.areas.find(page) {
            Some(index) => index,
            None => self.grow_stack(page, limits)?,
        };
        let Some(area) = self.areas.get(index) else {
            return Err(FaultSignal::NotMapped);
        };
        if !permits(area, access) {
            return Err(FaultSignal::NotPermitted);
        }
        let write = access == Access::Write;
        match &area.source {
            Source::Anonymous => {
                let protection = area.protection;
                self.fault_anonymous(page, write, protection)
            }
            Source::Object { mapped, .. } => {
                let mapped = mapped.clone();
                self.fault_object(index, page, write, &mapped)
            }
        }
    }

    /// Private zeroed memory. The protection stays as it is: the page table itself keeps a frame with other owners
    /// from being written.
    fn fault_anonymous(
        &mut self,
        page: u64,
        write: bool,
        protection: Protection,
    ) -> core::result::Result<(), FaultSignal> {
        match (
            self.table.lookup(page).map(|mapping| mapping.writable),
            write,
        ) {
            (None, true) => self
                .table
                .map(page, Frame::zeroed()?, protection, Sharing::Private)?,
            (None, false) => {
                self.table
                    .map(page, Frame::shared_zero()?, protection, Sharing::Private)?
            }
            (Some(false), true) => {
                self.table.resolve_copy_on_write(page)?;
            }
            // Another thread was faster, or the translation was stale.
            (Some(true), _) | (Some(false), false) => {}
        }
        Ok(())
    }

    /// A page of an object.
    fn fault_object(
        &mut self,
        index: usize,
        page: u64,
        write: bool,
        mapped: &Arc<MappedObject>,
    ) -> core::result::Result<(), FaultSignal> {
        let Some(area) = self.areas.get(index) else {
            return Err(FaultSignal::NotMapped);
        };
        let Some(object_page) = area.object_page(page) else {
            return Err(FaultSignal::NoObject);
        };
        let protection = area.protection;
        let shared = area.flags.contains(AreaFlags::SHARED);
        match self.table.lookup(page).map(|mapping| mapping.writable) {
            Some(writable) if writable || !write => return Ok(()),
            Some(_) if !shared => {
                self.table.resolve_copy_on_write(page)?;
                return Ok(());
            }
            _ => {}
        }
        let object = &mapped.object;
        if shared && write {
            let frame = object
                .page(object_page, true)
                .map_err(FaultSignal::from_object)?;
            self.table.map(page, frame, protection, Sharing::Shared)?;
            return Ok(());
        }
        let frame = object
            .page(object_page, false)
            .map_err(FaultSignal::from_object)?;
        if write {
            self.table
                .map(page, Frame::copy_of(&frame)?, protection, Sharing::Private)?;
            return Ok(());
        }
        // A shared page stays read-only until its first write, of which the object must learn.
        let (sharing, protection) = match shared {
            true => (
                Sharing::Shared,
                Protection {
                    write: false,
                    ..protection
                },
            ),
            false => (Sharing::Private, protection),
        };
        self.table.map(page, frame, protection, sharing)?;
        // The neighbours that are at hand come along: the aligned block of pages, within the area.
        let (start, end) = (area.start, area.end);
        let block = page & !(FAULT_AROUND * PAGE_SIZE - 1);
        let low = block.max(start);
        let high = (block + FAULT_AROUND * PAGE_SIZE).min(end);
        let first = object_page - (page - low) / PAGE_SIZE;
        // Failing to get a table for the neighbours is no failure of this fault.
        if let Ok(mut run) = self.table.begin_run(page, protection, sharing) {
            object.cached_pages(first, (high - low) / PAGE_SIZE, &mut |cached, frame| {
                run.map_if_absent(low + (cached - first) * PAGE_SIZE, frame);
            });
        }
        Ok(())
    }

    /// Grows the area that lies above `page` and grows down, so that it contains `page`; returns its index.
    fn grow_stack(
        &mut self,
        page: u64,
        limits: &MemoryLimits,
    ) -> core::result::Result<usize, FaultSignal> {
        let index = self.areas.first_ending_after(page);
        let Some(area) = self.areas.get(index) else {
            return Err(FaultSignal::NotMapped);
        };
        if !area.flags.contains(AreaFlags::GROWS_DOWN)
            || page < super::address_space::LOWEST_ADDRESS
        {
            return Err(FaultSignal::NotMapped);
        }
        let pages = (area.start - page) / PAGE_SIZE;
        let locked = area.flags.contains(AreaFlags::LOCKED);
        let over = |limit: u64, used_pages: u64| used_pages.saturating_mul(PAGE_SIZE) > limit;
        if area.end - page > limits.stack.load(Ordering::Relaxed)
            || over(
                limits.address_space.load(Ordering::Relaxed),
                self.counts.total + pages,
            )
            || (locked
                && over(
                    limits.locked.load(Ordering::Relaxed),
                    self.counts.locked + pages,
                ))
        {
            return Err(FaultSignal::NotMapped);
        }
        if let Some(below) = index.checked_sub(1).and_then(|lower| self.areas.get(lower)) {
            let accessible =
                below.protection.read || below.protection.write || below.protection.execute;
            let gap = page - below.end;
            if accessible && !below.flags.contains(AreaFlags::GROWS_DOWN) && gap < GUARD_GAP {
                return Err(FaultSignal::NotMapped);
            }
        }
        self.counts.subtract(area);
        self.areas.grow_down(index, page);
        if let Some(area) = self.areas.get(index) {
            self.counts.add(area);
        }
        Ok(index)
    }
}
