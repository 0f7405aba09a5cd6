//! Contiguous memory: large kernel objects, and memory for devices.

use super::cache::{allocate_block, allocate_block_below, release_block};
use super::machine::linear_address;
use super::{FRAME_SHIFT, FRAME_SIZE, OutOfMemory, Purpose};

/// The only owner of a contiguous block of 2^order frames, aligned to its size.
#[derive(Debug)]
pub struct FrameBlock {
    number: u32,
    order: u8,
}

impl FrameBlock {
    /// The largest order: 2^10 frames, 4 MiB.
    pub const MAX_ORDER: usize = super::buddy::MAX_ORDER;

    /// A block with unspecified content.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no block of that size, or memory is short.
    pub fn allocate(order: usize) -> Result<Self, OutOfMemory> {
        Self::allocate_for(order, Purpose::Ordinary)
    }

    /// A block of zeros.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no block of that size, or memory is short.
    pub fn allocate_zeroed(order: usize) -> Result<Self, OutOfMemory> {
        let block = Self::allocate(order)?;
        // SAFETY: the block is ours alone.
        unsafe { core::ptr::write_bytes(block.address(), 0, block.size()) };
        Ok(block)
    }

    /// A block of zeros whose physical addresses are all below `limit`, for a device that reaches no further.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no such block, or memory is short; always if `limit` is less than what the machine's
    /// description says that all of its devices reach, and than the end of memory.
    pub fn allocate_below(order: usize, limit: u64) -> Result<Self, OutOfMemory> {
        let block = Self {
            number: allocate_block_below(order, limit >> FRAME_SHIFT, Purpose::Ordinary)?,
            order: order as u8,
        };
        // SAFETY: the block is ours alone.
        unsafe { core::ptr::write_bytes(block.address(), 0, block.size()) };
        Ok(block)
    }

    pub(crate) fn allocate_for(order: usize, purpose: Purpose) -> Result<Self, OutOfMemory> {
        Ok(Self {
            number: allocate_block(order, purpose)?,
            order: order as u8,
        })
    }

    /// Takes back what [`Self::leak`] gave away.
    ///
    /// # Safety
    /// A block of this address and order was leaked, and nobody uses it any more.
    pub unsafe fn from_address(address: *mut u8, order: usize) -> Self {
        Self {
            number: (super::machine::physical_address(address) >> FRAME_SHIFT) as u32,
            order: order as u8,
        }
    }

    /// The physical address of its first byte.
    pub fn physical_address(&self) -> u64 {
        u64::from(self.number) << FRAME_SHIFT
    }

    /// Its first byte in the linear map.
    pub fn address(&self) -> *mut u8 {
        linear_address(self.physical_address())
    }

    /// Bytes.
    pub fn size(&self) -> usize {
        FRAME_SIZE << self.order
    }

    /// Keeps the memory for ever; its first byte in the linear map.
    pub fn leak(self) -> *mut u8 {
        core::mem::ManuallyDrop::new(self).address()
    }
}

impl Drop for FrameBlock {
    fn drop(&mut self) {
        // SAFETY: the block came from the allocator and its only owner goes.
        unsafe { release_block(self.number, usize::from(self.order)) };
    }
}
