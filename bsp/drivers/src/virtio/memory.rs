//! Memory that virtio devices reach: all of it, at its physical address, and coherent with the CPUs' caches.

use core::ptr::NonNull;
use hal::frame::FrameBlock;
use hal::layout;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// The order of a block of at least so many pages.
fn order(pages: usize) -> usize {
    pages.next_power_of_two().trailing_zeros() as usize
}

/// The kernel's memory, for the crate.
pub struct KernelMemory;

// SAFETY: memory comes from the frame allocator, which gives it to nobody else, zeroed and aligned to pages.
unsafe impl Hal for KernelMemory {
    fn dma_alloc(pages: usize, _direction: BufferDirection) -> (PhysAddr, NonNull<u8>) {
        let block = FrameBlock::allocate_zeroed(order(pages)).ok();
        block
            .and_then(|block| {
                let physical = block.physical_address();
                Some((physical, NonNull::new(block.leak())?))
            })
            // Physical address 0 says that there was none.
            .unwrap_or((0, NonNull::dangling()))
    }

    unsafe fn dma_dealloc(_physical: PhysAddr, address: NonNull<u8>, pages: usize) -> i32 {
        // SAFETY: the caller promises that this came from `dma_alloc`, which leaked a block of this order.
        drop(unsafe { FrameBlock::from_address(address.as_ptr(), order(pages)) });
        0
    }

    unsafe fn mmio_phys_to_virt(physical: PhysAddr, size: usize) -> NonNull<u8> {
        // SAFETY: the caller promises that device registers are there.
        match unsafe { hal::mmio::map_device(physical, size as u64) } {
            Some(address) => address,
            None => panic!("no room to map {size} bytes of device registers at {physical:#x}"),
        }
    }

    unsafe fn share(buffer: NonNull<[u8]>, _direction: BufferDirection) -> PhysAddr {
        // Whoever gives the queue a buffer takes it from the linear map.
        layout::physical(buffer.cast::<u8>().as_ptr())
    }

    unsafe fn unshare(_physical: PhysAddr, _buffer: NonNull<[u8]>, _direction: BufferDirection) {}
}
