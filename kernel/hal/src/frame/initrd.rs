//! The initial RAM disk: memory the boot loader filled, whose pages become ordinary frames.

use super::machine::{copy, linear_address};
use super::metadata::{covers, metadata};
use super::{FRAME_SHIFT, FRAME_SIZE, Frame};
use crate::sync::SpinLock;
use core::ops::Range;

static INITRD: SpinLock<Option<Initrd>> = SpinLock::new(None);

/// The initial RAM disk. It owns its pages; when it is dropped, those that nobody else owns by then are free
/// memory.
#[derive(Debug)]
pub struct Initrd {
    /// Physical addresses of its bytes.
    range: Range<u64>,
    /// Whether a page has been given out, whose content may change.
    shared: bool,
}

/// Notes where the boot loader put the initial RAM disk; a range that isn't memory is ignored.
///
/// # Safety
/// Called at most once, after [`super::initialise`]. Nobody uses the pages that the range touches, nor were
/// they in the memory that was given to the allocator.
pub unsafe fn set_initrd(range: Range<u64>) {
    if range.start >= range.end {
        return;
    }
    let pages = range.start >> FRAME_SHIFT..range.end.div_ceil(FRAME_SIZE as u64);
    if pages.start == 0 || !covers(pages.start) || !covers(pages.end - 1) {
        return;
    }
    for number in pages {
        // SAFETY: checked to have metadata; the pages belong to the disk, as the caller promises.
        unsafe { metadata(number) }.begin_use();
    }
    *INITRD.lock() = Some(Initrd {
        range,
        shared: false,
    });
}

/// The initial RAM disk, for the first caller.
pub fn take_initrd() -> Option<Initrd> {
    INITRD.lock().take()
}

impl Initrd {
    /// Bytes.
    pub fn len(&self) -> usize {
        (self.range.end - self.range.start) as usize
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// All bytes, as long as no page has been given out.
    pub fn bytes(&self) -> Option<&[u8]> {
        // SAFETY: the range is memory in the linear map, owned by the disk; nobody can change it, since no page is
        // given out while the slice lives (`frame_at` needs the disk mutably).
        (!self.shared).then(|| unsafe {
            core::slice::from_raw_parts(linear_address(self.range.start), self.len())
        })
    }

    /// Copies bytes from `offset` on; `false` if there aren't so many.
    pub fn read(&self, offset: usize, target: &mut [u8]) -> bool {
        let inside = offset
            .checked_add(target.len())
            .is_some_and(|end| end <= self.len());
        if inside {
            // SAFETY: within the disk's memory; `target` is memory of the caller's own.
            unsafe {
                copy(
                    target.as_mut_ptr(),
                    linear_address(self.range.start).add(offset),
                    target.len(),
                )
            };
        }
        inside
    }

    /// Shares the page at `offset` if the offset is a page's first byte and the page lies wholly in the disk.
    pub fn frame_at(&mut self, offset: usize) -> Option<Frame> {
        let address = self.range.start.checked_add(offset as u64)?;
        let end = address.checked_add(FRAME_SIZE as u64)?;
        if !address.is_multiple_of(FRAME_SIZE as u64) || end > self.range.end {
            return None;
        }
        self.shared = true;
        // SAFETY: the disk owns the frame, and goes on owning it: the clone is the caller's share.
        let own = unsafe { super::FrameRef::from_number((address >> FRAME_SHIFT) as u32) };
        Some(own.clone_frame())
    }
}

impl Drop for Initrd {
    fn drop(&mut self) {
        for number in self.range.start >> FRAME_SHIFT..self.range.end.div_ceil(FRAME_SIZE as u64) {
            // SAFETY: the disk owns each of its pages once.
            drop(unsafe { Frame::from_number(number as u32) });
        }
    }
}
