//! Advice about memory: madvise(2), and mincore(2).

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner};
use super::area::{Area, AreaFlags, Source};
use super::mapping::checked_range;
use crate::errno::{Errno, Result};

/// The advice of madvise(2) that has an effect, or is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Hints about access patterns and page sizes: accepted, nothing to do.
    Hint,
    /// Drop the pages: anonymous memory reads as zeros, files are read again.
    DontNeed {
        /// Also on locked areas (MADV_DONTNEED_LOCKED).
        locked: bool,
    },
    /// Anonymous private pages may go; here they go at once.
    Free,
    /// Set or clear a flag of the areas.
    Flag {
        /// Which.
        flag: AreaFlags,
        /// Set or clear.
        set: bool,
    },
    /// Take the pages now as if read or written; fails if that fails.
    Populate {
        /// As if written.
        write: bool,
    },
}

impl Advice {
    /// From the number of `MADV_*`.
    ///
    /// # Errors
    /// EINVAL: unknown, or of a feature this kernel doesn't have (page merging, poisoning, punching holes), as on
    /// a Linux built without it.
    pub fn from_number(number: i32) -> Result<Advice> {
        let flag = |flag, set| Advice::Flag { flag, set };
        Ok(match number {
            // NORMAL, RANDOM, SEQUENTIAL, WILLNEED; HUGEPAGE, NOHUGEPAGE; COLD, PAGEOUT.
            0..=3 | 14 | 15 | 20 | 21 => Advice::Hint,
            4 => Advice::DontNeed { locked: false },
            8 => Advice::Free,
            10 => flag(AreaFlags::DO_NOT_FORK, true),
            11 => flag(AreaFlags::DO_NOT_FORK, false),
            16 => flag(AreaFlags::DO_NOT_DUMP, true),
            17 => flag(AreaFlags::DO_NOT_DUMP, false),
            18 => flag(AreaFlags::WIPE_ON_FORK, true),
            19 => flag(AreaFlags::WIPE_ON_FORK, false),
            22 => Advice::Populate { write: false },
            23 => Advice::Populate { write: true },
            24 => Advice::DontNeed { locked: true },
            _ => return Err(Errno::EINVAL),
        })
    }
}

/// Private memory without an object.
fn is_private_anonymous(area: &Area) -> bool {
    matches!(area.source, Source::Anonymous)
}

impl AddressSpace {
    /// Applies advice to `[start, start + length)`.
    ///
    /// # Errors
    /// EINVAL: not aligned, or not for these areas. ENOMEM: a part isn't mapped (the rest has been advised), or
    /// splitting makes too many areas. EFAULT: a page could not be populated.
    pub fn advise(&self, start: u64, length: u64, advice: Advice) -> Result<()> {
        let (start, end) = checked_range(start, length)?;
        if start == end {
            return Ok(());
        }
        if let Advice::Populate { write } = advice {
            return self.populate(start, end, write);
        }
        let mut inner = self.inner.lock();
        match advice {
            Advice::Flag { flag, set } => inner.advise_flag(start, end, flag, set)?,
            Advice::DontNeed { locked } => inner.discard(start, end, |area| {
                locked || !area.flags.contains(AreaFlags::LOCKED)
            })?,
            Advice::Free => inner.discard(start, end, is_private_anonymous)?,
            Advice::Hint | Advice::Populate { .. } => {}
        }
        if inner.areas.covers(start, end) {
            Ok(())
        } else {
            Err(Errno::ENOMEM)
        }
    }

    /// msync(2): all there is to check, for shared pages are their objects' own.
    ///
    /// # Errors
    /// ENOMEM: a part isn't mapped. EBUSY: `invalidate` of a locked area.
    pub fn synchronise(&self, start: u64, end: u64, invalidate: bool) -> Result<()> {
        let inner = self.inner.lock();
        let areas = inner
            .areas
            .as_slice()
            .get(inner.areas.overlapping(start, end))
            .unwrap_or_default();
        if invalidate
            && areas
                .iter()
                .any(|area| area.flags.contains(AreaFlags::LOCKED))
        {
            return Err(Errno::EBUSY);
        }
        if inner.areas.covers(start, end) {
            Ok(())
        } else {
            Err(Errno::ENOMEM)
        }
    }

    /// For each page of the range whether it is in memory, `report(page number within the range, resident)`.
    ///
    /// # Errors
    /// ENOMEM: a part isn't mapped.
    pub fn residency(&self, start: u64, end: u64, mut report: impl FnMut(u64, bool)) -> Result<()> {
        let mut inner = self.inner.lock();
        if !inner.areas.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        for page in 0..(end - start) / PAGE_SIZE {
            let address = start + page * PAGE_SIZE;
            let mut resident = inner.table.lookup(address).is_some();
            if !resident
                && let Some(area) = inner
                    .areas
                    .find(address)
                    .and_then(|index| inner.areas.get(index))
                && let (Source::Object { mapped, .. }, Some(index)) =
                    (&area.source, area.object_page(address))
            {
                resident = mapped.object.is_resident(index);
            }
            report(page, resident);
        }
        Ok(())
    }
}

impl Inner {
    /// Drops the pages of every area in the range; `allowed` is asked first for each.
    fn discard(&mut self, start: u64, end: u64, allowed: impl Fn(&Area) -> bool) -> Result<()> {
        let touched = self.areas.overlapping(start, end);
        let areas = self.areas.as_slice().get(touched).unwrap_or_default();
        if !areas.iter().all(allowed) {
            return Err(Errno::EINVAL);
        }
        self.counts.peak_resident = self.counts.peak_resident.max(self.table.resident_pages());
        for area in areas {
            self.table
                .unmap_range(area.start.max(start), area.end.min(end));
        }
        Ok(())
    }

    fn advise_flag(&mut self, start: u64, end: u64, flag: AreaFlags, set: bool) -> Result<()> {
        let touched = self.areas.overlapping(start, end);
        let mut areas = self
            .areas
            .as_slice()
            .get(touched)
            .unwrap_or_default()
            .iter();
        if flag == AreaFlags::WIPE_ON_FORK && set && !areas.all(is_private_anonymous) {
            return Err(Errno::EINVAL);
        }
        let range = self.areas.isolate(start, end)?;
        for index in range.clone() {
            if let Some(area) = self.areas.get_mut(index) {
                area.flags.set(flag, set);
            }
        }
        self.areas.merge(range);
        Ok(())
    }
}
