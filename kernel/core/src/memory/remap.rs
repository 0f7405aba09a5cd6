//! Growing, shrinking and moving mappings: mremap(2).

use bitflags::bitflags;

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner, LOWEST_ADDRESS, USER_END};
use super::area::{Area, AreaFlags, Source};
use super::mapping::{is_aligned, release, round_up};
use super::request::{MemoryLimits, Placement};
use crate::errno::{Errno, Result};

bitflags! {
    /// The flags of mremap(2).
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RemapFlags: u32 {
        /// The mapping may move.
        const MAY_MOVE = 1;
        /// It moves to the address given.
        const FIXED = 2;
        /// The old range stays mapped, empty.
        const DONT_UNMAP = 4;
    }
}

impl AddressSpace {
    /// Changes the length of the mapping at `old` from `old_length` to `new_length` bytes, moving it if need be, to
    /// `fixed` if that is given; returns its address.
    ///
    /// # Errors
    /// EINVAL, EFAULT, ENOMEM, EAGAIN as mremap(2).
    pub fn remap(
        &self,
        old: u64,
        old_length: u64,
        new_length: u64,
        flags: RemapFlags,
        fixed: u64,
    ) -> Result<u64> {
        let moves_to = flags.contains(RemapFlags::FIXED).then_some(fixed);
        let dont_unmap = flags.contains(RemapFlags::DONT_UNMAP);
        let may_move = flags.contains(RemapFlags::MAY_MOVE);
        let old_length = round_up(old_length).map_err(|_| Errno::EINVAL)?;
        let new_length = round_up(new_length).map_err(|_| Errno::EINVAL)?;
        let old_end = old
            .checked_add(old_length)
            .filter(|end| *end <= USER_END)
            .ok_or(Errno::EINVAL)?;
        if !is_aligned(old)
            || new_length == 0
            || new_length > USER_END
            || ((moves_to.is_some() || dont_unmap) && !may_move)
            || (dont_unmap && old_length != new_length)
        {
            return Err(Errno::EINVAL);
        }
        let request = Request {
            old,
            old_length,
            old_end,
            new_length,
            flags,
        };
        let (address, locked) =
            self.change(|inner| inner.remap(&request, moves_to, &self.limits))?;
        if locked {
            // As on Linux the new part stands even if it could not all be populated.
            let _ = self.populate(address, address + new_length, false);
        }
        Ok(address)
    }
}

/// The checked arguments of mremap(2).
struct Request {
    old: u64,
    old_length: u64,
    old_end: u64,
    new_length: u64,
    flags: RemapFlags,
}

impl Inner {
    /// Does it; says where the mapping is and whether its pages must be taken now.
    fn remap(
        &mut self,
        request: &Request,
        moves_to: Option<u64>,
        limits: &MemoryLimits,
    ) -> Result<(u64, bool)> {
        let Request {
            old,
            old_length,
            old_end,
            new_length,
            flags,
        } = *request;
        let dont_unmap = flags.contains(RemapFlags::DONT_UNMAP);
        let address = if let Some(target) = moves_to {
            let target_end = target
                .checked_add(new_length)
                .filter(|end| *end <= USER_END)
                .ok_or(Errno::EINVAL)?;
            if !is_aligned(target) || (target < old_end && old < target_end) {
                return Err(Errno::EINVAL);
            }
            if target < LOWEST_ADDRESS {
                return Err(Errno::EPERM);
            }
            self.movable(old, old_length)?;
            self.unmap(target, target_end)?;
            if old_length > new_length {
                self.unmap(old + new_length, old_end)?;
            }
            let moved = old_length.min(new_length);
            self.move_mapping(
                old,
                moved,
                new_length,
                Placement::Fixed(target),
                dont_unmap,
                limits,
            )?
        } else if new_length <= old_length && old_length > 0 && !dont_unmap {
            self.movable(old, 0)?;
            if new_length < old_length {
                self.unmap(old + new_length, old_end)?;
            }
            return Ok((old, false));
        } else {
            let index = self.movable(old, old_length)?;
            if old_length > 0
                && !dont_unmap
                && self.grow_in_place(index, old_end, new_length - old_length, limits)?
            {
                old
            } else if flags.contains(RemapFlags::MAY_MOVE) {
                self.move_mapping(
                    old,
                    old_length,
                    new_length,
                    Placement::Anywhere,
                    dont_unmap,
                    limits,
                )?
            } else {
                return Err(Errno::ENOMEM);
            }
        };
        let area = self
            .areas
            .find(address)
            .and_then(|index| self.areas.get(index));
        let locked = area.is_some_and(|area| {
            area.flags.contains(AreaFlags::LOCKED) && !area.flags.contains(AreaFlags::LOCK_ON_FAULT)
        });
        Ok((address, locked))
    }

