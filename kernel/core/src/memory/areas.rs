//! The ordered set of areas of an address space: split, merge, search, placement. Pure; no page table here.

use alloc::vec::Vec;
use core::ops::Range;

use super::PAGE_SIZE;
use super::area::{Area, AreaFlags};
use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;

/// Most areas an address space may have (vm.max_map_count's default).
pub const MAXIMUM_AREAS: usize = 65_530;

/// Bytes kept free below an area that grows down (Linux's stack_guard_gap: 256 pages).
pub const GUARD_GAP: u64 = 256 * PAGE_SIZE;

/// Areas sorted by start, disjoint.
///
/// A sorted vector: programs have tens of areas, a search is a few compares, fork is one copy, and growth can fail
/// without harm. The price, moving up to a few megabytes on an insertion, is paid only by programs near
/// [`MAXIMUM_AREAS`].
#[derive(Default)]
pub struct Areas {
    list: Vec<Area>,
    /// Index of the area found last: faults come in runs.
    last: usize,
    /// What the last placement learnt of the gaps.
    search: GapSearch,
}

/// Where the last top-down placement ended, so that the next needn't pass the full areas above again.
#[derive(Clone, Copy, Default)]
struct GapSearch {
    /// Every gap that starts above this address is known to be no larger than `largest`; 0: nothing is known.
    from: u64,
    /// The largest gap seen above `from`, in bytes.
    largest: u64,
}

impl Areas {
    /// An empty set.
    pub const fn new() -> Areas {
        Areas {
            list: Vec::new(),
            last: 0,
            search: GapSearch {
                from: 0,
                largest: 0,
            },
        }
    }

    /// All areas in order of address.
    pub fn as_slice(&self) -> &[Area] {
        &self.list
    }

    /// The area at `index`, which a search returned.
    pub fn get(&self, index: usize) -> Option<&Area> {
        self.list.get(index)
    }

