//! The boot CPU's first Rust code, and what the board's main function begins with.

use crate::kernel_map::{self, Attributes};
use crate::layout::DEVICES_BASE;
use core::ops::Range;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Symbols of the linker script.
pub(super) mod linker {
    unsafe extern "C" {
        pub safe static __image_start: u8;
        pub safe static __image_end: u8;
        pub safe static __boot_stack_guard: u8;
        pub safe static __emergency_stack_guard: u8;
    }
}

/// Bytes of the image in memory, with what is zero at the start.
pub(crate) fn image_length() -> u64 {
    (&raw const linker::__image_end).addr() as u64
        - (&raw const linker::__image_start).addr() as u64
}

/// The boot CPU after its entry: MMU on, its own stack, interrupts masked; no memory known.
pub struct Boot {
    /// Physical address of the device tree, as the boot loader gave it; zero if none.
    device_tree: u64,
}

/// Why there is no device tree to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceTreeError {
    /// The boot loader gave none (x0 = 0).
    Missing,
    /// Its address isn't a multiple of 8, or is beyond physical memory.
    Address(u64),
    /// There is something else at its address.
    Magic(u32),
    /// Its size is less than its header or more than 2 MiB.
    Size(u32),
}

/// Set while the device tree is read for the first time: there may be no memory where it should be.
static DOUBTFUL: AtomicBool = AtomicBool::new(false);

/// Says that there is no memory where the device tree should be, if that is what an exception at `address` means.
pub(crate) fn report_doubtful_device_tree(address: u64) {
    if DOUBTFUL.load(Relaxed) && DEVICE_TREE_WINDOW.contains(&address) {
        crate::console::ensure();
        crate::println!("boot: the device tree can't be read: there is no memory where x0 points");
        crate::cpu::exit(crate::panic::EXIT_STATUS);
    }
}

/// Where the device tree is mapped: two blocks, as it may cross from one into the next.
const DEVICE_TREE_WINDOW: Range<u64> = DEVICES_BASE..DEVICES_BASE + (4 << 20);

/// Called by the entry code on the boot CPU.
pub(crate) extern "C" fn primary_main(device_tree: u64, image_physical: u64) -> ! {
    kernel_map::set_image_physical(image_physical);
    // SAFETY: the boot CPU, first of all.
    unsafe { crate::task::install_boot_header(0) };
    crate::exception::vectors::install();
    crate::cpu::provide_boot_emergency_stack();
    kernel_map::leave_identity_map();
    crate::cpu::features::enable();
    for guard in [
        &raw const linker::__boot_stack_guard,
        &raw const linker::__emergency_stack_guard,
    ] {
        // SAFETY: nothing uses the guard pages; the image is mapped page by page.
        unsafe {
            kernel_map::unmap_pages(guard.addr() as u64, crate::task::STACK_SIZE as u64, |_| ())
        };
    }
    crate::entry::hooks::__gantry_board_main(Boot { device_tree })
}

impl Boot {
    /// Bytes from the start of a device tree that the boot protocol allows, and its alignment.
    const DEVICE_TREE_LIMIT: u32 = 2 << 20;

    /// The device tree as raw bytes, mapped for good, with its physical address. Only its magic number and size are
    /// checked here. A second call finds it missing.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn device_tree(&mut self) -> Result<(&'static mut [u8], u64), DeviceTreeError> {
        const MAGIC: u32 = 0xd00d_feed;
        const BLOCK: u64 = 2 << 20;
        let physical = core::mem::take(&mut self.device_tree);
        if physical == 0 {
            return Err(DeviceTreeError::Missing);
        }
        if !physical.is_multiple_of(8) || physical >= 1 << 48 {
            return Err(DeviceTreeError::Address(physical));
        }
        let block = physical & !(BLOCK - 1);
        // SAFETY: the first 4 MiB of the device region are kept for this; the boot loader promises that RAM is there,
        // which nobody else uses. The image's own tables are enough, so no page is needed.
        let mapped = unsafe {
            kernel_map::map(
                DEVICES_BASE,
                block,
                2 * BLOCK,
                Attributes::DATA,
                &mut || None,
            )
        };
        if mapped.is_err() {
            return Err(DeviceTreeError::Address(physical));
        }
        DOUBTFUL.store(true, Relaxed);
        let start = core::ptr::with_exposed_provenance_mut::<u8>(
            (DEVICES_BASE + physical - block) as usize,
        );
        // SAFETY: mapped above, for at least 2 MiB from `start`, and never unmapped.
        let header = unsafe { core::slice::from_raw_parts(start, 40) };
        let word = |at: usize| {
            u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
        };
        if word(0) != MAGIC {
            return Err(DeviceTreeError::Magic(word(0)));
        }
        if !(40..=Self::DEVICE_TREE_LIMIT).contains(&word(4)) {
            return Err(DeviceTreeError::Size(word(4)));
        }
        let last = word(4) as usize - 1;
        // SAFETY: as above.
        unsafe { start.add(last).read_volatile() };
        DOUBTFUL.store(false, Relaxed);
        // SAFETY: as above; there is no second call that gets here.
        Ok((
            unsafe { core::slice::from_raw_parts_mut(start, word(4) as usize) },
            physical,
        ))
    }
}
