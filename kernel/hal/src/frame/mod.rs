//! Physical memory: pages ("frames") with counted owners, given out by a buddy allocator behind a cache of
//! single frames per CPU.
//!
//! [`Frame`] is a counted reference to one page, [`FrameBlock`] owns a contiguous block. Everything here may
//! be used in interrupt handlers: the caches and the allocator mask interrupts for their few instructions.
//!
//! # Devices that don't reach all memory
//! Memory below the boundary that [`initialise`] is told is given out last, so that
//! [`FrameBlock::allocate_below`] finds some whenever a driver starts.
//!
//! # Running out
//! Below a reserve ([`headroom`]) frames for users are refused, so that the small allocations of the kernel
//! heap, which can't fail gracefully, still find memory. A system call that creates something asks
//! `headroom()` first.

mod block;
mod boot;
mod buddy;
mod cache;
mod initrd;
mod metadata;
mod reference;
#[cfg(test)]
pub(crate) mod tests;
mod zones;

#[cfg(not(target_os = "none"))]
#[path = "machine_host.rs"]
pub(crate) mod machine;
#[cfg(target_os = "none")]
#[path = "machine_aarch64.rs"]
pub(crate) mod machine;

pub use block::FrameBlock;
pub use boot::initialise;
pub(crate) use cache::{
    Purpose, allocate_number, release_known_zero, release_number, release_shares,
};
pub use cache::{allocate_raw, end, free, free_raw, headroom, total};
pub use initrd::{Initrd, set_initrd, take_initrd};
pub(crate) use machine::{linear_address, physical_address, zero_page};
pub(crate) use metadata::{Metadata, metadata};
pub use reference::{Frame, FrameRef};

/// Bytes of a frame.
pub const FRAME_SIZE: usize = 4096;

/// Bits of an address within a frame.
pub const FRAME_SHIFT: u32 = 12;

/// There is no memory for this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;
