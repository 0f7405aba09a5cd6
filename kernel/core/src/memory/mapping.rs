//! Making and removing mappings: the work behind mmap(2) and munmap(2).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;

use hal::frame;

use super::PAGE_SIZE;
use super::address_space::{AddressSpace, Inner, LOWEST_ADDRESS, USER_END, WINDOW_END};
use super::area::{Area, AreaFlags, MappedObject, Source};
use super::object::SharedMemory;
use super::request::{Backing, MapRequest, MemoryLimits, Placement};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::vfs::MountFlags;

/// Rounds up to whole pages.
///
/// # Errors
/// ENOMEM: the result isn't representable.
pub(super) fn round_up(length: u64) -> Result<u64> {
    length
        .checked_add(PAGE_SIZE - 1)
        .map(|sum| sum & !(PAGE_SIZE - 1))
        .ok_or(Errno::ENOMEM)
}

/// Whether the address is a page's first.
pub(super) fn is_aligned(address: u64) -> bool {
    address & (PAGE_SIZE - 1) == 0
}

/// The page-aligned range of a call that takes an address and a length.
///
/// # Errors
/// EINVAL: `start` isn't aligned, or the range leaves user space.
pub(super) fn checked_range(start: u64, length: u64) -> Result<(u64, u64)> {
    let length = round_up(length).map_err(|_| Errno::EINVAL)?;
    let end = start.checked_add(length).ok_or(Errno::EINVAL)?;
    if !is_aligned(start) || end > USER_END {
        return Err(Errno::EINVAL);
    }
    Ok((start, end))
}

impl AddressSpace {
    /// Makes a mapping and returns its address.
    ///
    /// # Errors
    /// EINVAL, ENOMEM, EEXIST, EACCES, EPERM, ENODEV, EOVERFLOW, EAGAIN as mmap(2).
    pub fn map(&self, request: MapRequest) -> Result<u64> {
        if request.length == 0 {
            return Err(Errno::EINVAL);
        }
        let length = round_up(request.length)?;
        if length > USER_END - LOWEST_ADDRESS {
            return Err(Errno::ENOMEM);
        }
        let (source, mut flags) = source_of(&request, length)?;
        let reserved = !flags.contains(AreaFlags::NO_RESERVE);
        let private_data = request.protection.write && !flags.contains(AreaFlags::SHARED);
        let shared_memory = request.shared && matches!(request.backing, Backing::Anonymous);
        if reserved && (private_data || shared_memory) && length / PAGE_SIZE > frame::total() {
            // The heuristic of vm.overcommit_memory=0: refuse only what can't ever be.
            return Err(Errno::ENOMEM);
        }
        let start = self.change(|inner| -> Result<u64> {
            flags |= inner.future_lock;
            let start = inner.place(request.placement, length, flags)?;
            let area = Area {
                start,
                end: start + length,
                protection: request.protection,
                flags,
                label: request.label,
                source,
            };
            let replaced = inner.pages_within(start, start + length);
            inner.check_growth(&area, replaced, &self.limits)?;
            inner.areas.make_room(1)?;
            if replaced > 0 {
                inner.unmap(start, start + length)?;
                inner.areas.make_room(1)?;
            }
            self.announce(&area.source)?;
            inner.counts.add(&area);
            inner.areas.insert(area);
            Ok(start)
        })?;
        let populate_locked =
            flags.contains(AreaFlags::LOCKED) && !flags.contains(AreaFlags::LOCK_ON_FAULT);
        if request.populate || populate_locked {
            // As on Linux the mapping stands even if not all of it could be populated.
            let _ = self.populate(start, start + length, false);
        }
        Ok(start)
    }

    /// Removes all mappings of `[start, start + length)`.
    ///
    /// # Errors
    /// EINVAL: not aligned, empty, or not in user space. ENOMEM: splitting an area would make too many.
    pub fn unmap(&self, start: u64, length: u64) -> Result<()> {
        let (start, end) = checked_range(start, length)?;
        if start == end {
            return Err(Errno::EINVAL);
        }
        self.change(|inner| inner.unmap(start, end))
    }
}

/// Keeps what an area mapped until the address space is unlocked: it may be the last reference to a file, and closing
/// one takes locks that come before this one.
pub(super) fn release(released: &mut Vec<Arc<MappedObject>>, source: Source) {
    if let Source::Object { mapped, .. } = source {
        // Pieces of one mapping follow each other; without memory the file is closed here and now.
        let kept = released
            .last()
            .is_some_and(|last| Arc::ptr_eq(last, &mapped));
        if !kept && released.make_room(1).is_ok() {
            released.push(mapped);
        }
    }
}

