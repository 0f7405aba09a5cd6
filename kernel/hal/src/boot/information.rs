//! What the board found out for the portable kernel.

use crate::frame_buffer::FrameBuffer;
use core::ops::Range;

/// Facts about this boot, given to the kernel's start function.
#[derive(Debug)]
pub struct BootInformation {
    /// The kernel command line (/chosen/bootargs), without a NUL.
    pub command_line: &'static [u8],
    /// Physical addresses of the initial RAM file system, if the boot loader gave one; not page-aligned
    /// in general. Its pages are in the linear map and belong to no one yet.
    pub initial_ramdisk: Option<Range<u64>>,
    /// The machine's model (/model of the device tree).
    pub model: &'static str,
    /// What the board's firmware says of it.
    pub facts: BoardFacts,
    /// The checked device tree.
    pub device_tree: &'static [u8],
    /// Wall-clock time at boot in nanoseconds since 1970, if the board has a clock.
    pub wall_clock: Option<u64>,
    /// The screen, if there is one.
    pub frame_buffer: Option<FrameBuffer>,
    /// Starts the devices whose drivers sleep; called once, by the first thread that can.
    pub start_devices: fn(),
}

/// What a board's firmware says of it, as far as it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BoardFacts {
    /// The Raspberry Pi's revision code: memory, manufacturer, processor, model.
    pub revision: Option<u32>,
    pub serial: Option<u64>,
    pub ethernet_address: Option<[u8; 6]>,
    /// Bytes below the first gigabyte that the firmware left to the processors.
    pub low_memory: Option<u32>,
    /// The highest frequency of the processors, in hertz.
    pub processor_clock: Option<u32>,
    /// The chip's temperature at boot, in thousandths of a degree Celsius.
    pub temperature: Option<u32>,
}
