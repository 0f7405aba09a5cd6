//! Taking over memory at boot.

use super::buddy::MAX_ORDER;
use super::cache::{release_block, set_boundary, set_total};
use super::machine::linear_address;
use super::metadata::{Metadata, install};
use super::{FRAME_SHIFT, FRAME_SIZE};
use core::ops::Range;

/// The most separate pieces of memory that are looked at; further ones stay unused.
const MAX_RANGES: usize = 64;

/// The array may take this share of the memory it describes (it needs 1/512 where there are no holes).
const METADATA_SHARE: u64 = 64;

/// Sorted ranges of frame numbers that don't touch.
struct Ranges {
    items: [Range<u64>; MAX_RANGES],
    length: usize,
}

impl Ranges {
    /// The whole frames in ranges of addresses.
    fn new(addresses: &[Range<u64>]) -> Self {
        let mut ranges = Self {
            items: [const { 0..0 }; MAX_RANGES],
            length: 0,
        };
        for range in addresses {
            // Frame 0 is never used, and a frame number has 32 bits.
            let start = range.start.div_ceil(FRAME_SIZE as u64).max(1);
            let end = (range.end >> FRAME_SHIFT).min(u64::from(u32::MAX));
            if start < end && ranges.length < MAX_RANGES {
                ranges.items[ranges.length] = start..end;
                ranges.length += 1;
            }
        }
        ranges.items[..ranges.length].sort_unstable_by_key(|range| range.start);
        ranges.merge();
        ranges
    }

    fn merge(&mut self) {
        let mut kept = 0;
        for index in 0..self.length {
            let range = self.items[index].clone();
            if kept > 0 && range.start <= self.items[kept - 1].end {
                self.items[kept - 1].end = self.items[kept - 1].end.max(range.end);
            } else {
                self.items[kept] = range;
                kept += 1;
            }
        }
        self.length = kept;
    }

    fn as_slice(&self) -> &[Range<u64>] {
        &self.items[..self.length]
    }
}

/// The run of ranges with the most memory whose holes don't make the metadata too large: a device tree that
/// names memory at the far end of the address space must not eat all the real one.
fn best_window(ranges: &[Range<u64>]) -> Option<Range<u64>> {
    let mut best = None;
    let mut most = 0;
    for first in 0..ranges.len() {
        let mut frames = 0;
        for range in &ranges[first..] {
            frames += range.end - range.start;
            let span = range.end - ranges[first].start;
            let bytes = span * size_of::<Metadata>() as u64;
            if frames > most && bytes <= frames * FRAME_SIZE as u64 / METADATA_SHARE {
                most = frames;
                best = Some(ranges[first].start..range.end);
            }
        }
    }
    best
}

/// Takes over memory.
///
/// `ram` are the physical addresses of all memory, `free` those that may be given out; in any order. The
/// metadata array is placed in the highest free range that holds it. What is below `boundary` is given out last: every
/// device of the machine reaches it.
///
/// # Errors
/// A sentence for the boot log if there is no memory to work with.
///
/// # Safety
/// Called once, on the boot CPU, before any other use of this module. The linear map covers `ram` as ordinary
/// memory, and nobody uses what is in `free` from now on.
pub unsafe fn initialise(
    ram: &[Range<u64>],
    free: &[Range<u64>],
    boundary: u64,
) -> Result<(), &'static str> {
    let ram = Ranges::new(ram);
    let free = Ranges::new(free);
    let window =
        best_window(ram.as_slice()).ok_or("no usable memory: the device tree names none")?;
    let bytes = (window.end - window.start) * size_of::<Metadata>() as u64;
    let needed = bytes.div_ceil(FRAME_SIZE as u64);
    let inside = |range: &Range<u64>| range.start.max(window.start)..range.end.min(window.end);
    let place = free
        .as_slice()
        .iter()
        .map(inside)
        .rfind(|range| range.start < range.end && range.end - range.start >= needed)
        .ok_or("no usable memory: no free range holds the frame metadata")?
        .start;
    let array = linear_address(place << FRAME_SHIFT);
    // SAFETY: free memory in the linear map, large enough, given to the array for ever; all-zero metadata is valid.
    unsafe {
        core::ptr::write_bytes(array, 0, bytes as usize);
        install(array.cast(), window.start, window.end);
    }
    set_boundary(boundary >> FRAME_SHIFT);
    set_total(
        ram.as_slice()
            .iter()
            .map(inside)
            .filter(|range| range.start < range.end)
            .map(|range| range.end - range.start)
            .sum(),
    );
    for range in free.as_slice().iter().map(inside) {
        // SAFETY: free memory; what is left out is where the array is.
        unsafe {
            add(range.start, range.end.min(place));
            add(range.start.max(place + needed), range.end);
        }
    }
    Ok(())
}

/// Adds frames to the allocator in the largest aligned blocks.
///
/// # Safety
/// Nobody uses them, and they have metadata; an empty range is fine.
unsafe fn add(start: u64, end: u64) {
    let mut number = start;
    while number < end {
        let alignment = number.trailing_zeros() as usize;
        let length = (end - number).ilog2() as usize;
        let order = alignment.min(length).min(MAX_ORDER);
        // SAFETY: within the range, aligned to its size.
        unsafe { release_block(number as u32, order) };
        number += 1 << order;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_rounded_inwards_sorted_and_merged() {
        let ranges = Ranges::new(&[
            0x5000..0x9001,
            0..0x2fff,
            0x9000..0xa000,
            0x20_0fff..0x20_1000,
        ]);
        assert_eq!(ranges.as_slice(), [1..2, 5..10]);
    }

    #[test]
    fn far_memory_does_not_win_over_much_memory() {
        // The Raspberry Pi 4 with 8 GiB.
        let pi = [1..0x3b400, 0x40000..0xfc000, 0x10_0000..0x20_0000];
        assert_eq!(best_window(&pi), Some(1..0x20_0000));
        let far = [0x40000..0x80000, 0xf000_0000..0xf000_1000];
        assert_eq!(best_window(&far), Some(0x40000..0x80000));
        let small_first = [1..2, 0x4000_0000..0x4004_0000];
        assert_eq!(best_window(&small_first), Some(0x4000_0000..0x4004_0000));
        assert_eq!(best_window(&[]), None);
    }
}
