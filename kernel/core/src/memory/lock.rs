//! Locking pages in memory: mlock(2) and its family.
//!
//! Nothing is ever paged out here, so a lock is what RLIMIT_MEMLOCK counts and the promise that pages are there
//! already: locking takes them.

use core::sync::atomic::Ordering;

use super::PAGE_SIZE;
use super::address_space::AddressSpace;
use super::area::AreaFlags;
use super::mapping::round_up;
use crate::errno::{Errno, Result};

/// How a range is to be locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockMode {
    /// Take all pages now.
    Now,
    /// Pages are locked when they are first touched (MLOCK_ONFAULT).
    OnFault,
    /// Not locked.
    Unlocked,
}

impl LockMode {
    /// The area flags of the mode.
    pub(super) fn flags(self) -> AreaFlags {
        match self {
            LockMode::Now => AreaFlags::LOCKED,
            LockMode::OnFault => AreaFlags::LOCKED | AreaFlags::LOCK_ON_FAULT,
            LockMode::Unlocked => AreaFlags::empty(),
        }
    }
}

impl AddressSpace {
    /// Locks or unlocks `[start, start + length)`, rounded to whole pages. `privileged` callers have no limit.
    ///
    /// # Errors
    /// ENOMEM: a part isn't mapped, or over the limit. EPERM: the limit is 0. EINVAL: the range overflows.
    /// EAGAIN: pages could not be taken.
    pub fn lock_range(
        &self,
        start: u64,
        length: u64,
        mode: LockMode,
        privileged: bool,
    ) -> Result<()> {
        let end = start
            .checked_add(length)
            .ok_or(Errno::EINVAL)
            .and_then(|end| round_up(end).map_err(|_| Errno::EINVAL))?;
        let start = start & !(PAGE_SIZE - 1);
        if start == end {
            return Ok(());
        }
        let mut inner = self.inner.lock();
        if mode != LockMode::Unlocked && !privileged {
            let limit = self.limits.locked.load(Ordering::Relaxed);
            if limit == 0 {
                return Err(Errno::EPERM);
            }
            let touched = inner.areas.overlapping(start, end);
            let areas = inner.areas.as_slice().get(touched).unwrap_or_default();
            let added: u64 = areas
                .iter()
                .filter(|area| !area.flags.contains(AreaFlags::LOCKED))
                .map(|area| (area.end.min(end) - area.start.max(start)) / PAGE_SIZE)
                .sum();
            if (inner.counts.locked + added).saturating_mul(PAGE_SIZE) > limit {
                return Err(Errno::ENOMEM);
            }
        }
        if !inner.areas.covers(start, end) {
            return Err(Errno::ENOMEM);
        }
        let range = inner.areas.isolate(start, end)?;
        for index in range.clone() {
            inner.set_lock(index, mode.flags());
        }
        inner.areas.merge(range);
        drop(inner);
        if mode == LockMode::Now {
            self.populate(start, end, false)
                .map_err(|_| Errno::ENOMEM)?;
        }
        Ok(())
    }

    /// mlockall(2): locks all areas there are if `current` is given, and those to come as `future` says.
    ///
    /// # Errors
    /// ENOMEM: over the limit. EPERM: the limit is 0.
    pub fn lock_all(
        &self,
        current: Option<LockMode>,
        future: LockMode,
        privileged: bool,
    ) -> Result<()> {
        let mut inner = self.inner.lock();
        if !privileged {
            let limit = self.limits.locked.load(Ordering::Relaxed);
            if limit == 0 {
                return Err(Errno::EPERM);
            }
            if current.is_some() && inner.counts.total.saturating_mul(PAGE_SIZE) > limit {
                return Err(Errno::ENOMEM);
            }
        }
        inner.future_lock = future.flags();
        let Some(mode) = current else {
            return Ok(());
        };
        let count = inner.areas.as_slice().len();
        for index in 0..count {
            inner.set_lock(index, mode.flags());
        }
        inner.areas.merge(0..count);
        drop(inner);
        if mode == LockMode::Now {
            self.populate_all();
        }
        Ok(())
    }

    /// munlockall(2).
    pub fn unlock_all(&self) {
        let mut inner = self.inner.lock();
        inner.future_lock = AreaFlags::empty();
        let count = inner.areas.as_slice().len();
        for index in 0..count {
            inner.set_lock(index, AreaFlags::empty());
        }
        inner.areas.merge(0..count);
    }

    /// Takes the pages of all accessible areas; what can't be had is left out, as on Linux.
    fn populate_all(&self) {
        let mut at = 0;
        loop {
            let next = {
                let inner = self.inner.lock();
                inner
                    .areas
                    .get(inner.areas.first_ending_after(at))
                    .map(|area| (area.start, area.end))
            };
            let Some((start, end)) = next else {
                return;
            };
            let _ = self.populate(start.max(at), end, false);
            at = end;
        }
    }
}

impl super::address_space::Inner {
    /// Sets the lock flags of one area and keeps count.
    fn set_lock(&mut self, index: usize, flags: AreaFlags) {
        if let Some(area) = self.areas.get_mut(index) {
            self.counts.subtract(area);
            area.flags
                .remove(AreaFlags::LOCKED | AreaFlags::LOCK_ON_FAULT);
            area.flags.insert(flags);
            self.counts.add(area);
        }
    }
}
