//! The kernel heap.
//!
//! Objects of up to 2048 bytes come in size classes. A CPU takes and returns them through its magazine, a
//! small stack of free objects per class; full and empty magazines trade with the class's slabs, frames cut
//! into objects of one size. Larger objects are blocks of the frame allocator.
//!
//! Everything is O(1), nothing searches; interrupts are masked for the few instructions, so interrupt handlers
//! may drop what they own.
//!
//! # Running out
//! A null pointer, which `try_reserve` and the like report. Small objects and half of what the large ones
//! may take come out of a reserve that user memory can't use (see [`crate::frame::headroom`]).

mod large;
mod magazine;
mod size_class;
mod slab;
#[cfg(test)]
mod tests;

use core::alloc::{GlobalAlloc, Layout};

pub use magazine::{Statistics, statistics};

/// The heap as a global allocator.
#[derive(Clone, Copy, Debug)]
pub struct KernelHeap;

#[cfg(target_os = "none")]
#[global_allocator]
static HEAP: KernelHeap = KernelHeap;

// SAFETY: the slabs and the frame allocator give out disjoint memory of at least the size and alignment asked for.
unsafe impl GlobalAlloc for KernelHeap {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match size_class::of(layout) {
            Some(class) => magazine::allocate(class),
            None => large::allocate(layout),
        }
    }

    #[inline]
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller gives back what `alloc` gave for the same layout.
        unsafe {
            match size_class::of(layout) {
                Some(class) => magazine::release(pointer, class),
                None => large::release(pointer, layout),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match size_class::of(layout) {
            Some(class) => {
                let pointer = magazine::allocate(class);
                if !pointer.is_null() {
                    // SAFETY: new memory of that size.
                    unsafe { core::ptr::write_bytes(pointer, 0, layout.size()) };
                }
                pointer
            }
            None => large::allocate_zeroed(layout),
        }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the new size with the old alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let same_place = match (size_class::of(layout), size_class::of(new_layout)) {
            (Some(old), Some(new)) => old == new,
            (None, None) => large::order(layout) == large::order(new_layout),
            _ => false,
        };
        if same_place {
            return pointer;
        }
        // SAFETY: as for any allocation, copy and release; the smaller size is valid in both.
        unsafe {
            let new_pointer = self.alloc(new_layout);
            if !new_pointer.is_null() {
                core::ptr::copy_nonoverlapping(pointer, new_pointer, layout.size().min(new_size));
                self.dealloc(pointer, layout);
            }
            new_pointer
        }
    }
}