    /// The same, to change anything but its range.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut Area> {
        self.list.get_mut(index)
    }

    /// Index of the area that contains `address`.
    pub fn find(&mut self, address: u64) -> Option<usize> {
        if let Some(area) = self.list.get(self.last)
            && area.contains(address)
        {
            return Some(self.last);
        }
        let index = self.first_ending_after(address);
        let area = self.list.get(index)?;
        if area.start <= address {
            self.last = index;
            Some(index)
        } else {
            None
        }
    }

    /// Index of the first area that ends behind `address` (it contains it or lies above); may be the length.
    pub fn first_ending_after(&self, address: u64) -> usize {
        self.list.partition_point(|area| area.end <= address)
    }

    /// Indices of the areas that share a byte with `[start, end)`.
    pub fn overlapping(&self, start: u64, end: u64) -> Range<usize> {
        let first = self.first_ending_after(start);
        let mut behind = first;
        while self.list.get(behind).is_some_and(|area| area.start < end) {
            behind += 1;
        }
        first..behind
    }

    /// Whether every page of `[start, end)` lies in some area.
    pub fn covers(&self, start: u64, end: u64) -> bool {
        let mut at = start;
        for area in &self.list[self.first_ending_after(start)..] {
            if area.start > at {
                return false;
            }
            at = area.end;
            if at >= end {
                return true;
            }
        }
        start >= end
    }

    /// Splits areas so that `start` and `end` are boundaries, and returns the indices between them.
    ///
    /// # Errors
    /// ENOMEM without any change: too many areas, or no kernel memory.
    pub fn isolate(&mut self, start: u64, end: u64) -> Result<Range<usize>> {
        self.split(start, end, MAXIMUM_AREAS)
    }

    /// The same for areas that are removed next: one too many for that moment doesn't matter.
    ///
    /// # Errors
    /// As [`Areas::isolate`].
    pub fn isolate_to_remove(&mut self, start: u64, end: u64) -> Result<Range<usize>> {
        self.split(start, end, MAXIMUM_AREAS + 1)
    }

    fn split(&mut self, start: u64, end: u64, limit: usize) -> Result<Range<usize>> {
        let range = self.overlapping(start, end);
        let mut cuts = 0;
        if !range.is_empty()
            && let (Some(first), Some(last)) =
                (self.list.get(range.start), self.list.get(range.end - 1))
        {
            cuts += usize::from(first.start < start) + usize::from(last.end > end);
        }
        if cuts == 0 {
            return Ok(range);
        }
        self.make_room_within(cuts, limit)?;
        let mut range = range;
        if let Some(last) = self.list.get_mut(range.end - 1)
            && last.end > end
        {
            let upper = last.split_off(end);
            self.list.insert(range.end, upper);
        }
        if let Some(first) = self.list.get_mut(range.start)
            && first.start < start
        {
            let upper = first.split_off(start);
            range = range.start + 1..range.end + 1;
            self.list.insert(range.start, upper);
        }
        self.last = range.start;
        Ok(range)
    }

    /// Makes sure that `count` areas can be added.
    ///
    /// # Errors
    /// ENOMEM: too many areas, or no kernel memory.
    pub fn make_room(&mut self, count: usize) -> Result<()> {
        self.make_room_within(count, MAXIMUM_AREAS)
    }

    fn make_room_within(&mut self, count: usize, limit: usize) -> Result<()> {
        if self.list.len().saturating_add(count) > limit {
            return Err(Errno::ENOMEM);
        }
        if self.list.capacity() - self.list.len() < count {
            // Doubles, so that a program that maps one after the other doesn't copy the list each time.
            self.list.make_room(count)?;
        }
        Ok(())
    }

    /// Removes the areas of an isolated range; calls `each` for every one.
    pub fn remove(&mut self, range: Range<usize>, each: impl FnMut(Area)) {
        if !range.is_empty() {
            // The gap above the last one removed widens: it is unsearched again, and so is all below it.
            let upper = self.list.get(range.end).map(|next| next.start);
            match upper {
                Some(top) if self.search.from >= top => {}
                Some(top) if self.search.from != 0 => self.search.from = top,
                _ => self.search = GapSearch::default(),
            }
        }
        self.last = range.start;
        self.list.drain(range).for_each(each);
    }

    /// Adds an area to free space, for which [`Areas::make_room`] was called, and merges it with its neighbours.
    /// Returns the index of the area it became part of.
    pub fn insert(&mut self, area: Area) -> usize {
        let index = self.first_ending_after(area.start);
        // The usual case first: growing the lower neighbour needs no move of the list.
        if let Some(lower) = index.checked_sub(1).and_then(|i| self.list.get_mut(i))
            && lower.merges_with(&area)
        {
            lower.end = area.end;
            return self.merge_at(index);
        }
        if let Some(upper) = self.list.get_mut(index)
            && area.merges_with(upper)
        {
            upper.start = area.start;
            upper.source = area.source;
            self.last = index;
            return index;
        }
        self.list.insert(index, area);
        self.last = index;
        index
    }

    /// Merges the areas at `index - 1` and `index` if they fit; returns the index of the lower, or of the area at
    /// `index` where nothing was merged.
    fn merge_at(&mut self, index: usize) -> usize {
        let Some(lower) = index.checked_sub(1) else {
            return index;
        };
        let end = match (self.list.get(lower), self.list.get(index)) {
            (Some(a), Some(b)) if a.merges_with(b) => b.end,
            _ => {
                self.last = lower;
                return lower;
            }
        };
        if let Some(area) = self.list.get_mut(lower) {
            area.end = end;
        }
        self.list.remove(index);
        self.last = lower;
        lower
    }

    /// Merges neighbours from the one below `range` to the one above, after their attributes changed.
    pub fn merge(&mut self, range: Range<usize>) {
        let mut kept = range.start.saturating_sub(1);
        let stop = (range.end + 1).min(self.list.len());
        if kept + 1 >= stop {
            return;
        }
        let mut merged = 0;
        for index in kept + 1..stop {
            let (head, tail) = self.list.split_at_mut(index);
            let (Some(a), Some(b)) = (head.get_mut(kept), tail.first_mut()) else {
                break;
            };
            if a.merges_with(b) {
                a.end = b.end;
                merged += 1;
            } else {
                kept += 1;
                self.list.swap(kept, index);
            }
        }
        if merged > 0 {
            self.list.drain(kept + 1..stop);
        }
        self.last = range.start.saturating_sub(1);
    }

    /// Moves the lower end of the area at `index` down to `start` (stack growth).
    pub fn grow_down(&mut self, index: usize, start: u64) {
        if let Some(area) = self.list.get_mut(index) {
            let pages = (area.start - start) / PAGE_SIZE;
            area.source = area.source.advanced(pages.wrapping_neg());
            area.start = start;
        }
    }

    /// Moves the upper end of the area at `index` to `end`, into free space, and merges it with the area above.
    pub fn grow_up(&mut self, index: usize, end: u64) {
        if let Some(area) = self.list.get_mut(index) {
            area.end = end;
            self.merge_at(index + 1);
        }
    }

    /// Whether `[start, end)` touches no area and no guard gap below an area that grows down.
    pub fn is_free(&self, start: u64, end: u64) -> bool {
        self.list
            .get(self.first_ending_after(start))
            .is_none_or(|area| end <= lowest_with_gap(area))
    }

    /// The highest address in `[low, high)` where `length` bytes are free (a multiple of the page size).
    ///
    /// # Errors
    /// ENOMEM: no gap is large enough.
    pub fn find_gap(&mut self, length: u64, low: u64, high: u64) -> Result<u64> {
        let known = self.search;
        let start = if known.from != 0 && length > known.largest && known.from < high {
            known.from
        } else {
            self.search = GapSearch {
                from: 0,
                largest: 0,
            };
            high
        };
        match self.search_down(length, low, start) {
            Some(found) => Ok(found),
            None if start != high => {
                self.search = GapSearch {
                    from: 0,
                    largest: 0,
                };
                self.search_down(length, low, high).ok_or(Errno::ENOMEM)
            }
            None => Err(Errno::ENOMEM),
        }
    }

    /// Searches downwards from `high` and records the largest gap it had to skip.
    fn search_down(&mut self, length: u64, low: u64, high: u64) -> Option<u64> {
        let mut top = high;
        let mut largest = self.search.largest;
        let behind = self.list.partition_point(|area| area.start < high);
        for area in self.list[..behind].iter().rev() {
            if area.end <= top {
                let gap = top - area.end.max(low);
                if gap >= length {
                    break;
                }
                largest = largest.max(gap);
            }
            top = top.min(lowest_with_gap(area));
            if top <= low {
                return None;
            }
        }
        let start = top.checked_sub(length)?;
        if start < low {
            return None;
        }
        self.search = GapSearch { from: top, largest };
        Some(start)
    }

    /// A copy for a child process, without the areas marked [`AreaFlags::DO_NOT_FORK`].
    ///
    /// # Errors
    /// ENOMEM: no kernel memory.
    pub fn fork(&self) -> Result<Areas> {
        let mut list = Vec::new();
        list.make_room_exact(self.list.len() + 2)?;
        list.extend(
            self.list
                .iter()
                .filter(|area| !area.flags.contains(AreaFlags::DO_NOT_FORK))
                .cloned(),
        );
        Ok(Areas {
            list,
            last: self.last,
            search: GapSearch::default(),
        })
    }
}

/// The lowest address that a new area may not reach into because of `area`.
fn lowest_with_gap(area: &Area) -> u64 {
    if area.flags.contains(AreaFlags::GROWS_DOWN) {
        area.start.saturating_sub(GUARD_GAP)
    } else {
        area.start
    }
}
