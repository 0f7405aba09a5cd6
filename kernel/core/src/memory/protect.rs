//! Changing what user code may do with its pages: mprotect(2).

use core::sync::atomic::Ordering;

use hal::page_table::Protection;

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner};
use super::area::{AreaFlags, Source};
use super::mapping::checked_range;
use super::request::MemoryLimits;
use crate::errno::{Errno, Result};

impl AddressSpace {
    /// Gives every page of `[start, start + length)` the protection. `from_stack_start`: PROT_GROWSDOWN, the range
    /// begins with the start of the area that grows down and contains `start`.
    ///
    /// # Errors
    /// EINVAL: not aligned, or not an area that grows down. ENOMEM: a part isn't mapped, RLIMIT_DATA, or too many
    /// areas. EACCES: a shared file not open for writing, or a noexec mount. Nothing changes then.
    pub fn protect(
        &self,
        start: u64,
        length: u64,
        protection: Protection,
        from_stack_start: bool,
    ) -> Result<()> {
        let (mut start, end) = checked_range(start, length)?;
        if start == end {
            return Ok(());
        }
        let mut inner = self.inner.lock();
        if from_stack_start {
            let index = inner.areas.find(start).ok_or(Errno::ENOMEM)?;
            let area = inner.areas.get(index).ok_or(Errno::ENOMEM)?;
            if !area.flags.contains(AreaFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            start = area.start;
        }
        inner.protect(start, end, protection, &self.limits)
    }
}

impl Inner {
    fn protect(
        &mut self,
        start: u64,
        end: u64,
        protection: Protection,
        limits: &MemoryLimits,
    ) -> Result<()> {
        if !self.areas.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        let touched = self.areas.overlapping(start, end);
        let mut new_data = 0;
        let mut changes = false;
        for area in self.areas.as_slice().get(touched).unwrap_or_default() {
            let forbidden = (protection.write && area.flags.contains(AreaFlags::NEVER_WRITE))
                || (protection.execute && area.flags.contains(AreaFlags::NEVER_EXECUTE));
            if forbidden {
                return Err(Errno::EACCES);
            }
            changes |= area.protection != protection;
            let counted = area
                .flags
                .intersects(AreaFlags::SHARED | AreaFlags::GROWS_DOWN);
            if protection.write && !area.protection.write && !counted {
                new_data += (area.end.min(end) - area.start.max(start)) / PAGE_SIZE;
            }
        }
        if !changes {
            return Ok(());
        }
        let data = self.counts.data + new_data;
        if new_data > 0 && data.saturating_mul(PAGE_SIZE) > limits.data.load(Ordering::Relaxed) {
            return Err(Errno::ENOMEM);
        }
        let range = self.areas.isolate(start, end)?;
        for index in range.clone() {
            let Some(area) = self.areas.get_mut(index) else {
                break;
            };
            self.counts.subtract(area);
            let gains_write = protection.write && !area.protection.write;
            area.protection = protection;
            self.counts.add(area);
            let (low, high) = (area.start, area.end);
            if gains_write
                && area.flags.contains(AreaFlags::SHARED)
                && matches!(area.source, Source::Object { .. })
            {
                // The object must learn of the first write to each page: let the pages fault again.
                self.table.unmap_range(low, high);
            } else {
                self.table.protect_range(low, high, protection);
            }
        }
        self.areas.merge(range);
        Ok(())
    }
}