    /// Index of the one area that contains the whole old range.
    ///
    /// # Errors
    /// EFAULT: no area, or more than one. EINVAL: a length of 0 (a second mapping of the same pages) needs a shared one.
    fn movable(&mut self, old: u64, old_length: u64) -> Result<usize> {
        let index = self.areas.find(old).ok_or(Errno::EFAULT)?;
        let area = self.areas.get(index).ok_or(Errno::EFAULT)?;
        if old_length > area.end - old {
            return Err(Errno::EFAULT);
        }
        Ok(index)
    }

    /// Grows the area at `index` by `bytes` if the range ends where the area does and the space behind is free.
    fn grow_in_place(
        &mut self,
        index: usize,
        old_end: u64,
        bytes: u64,
        limits: &MemoryLimits,
    ) -> Result<bool> {
        let Some(area) = self.areas.get(index) else {
            return Ok(false);
        };
        let Some(end) = old_end.checked_add(bytes).filter(|end| *end <= USER_END) else {
            return Ok(false);
        };
        if area.end != old_end || !self.areas.is_free(old_end, end) {
            return Ok(false);
        }
        let added = Area {
            start: old_end,
            end,
            ..area.clone()
        };
        self.check_growth(&added, 0, limits)?;
        self.counts.add(&added);
        self.areas.grow_up(index, end);
        Ok(true)
    }

    /// Moves `moved` bytes at `old` to a new place of `new_length` bytes. Moving 0 bytes duplicates a shared mapping.
    fn move_mapping(
        &mut self,
        old: u64,
        moved: u64,
        new_length: u64,
        placement: Placement,
        dont_unmap: bool,
        limits: &MemoryLimits,
    ) -> Result<u64> {
        let index = self.movable(old, moved)?;
        let area = self.areas.get(index).ok_or(Errno::EFAULT)?;
        if moved == 0 && !area.flags.contains(AreaFlags::SHARED) {
            return Err(Errno::EINVAL);
        }
        let mut new = Area {
            source: area.source.advanced((old - area.start) / PAGE_SIZE),
            ..area.clone()
        };
        if let Source::Object { first, .. } = &new.source
            && first.checked_add(new_length / PAGE_SIZE).is_none()
        {
            return Err(Errno::EINVAL);
        }
        let leaves = if dont_unmap { 0 } else { moved / PAGE_SIZE };
        new.start = self.place(placement, new_length, new.flags)?;
        new.end = new.start + new_length;
        self.check_growth(&new, leaves, limits)?;
        let range = if moved > 0 && !dont_unmap {
            Some(self.areas.isolate_to_remove(old, old + moved)?)
        } else {
            None
        };
        self.areas.make_room(1)?;
        // With this much at hand the tables for the new place are there, so that no move stops half-way.
        hal::frame::headroom()?;
        if moved > 0 {
            self.table.move_range(old, new.start, moved)?;
        }
        if let Some(range) = range {
            let (counts, released) = (&mut self.counts, &mut self.released);
            self.areas.remove(range, |area| {
                counts.subtract(&area);
                release(released, area.source);
            });
        }
        let start = new.start;
        self.counts.add(&new);
        self.areas.insert(new);
        Ok(start)
    }
}
