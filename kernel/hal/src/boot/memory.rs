//! Memory from the board's description: the linear map and the frame allocator.

use super::start::image_length;
use super::{Boot, Regions};
use crate::kernel_map::{self, Attributes};
use crate::layout::{LINEAR_MAP_LENGTH, PAGE_SIZE, linear};
use core::ops::Range;

/// How many separate ranges of memory are told apart.
const MAX_RANGES: usize = 64;

/// Why memory can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryError {
    /// The board names no memory, or less than the kernel needs.
    TooLittle,
    /// More separate ranges than can be told apart.
    TooManyRanges,
}

impl From<super::TooMany> for MemoryError {
    fn from(_: super::TooMany) -> Self {
        Self::TooManyRanges
    }
}

impl Boot {
    /// Maps all memory and starts the frame allocator and the kernel heap. `ram` is all memory; `reserved` is
    /// what is in use (the device tree, firmware); `unmapped` is reserved memory that mustn't even be mapped;
    /// `initial_ramdisk` is kept for the core. Every device that reaches memory reaches it below `boundary`.
    ///
    /// # Errors
    /// Says why memory can't be used; nothing else works then.
    ///
    /// # Safety
    /// `ram` is ordinary memory which nobody uses outside of `reserved`, `unmapped`, the initial RAM disk and the
    /// kernel image. Called once.
    pub unsafe fn initialise_memory(
        &self,
        ram: impl Iterator<Item = Range<u64>>,
        reserved: impl Iterator<Item = Range<u64>>,
        unmapped: impl Iterator<Item = Range<u64>>,
        initial_ramdisk: Option<Range<u64>>,
        boundary: u64,
    ) -> Result<(), MemoryError> {
        let image = kernel_map::image_physical(&raw const super::start::linker::__image_start);
        let image = image..image + image_length();

        let mut mapped = Regions::<MAX_RANGES>::default();
        for range in ram {
            mapped.add(inwards(range))?;
        }
        for range in unmapped {
            mapped.subtract(outwards(range))?;
        }
        // The image has its own mapping, where code and constants can't be written.
        mapped.subtract(image)?;
        let mut free = mapped.clone();
        for range in reserved.chain(initial_ramdisk.clone()) {
            free.subtract(outwards(range))?;
        }
        let mut usable = Regions::<MAX_RANGES>::default();
        for range in mapped.as_slice() {
            let mut more = || usable.take_page();
            // SAFETY: a part of memory that isn't mapped yet, at its place in the linear map; tables come from what
            // is mapped already and free.
            let result = unsafe {
                kernel_map::map(
                    linear(range.start).addr() as u64,
                    range.start,
                    range.end - range.start,
                    Attributes::DATA,
                    &mut more,
                )
            };
            result.map_err(|_| MemoryError::TooLittle)?;
            for part in free.as_slice() {
                usable.add(
                    part.start.max(range.start)
                        ..part.end.min(range.end).max(part.start.max(range.start)),
                )?;
            }
        }
        if usable.as_slice().is_empty() {
            return Err(MemoryError::TooLittle);
        }
        // SAFETY: everything of `mapped` is in the linear map, and nobody uses what is in `usable`.
        unsafe {
            crate::frame::initialise(mapped.as_slice(), usable.as_slice(), boundary)
                .map_err(|_| MemoryError::TooLittle)?;
            if let Some(range) = initial_ramdisk {
                crate::frame::set_initrd(range);
            }
        }
        crate::page_table::initialise();
        crate::user::initialise();
        Ok(())
    }
}

/// The whole pages of a range, as far as the linear map reaches.
fn inwards(range: Range<u64>) -> Range<u64> {
    let page = PAGE_SIZE as u64;
    let start = range.start.min(LINEAR_MAP_LENGTH).next_multiple_of(page);
    let end = range.end.min(LINEAR_MAP_LENGTH) / page * page;
    start..end.max(start)
}

/// The pages a range touches.
fn outwards(range: Range<u64>) -> Range<u64> {
    let page = PAGE_SIZE as u64;
    let start = range.start.min(LINEAR_MAP_LENGTH) / page * page;
    let end = range.end.min(LINEAR_MAP_LENGTH).next_multiple_of(page);
    start..end.max(start)
}
