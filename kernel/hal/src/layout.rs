//! Where things are in the address space (48-bit addresses, 4 KiB pages).

/// Bytes of a page.
pub const PAGE_SIZE: usize = 4096;

/// First address above user space.
pub const USER_END: u64 = 0x0001_0000_0000_0000;

/// Physical address 0 in the linear map of all memory.
pub const LINEAR_MAP_BASE: u64 = 0xffff_0000_0000_0000;

/// First physical address beyond the linear map.
pub const LINEAR_MAP_LENGTH: u64 = 0x0000_8000_0000_0000;

/// Where the kernel image is linked.
pub const IMAGE_BASE: u64 = 0xffff_8000_8000_0000;

/// The region of kernel stacks: slots of a guard and a stack.
pub const STACKS_BASE: u64 = 0xffff_8001_0000_0000;

/// The region of device registers and of what is mapped before memory is known.
pub const DEVICES_BASE: u64 = 0xffff_8002_0000_0000;

/// Bytes of the device region.
pub const DEVICES_LENGTH: u64 = 0x4000_0000;

/// The address of physical memory in the linear map. Only RAM is mapped there.
pub const fn linear(physical: u64) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut((LINEAR_MAP_BASE + physical) as usize)
}

/// The physical address of a pointer into the linear map.
pub fn physical<T>(pointer: *const T) -> u64 {
    pointer.expose_provenance() as u64 - LINEAR_MAP_BASE
}

#[cfg(target_os = "none")]
pub use crate::kernel_map::{empty_user_table, image_physical};
