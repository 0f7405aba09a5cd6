//! A screen's pixels, which are memory.

use crate::frame::FrameBlock;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Where the colours are in a pixel of 32 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelOrder {
    /// Blue in the lowest byte, then green and red.
    BlueFirst,
    /// Red in the lowest byte, then green and blue.
    RedFirst,
}

/// How pixels of 32 bits lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Pixels of a line.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Bytes from the start of a line to the next one's.
    pub pitch: usize,
    pub order: PixelOrder,
}

impl Geometry {
    /// Bytes from the first pixel to the end of the last; `None` if lines overlap, or pixels aren't words of memory.
    pub fn length(&self) -> Option<usize> {
        let line = self.width.checked_mul(4)?;
        let makes_sense = line > 0 && self.pitch >= line && self.pitch.is_multiple_of(4);
        let before_last = self.height.checked_sub(1)?.checked_mul(self.pitch)?;
        before_last.checked_add(line).filter(|_| makes_sense)
    }
}

/// The pixels of a screen. They are written and never read, since it may take a device long to answer.
///
/// Whoever has a reference may draw; where two draw at a time, pixels are those of one or the other.
#[derive(Debug)]
pub struct FrameBuffer {
    first: NonNull<AtomicU32>,
    geometry: Geometry,
}

// SAFETY: the memory is for pixels alone as long as the kernel runs, and it is accessed atomically.
unsafe impl Send for FrameBuffer {}
// SAFETY: as above.
unsafe impl Sync for FrameBuffer {}

impl FrameBuffer {
    /// Pixels in ordinary memory, kept for ever; `None` if they don't fit.
    pub fn in_memory(block: FrameBlock, geometry: Geometry) -> Option<Self> {
        if geometry.length()? > block.size() {
            return None;
        }
        Some(Self {
            first: NonNull::new(block.leak())?.cast(),
            geometry,
        })
    }

    /// Pixels in memory of a device, `length` bytes at a physical address: mapped past the caches, so that writes are
    /// gathered on their way and none has to be cleaned. `None` if they don't fit or can't be mapped.
    ///
    /// # Safety
    /// That memory is there for pixels alone, and mapped nowhere else.
    #[cfg(target_os = "none")]
    pub unsafe fn map(physical: u64, length: u64, geometry: Geometry) -> Option<Self> {
        if geometry.length()? as u64 > length || !physical.is_multiple_of(4) {
            return None;
        }
        Some(Self {
            // SAFETY: as the caller promises.
            first: unsafe { crate::mmio::map_memory(physical, length)? }.cast(),
            geometry,
        })
    }

    /// How the pixels lie.
    pub fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The pixel of a colour 0xrrggbb.
    pub fn pixel(&self, colour: u32) -> u32 {
        match self.geometry.order {
            PixelOrder::BlueFirst => colour,
            PixelOrder::RedFirst => colour.swap_bytes() >> 8,
        }
    }

    /// Sets pixels of line `y` from `x` on; what would be beyond the screen is left out.
    pub fn put(&self, x: usize, y: usize, pixels: &[u32]) {
        let Geometry {
            width,
            height,
            pitch,
            ..
        } = self.geometry;
        if x >= width || y >= height {
            return;
        }
        let count = pixels.len().min(width - x);
        // SAFETY: the range is within a line of the buffer, whose length was compared with the memory's.
        let line = unsafe {
            core::slice::from_raw_parts(self.first.as_ptr().add(y * pitch / 4 + x), count)
        };
        for (place, pixel) in line.iter().zip(pixels) {
            place.store(*pixel, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_stay_on_their_screen() {
        let geometry = Geometry {
            width: 5,
            height: 2,
            pitch: 32,
            order: PixelOrder::RedFirst,
        };
        let block = FrameBlock::allocate_zeroed(0).unwrap();
        let words = block.address().cast::<u32>();
        let screen = FrameBuffer::in_memory(block, geometry).unwrap();
        let red = screen.pixel(0x11_22_33);
        assert_eq!(red, 0x33_22_11);
        screen.put(3, 0, &[red; 9]);
        screen.put(5, 1, &[red; 9]);
        screen.put(0, 2, &[red; 9]);
        screen.put(4, 1, &[7]);
        // SAFETY: the frame buffer's memory, which nobody writes any more.
        let words = unsafe { core::slice::from_raw_parts(words, 32) };
        let mut expected = [0; 32];
        expected[3..5].fill(red);
        expected[8 + 4] = 7;
        assert_eq!(words, expected);
    }

    #[test]
    fn geometries_that_make_no_sense_are_refused() {
        let of = |width, height, pitch| Geometry {
            width,
            height,
            pitch,
            order: PixelOrder::BlueFirst,
        };
        assert_eq!(of(4, 3, 20).length(), Some(56));
        for geometry in [
            of(0, 1, 4),
            of(1, 0, 4),
            of(2, 1, 4),
            of(1, 2, 6),
            of(usize::MAX, 1, usize::MAX),
            of(1, usize::MAX, 4096),
        ] {
            assert_eq!(geometry.length(), None, "{geometry:?}");
        }
        let block = FrameBlock::allocate(0).unwrap();
        assert!(FrameBuffer::in_memory(block, of(1024, 2, 4096)).is_none());
    }
}
