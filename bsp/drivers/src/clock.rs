//! Arm PL031 real-time clock (Arm DDI 0224C).

use core::ops::Range;
use hal::mmio::map_device;
use tock_registers::interfaces::Readable;
use tock_registers::registers::ReadOnly;

/// Nanoseconds since 1970, as the clock whose registers are there says; to the second.
pub fn read(registers: Range<u64>) -> Option<u64> {
    if registers.end - registers.start < 4 {
        return None;
    }
    // SAFETY: the device tree says that a PL031 is there; its first register is the time.
    let seconds = unsafe {
        map_device(registers.start, 4)?
            .cast::<ReadOnly<u32>>()
            .as_ref()
            .get()
    };
    Some(u64::from(seconds) * 1_000_000_000)
}
