//! Reading and writing the memory of an address space from outside: exec's stack, /proc/N/{mem,cmdline,environ}.

use hal::exception::Access;
use hal::frame::Frame;

use super::PAGE_SIZE;
use super::address_space::AddressSpace;
use super::area::AreaFlags;
use super::fault::FaultSignal;
use crate::errno::{Errno, Result};

impl AddressSpace {
    /// Reads from `address` on; returns how many bytes could be read (0: none). Permissions of the areas don't matter.
    pub fn read_memory(&self, address: u64, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        while done < buffer.len() {
            let at = address.wrapping_add(done as u64);
            let within = (at % PAGE_SIZE) as usize;
            let count = (buffer.len() - done).min(PAGE_SIZE as usize - within);
            let Ok(frame) = self.page_for(at, false) else {
                break;
            };
            let Some(part) = buffer.get_mut(done..done + count) else {
                break;
            };
            frame.read(within, part);
            done += count;
        }
        done
    }

    /// Writes all of `data` from `address` on, also into private read-only pages (a copy of their own then).
    ///
    /// # Errors
    /// EFAULT: not mapped, or shared and not writable. ENOMEM: no memory. A part may have been written.
    pub fn write_memory(&self, address: u64, data: &[u8]) -> Result<()> {
        let mut rest = data;
        let mut at = address;
        while !rest.is_empty() {
            let within = (at % PAGE_SIZE) as usize;
            let (part, behind) = rest.split_at(rest.len().min(PAGE_SIZE as usize - within));
            self.page_for(at, true)?.write(within, part);
            rest = behind;
            at = at.wrapping_add(part.len() as u64);
        }
        Ok(())
    }

    /// Fills `length` bytes from `address` on with zeros.
    ///
    /// # Errors
    /// As [`AddressSpace::write_memory`].
    pub fn clear_memory(&self, address: u64, length: u64) -> Result<()> {
        let mut at = address;
        let end = address.checked_add(length).ok_or(Errno::EFAULT)?;
        while at < end {
            let within = at % PAGE_SIZE;
            let count = (end - at).min(PAGE_SIZE - within);
            self.page_for(at, true)?
                .fill_zero(within as usize, count as usize);
            at += count;
        }
        Ok(())
    }

    /// The frame behind an address, faulted in whatever the area permits.
    fn page_for(&self, address: u64, write: bool) -> Result<Frame> {
        let page = address & !(PAGE_SIZE - 1);
        let mut inner = self.inner.lock();
        let index = inner.areas.find(page).ok_or(Errno::EFAULT)?;
        let area = inner.areas.get(index).ok_or(Errno::EFAULT)?;
        let stated = area.protection;
        let mut wanted = stated;
        wanted.read = true;
        if write && !stated.write {
            if area.flags.contains(AreaFlags::SHARED) {
                return Err(Errno::EFAULT);
            }
            wanted.write = true;
        }
        let access = if write { Access::Write } else { Access::Read };
        // Area and page permit it for the time of the fault; the area's state is seen by nobody, the lock is held.
        inner.set_protection(index, wanted);
        if wanted != stated {
            inner.table.protect_range(page, page + PAGE_SIZE, wanted);
        }
        let outcome = inner
            .fault(page, access, &self.limits)
            .map_err(FaultSignal::as_errno);
        inner.set_protection(index, stated);
        if wanted != stated {
            inner.table.protect_range(page, page + PAGE_SIZE, stated);
        }
        outcome?;
        inner
            .table
            .lookup(page)
            .map(|mapping| mapping.frame.clone())
            .ok_or(Errno::EFAULT)
    }
}

impl super::address_space::Inner {
    fn set_protection(&mut self, index: usize, protection: hal::page_table::Protection) {
        if let Some(area) = self.areas.get_mut(index) {
            area.protection = protection;
        }
    }
}