/// Finds what a request maps, and the flags that follow from it.
fn source_of(request: &MapRequest, length: u64) -> Result<(Source, AreaFlags)> {
    let mut flags = request.flags;
    if request.shared {
        flags |= AreaFlags::SHARED;
    }
    let source = match &request.backing {
        Backing::Anonymous if request.shared => Source::Object {
            mapped: Arc::new(MappedObject {
                object: Arc::new(SharedMemory::new(length)),
                file: None,
            }),
            first: 0,
        },
        Backing::Anonymous => Source::Anonymous,
        Backing::Object(object) => Source::Object {
            mapped: Arc::new(MappedObject {
                object: object.clone(),
                file: None,
            }),
            first: 0,
        },
        Backing::File { file, offset } => {
            if !is_aligned(*offset) {
                return Err(Errno::EINVAL);
            }
            offset
                .checked_add(length)
                .filter(|end| *end <= i64::MAX as u64)
                .ok_or(Errno::EOVERFLOW)?;
            if flags.contains(AreaFlags::GROWS_DOWN) {
                return Err(Errno::EINVAL);
            }
            if !file.flags().can_read() {
                return Err(Errno::EACCES);
            }
            if request.shared && !file.flags().can_write() {
                flags |= AreaFlags::NEVER_WRITE;
                if request.protection.write {
                    return Err(Errno::EACCES);
                }
            }
            if file
                .location()
                .is_some_and(|place| place.mount.flags().contains(MountFlags::NO_EXECUTE))
            {
                flags |= AreaFlags::NEVER_EXECUTE;
                if request.protection.execute {
                    return Err(Errno::EPERM);
                }
            }
            let object = file.operations().memory_object(file)?;
            Source::Object {
                mapped: Arc::new(MappedObject {
                    object,
                    file: Some(file.clone()),
                }),
                first: offset / PAGE_SIZE,
            }
        }
    };
    Ok((source, flags))
}

impl Inner {
    /// Chooses the address of a new mapping of `length` bytes.
    pub(super) fn place(
        &mut self,
        placement: Placement,
        length: u64,
        flags: AreaFlags,
    ) -> Result<u64> {
        let fits = |start: u64| start.checked_add(length).is_some_and(|end| end <= USER_END);
        match placement {
            Placement::Fixed(start) | Placement::FixedNoReplace(start) => {
                if !is_aligned(start) {
                    return Err(Errno::EINVAL);
                }
                if !fits(start) {
                    return Err(Errno::ENOMEM);
                }
                if start < LOWEST_ADDRESS {
                    return Err(Errno::EPERM);
                }
                let taken = !self.areas.overlapping(start, start + length).is_empty();
                if taken && matches!(placement, Placement::FixedNoReplace(_)) {
                    return Err(Errno::EEXIST);
                }
                return Ok(start);
            }
            Placement::Hint(hint) => {
                let start = round_up(hint)?.max(LOWEST_ADDRESS);
                let gap = if flags.contains(AreaFlags::GROWS_DOWN) {
                    super::areas::GUARD_GAP
                } else {
                    0
                };
                if fits(start)
                    && self
                        .areas
                        .is_free(start.saturating_sub(gap), start + length)
                {
                    return Ok(start);
                }
            }
            Placement::Anywhere => {}
        }
        let base = self.mapping_base;
        self.areas
            .find_gap(length, LOWEST_ADDRESS, base)
            // What lies between the mapping base and the stack is better than nothing.
            .or_else(|_| self.areas.find_gap(length, base, WINDOW_END))
            .or_else(|_| self.areas.find_gap(length, WINDOW_END, USER_END))
    }

    /// Mapped pages in a range.
    pub(super) fn pages_within(&self, start: u64, end: u64) -> u64 {
        let range = self.areas.overlapping(start, end);
        let areas = self.areas.as_slice().get(range).unwrap_or_default();
        areas
            .iter()
            .map(|area| (area.end.min(end) - area.start.max(start)) / PAGE_SIZE)
            .sum()
    }

    /// Checks the limits for a new area that takes the place of `replaced` pages.
    ///
    /// # Errors
    /// ENOMEM: RLIMIT_AS or RLIMIT_DATA. EAGAIN: RLIMIT_MEMLOCK.
    pub(super) fn check_growth(
        &self,
        area: &Area,
        replaced: u64,
        limits: &MemoryLimits,
    ) -> Result<()> {
        let pages = area.length() / PAGE_SIZE;
        let over = |limit: u64, used: u64| used.saturating_mul(PAGE_SIZE) > limit;
        let total = self.counts.total + pages - replaced.min(self.counts.total);
        if over(limits.address_space.load(Ordering::Relaxed), total) {
            return Err(Errno::ENOMEM);
        }
        if area.is_data()
            && over(
                limits.data.load(Ordering::Relaxed),
                self.counts.data + pages,
            )
        {
            return Err(Errno::ENOMEM);
        }
        if area.flags.contains(AreaFlags::LOCKED)
            && over(
                limits.locked.load(Ordering::Relaxed),
                self.counts.locked + pages,
            )
        {
            return Err(Errno::EAGAIN);
        }
        Ok(())
    }

    /// Removes what is mapped in the aligned range.
    ///
    /// # Errors
    /// ENOMEM without any change: too many areas, or no kernel memory.
    pub(super) fn unmap(&mut self, start: u64, end: u64) -> Result<()> {
        let range = self.areas.isolate_to_remove(start, end)?;
        if range.is_empty() {
            return Ok(());
        }
        self.note_resident();
        // From the first area's start to the last one's end: holes at the rim needn't be walked.
        let low = self.areas.get(range.start).map_or(start, |area| area.start);
        let high = self.areas.get(range.end - 1).map_or(end, |area| area.end);
        self.table.unmap_range(low, high);
        let (counts, released) = (&mut self.counts, &mut self.released);
        self.areas.remove(range, |area| {
            counts.subtract(&area);
            release(released, area.source);
        });
        Ok(())
    }

    /// Remembers the largest resident size; called before pages go.
    pub(super) fn note_resident(&mut self) {
        self.counts.peak_resident = self.counts.peak_resident.max(self.table.resident_pages());
    }
}
