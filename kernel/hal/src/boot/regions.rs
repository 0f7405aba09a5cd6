//! Sorted lists of physical address ranges, while memory is being found.

use core::ops::Range;

/// Up to `N` disjoint ranges in order of address.
#[derive(Clone, Debug)]
pub struct Regions<const N: usize> {
    ranges: [Range<u64>; N],
    length: usize,
}

/// A list of ranges has no room for one more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl<const N: usize> Default for Regions<N> {
    fn default() -> Self {
        Self {
            ranges: [const { 0..0 }; N],
            length: 0,
        }
    }
}

impl<const N: usize> Regions<N> {
    /// The ranges.
    pub fn as_slice(&self) -> &[Range<u64>] {
        &self.ranges[..self.length]
    }

    /// Adds a range, joining it with those it overlaps or touches.
    ///
    /// # Errors
    /// [`TooMany`] if there is no room; the list is as it was.
    pub fn add(&mut self, range: Range<u64>) -> Result<(), TooMany> {
        if range.is_empty() {
            return Ok(());
        }
        let first = self
            .as_slice()
            .partition_point(|other| other.end < range.start);
        let last = self
            .as_slice()
            .partition_point(|other| other.start <= range.end);
        if first == last {
            return self.insert(first, range);
        }
        let joined =
            range.start.min(self.ranges[first].start)..range.end.max(self.ranges[last - 1].end);
        self.ranges[first] = joined;
        self.remove(first + 1, last);
        Ok(())
    }

    /// Takes a range away, wherever the list covers it.
    ///
    /// # Errors
    /// [`TooMany`] if a range would have to be split and there is no room; the list is as it was.
    pub fn subtract(&mut self, range: Range<u64>) -> Result<(), TooMany> {
        if range.is_empty() {
            return Ok(());
        }
        let first = self
            .as_slice()
            .partition_point(|other| other.end <= range.start);
        let last = self
            .as_slice()
            .partition_point(|other| other.start < range.end);
        if first >= last {
            return Ok(());
        }
        let before = self.ranges[first].start..range.start;
        let after = range.end..self.ranges[last - 1].end;
        match (before.is_empty(), after.is_empty()) {
            (true, true) => self.remove(first, last),
            (false, true) => {
                self.ranges[first] = before;
                self.remove(first + 1, last);
            }
            (true, false) => {
                self.ranges[last - 1] = after;
                self.remove(first, last - 1);
            }
            (false, false) if last - first == 1 => {
                self.insert(last, after)?;
                self.ranges[first] = before;
            }
            (false, false) => {
                self.ranges[first] = before;
                self.ranges[last - 1] = after;
                self.remove(first + 1, last - 1);
            }
        }
        Ok(())
    }

    /// Takes a page of 4 KiB from the end of the last range; the ranges are multiples of it.
    pub fn take_page(&mut self) -> Option<u64> {
        let last = self.ranges[..self.length].last_mut()?;
        last.end -= 4096;
        let page = last.end;
        if last.is_empty() {
            self.length -= 1;
        }
        Some(page)
    }

    fn insert(&mut self, index: usize, range: Range<u64>) -> Result<(), TooMany> {
        if self.length == N {
            return Err(TooMany);
        }
        self.length += 1;
        self.ranges[index..self.length].rotate_right(1);
        self.ranges[index] = range;
        Ok(())
    }

    fn remove(&mut self, first: usize, end: usize) {
        self.ranges[first..self.length].rotate_left(end - first);
        self.length -= end - first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn ranges_that_touch_become_one() {
        let mut regions = Regions::<4>::default();
        for range in [30..40, 10..20, 20..25, 24..30, 50..60] {
            regions.add(range).unwrap();
        }
        assert_eq!(regions.as_slice(), [10..40, 50..60]);
    }

    #[test]
    fn a_hole_splits_a_range() {
        let mut regions = Regions::<2>::default();
        regions.add(0..100).unwrap();
        regions.subtract(40..50).unwrap();
        assert_eq!(regions.as_slice(), [0..40, 50..100]);
        assert_eq!(regions.subtract(60..70), Err(TooMany));
        assert_eq!(regions.as_slice(), [0..40, 50..100]);
        regions.subtract(30..60).unwrap();
        assert_eq!(regions.as_slice(), [0..30, 60..100]);
        regions.subtract(0..200).unwrap();
        assert!(regions.as_slice().is_empty());
    }

    #[test]
    fn the_list_is_as_a_bitmap() {
        let mut regions = Regions::<64>::default();
        let mut bitmap = [false; 64];
        let mut state = 1u64;
        for _ in 0..2000 {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            let start = (state >> 33) % 64;
            let end = (start + (state >> 50) % 9).min(64);
            let add = state >> 63 == 0;
            if add {
                regions.add(start..end).unwrap()
            } else {
                regions.subtract(start..end).unwrap()
            }
            bitmap[start as usize..end as usize].fill(add);
            let covered: Vec<bool> = (0..64)
                .map(|at| regions.as_slice().iter().any(|range| range.contains(&at)))
                .collect();
            assert_eq!(covered, bitmap);
            assert!(
                regions
                    .as_slice()
                    .windows(2)
                    .all(|pair| pair[0].end < pair[1].start)
            );
        }
    }
}
