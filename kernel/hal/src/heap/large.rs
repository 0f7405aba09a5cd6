//! Objects larger than the largest class: whole frames.

use crate::frame::{
    FRAME_SHIFT, FRAME_SIZE, FrameBlock, Purpose, allocate_number, linear_address,
    physical_address, release_number, zero_page,
};
use core::alloc::Layout;
use core::ptr::null_mut;

/// The order of the block for an allocation; blocks are aligned to their size.
pub fn order(layout: Layout) -> usize {
    let size = layout.size().max(layout.align()).max(FRAME_SIZE);
    (size.div_ceil(FRAME_SIZE))
        .next_power_of_two()
        .trailing_zeros() as usize
}

#[cold]
#[inline(never)]
pub fn allocate(layout: Layout) -> *mut u8 {
    let order = order(layout);
    if order == 0 {
        return match allocate_number(Purpose::Kernel) {
            Ok(number) => linear_address(u64::from(number) << FRAME_SHIFT),
            Err(_) => null_mut(),
        };
    }
    FrameBlock::allocate_for(order, Purpose::Large).map_or(null_mut(), FrameBlock::leak)
}

#[cold]
#[inline(never)]
pub fn allocate_zeroed(layout: Layout) -> *mut u8 {
    let pointer = allocate(layout);
    if !pointer.is_null() {
        // SAFETY: new memory of that size; a single frame is cleared as a whole.
        unsafe {
            if order(layout) == 0 {
                zero_page(pointer);
            } else {
                core::ptr::write_bytes(pointer, 0, layout.size());
            }
        }
    }
    pointer
}

/// # Safety
/// [`allocate`] gave the memory for the same layout, and nobody uses it any more.
#[cold]
#[inline(never)]
pub unsafe fn release(pointer: *mut u8, layout: Layout) {
    let order = order(layout);
    // SAFETY: as the caller promises.
    unsafe {
        if order == 0 {
            release_number((physical_address(pointer) >> FRAME_SHIFT) as u32);
        } else {
            drop(FrameBlock::from_address(pointer, order));
        }
    }
}
