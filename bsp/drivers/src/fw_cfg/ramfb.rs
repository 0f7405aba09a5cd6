//! QEMU's ramfb: a screen whose pixels are in the machine's memory, wherever the kernel says (QEMU, hw/display/ramfb.c).

use super::registers::FirmwareConfiguration;
use core::ops::Range;
use hal::frame::FrameBlock;
use hal::frame_buffer::{FrameBuffer, Geometry, PixelOrder};

const FILE: &str = "etc/ramfb";
/// DRM's name for pixels of 32 bits with blue in the lowest byte: "XR24".
const BLUE_FIRST: u32 = u32::from_le_bytes(*b"XR24");
/// A size that the largest block of memory has room for.
const WIDTH: usize = 1024;
const HEIGHT: usize = 768;
const PITCH: usize = WIDTH * 4;
/// Bytes of the file: address, format, flags, width, height, pitch.
const LENGTH: usize = 28;

/// Sets the screen up; `None` if the machine has none, or there is no memory for it.
pub fn frame_buffer(registers: Range<u64>) -> Option<FrameBuffer> {
    let device = FirmwareConfiguration::new(registers)?;
    let (size, key) = device.find(FILE)?;
    if size as usize != LENGTH {
        return None;
    }
    let geometry = Geometry {
        width: WIDTH,
        height: HEIGHT,
        pitch: PITCH,
        order: PixelOrder::BlueFirst,
    };
    let pages = (PITCH * HEIGHT).div_ceil(hal::frame::FRAME_SIZE);
    let order = pages.next_power_of_two().trailing_zeros() as usize;
    let block = FrameBlock::allocate_zeroed(order).ok()?;
    let address = block.physical_address();
    let frame_buffer = FrameBuffer::in_memory(block, geometry)?;
    let mut content = [0; LENGTH];
    content[..8].copy_from_slice(&address.to_be_bytes());
    let words = [BLUE_FIRST, 0, WIDTH as u32, HEIGHT as u32, PITCH as u32];
    for (place, word) in content[8..].chunks_exact_mut(4).zip(words) {
        place.copy_from_slice(&word.to_be_bytes());
    }
    device.write(key, &content)?;
    Some(frame_buffer)
}
