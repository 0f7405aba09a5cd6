//! Memory on the host: one large allocation plays RAM, with the same allocator on it as on the machine.

use super::FRAME_SIZE;
use std::sync::OnceLock;
use std::vec::Vec;

/// Bytes of the simulated RAM. The host's kernel gives a page when it is first touched.
const SIZE: usize = 512 << 20;
/// Its physical address.
const BASE: u64 = 0x4000_0000;
/// Below it is what every simulated device reaches.
pub const BOUNDARY: u64 = BASE + (64 << 20);
/// The largest block's alignment.
const ALIGNMENT: usize = 4 << 20;

static ARENA: OnceLock<usize> = OnceLock::new();
static READY: OnceLock<()> = OnceLock::new();

fn arena() -> usize {
    *ARENA.get_or_init(|| {
        let memory: &'static mut [u8] = Vec::leak(std::vec![0u8; SIZE + ALIGNMENT]);
        memory
            .as_mut_ptr()
            .expose_provenance()
            .next_multiple_of(ALIGNMENT)
    })
}

/// Hands the simulated RAM to the allocator, once.
pub fn ensure_initialised() {
    READY.get_or_init(|| {
        let ram = BASE..BASE + SIZE as u64;
        let ranges = core::slice::from_ref(&ram);
        // SAFETY: called once; the arena is behind `linear_address` and used by nobody else.
        unsafe { super::initialise(ranges, ranges, BOUNDARY) }.expect("the simulated RAM is valid");
    });
}

/// Where a physical address is mapped.
pub fn linear_address(physical: u64) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(arena() + (physical - BASE) as usize)
}

/// The physical address of a pointer into the linear map.
pub fn physical_address(pointer: *const u8) -> u64 {
    (pointer.addr() - arena()) as u64 + BASE
}

/// Fills a page with zeros.
///
/// # Safety
/// `page` is a page-aligned page that the caller may write.
pub unsafe fn zero_page(page: *mut u8) {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::write_bytes(page, 0, FRAME_SIZE) };
}

/// Copies a page.
///
/// # Safety
/// Both are page-aligned pages, not the same; the caller may read and write them.
pub unsafe fn copy_page(target: *mut u8, source: *const u8) {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::copy_nonoverlapping(source, target, FRAME_SIZE) };
}

/// Copies bytes.
///
/// # Safety
/// Both ranges are the caller's to access and don't overlap.
pub unsafe fn copy(target: *mut u8, source: *const u8, length: usize) {
    // SAFETY: as the caller promises.
    unsafe { core::ptr::copy_nonoverlapping(source, target, length) };
}

/// The host runs nothing from simulated memory.
pub fn synchronise_instructions(_page: *mut u8) {}
