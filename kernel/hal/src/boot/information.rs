//! What the board found out for the portable kernel.

use core::ops::Range;

/// Facts about this boot, given to the kernel's start function.
#[derive(Clone, Debug)]
pub struct BootInformation {
    /// The kernel command line (/chosen/bootargs), without a NUL.
    pub command_line: &'static [u8],
    /// Physical addresses of the initial RAM file system, if the boot loader gave one; not page-aligned
    /// in general. Its pages are in the linear map and belong to no one yet.
    pub initial_ramdisk: Option<Range<u64>>,
    /// The machine's model (/model of the device tree).
    pub model: &'static str,
    /// Wall-clock time at boot in nanoseconds since 1970, if the board has a clock.
    pub wall_clock: Option<u64>,
}
