//! The screen's pixels, which the firmware keeps in its part of memory.

use super::message::{self, Message};
use core::ops::Range;
use hal::frame_buffer::{Geometry, PixelOrder};

const GET_PHYSICAL_SIZE: u32 = 0x0004_0003;
const SET_PHYSICAL_SIZE: u32 = 0x0004_8003;
const SET_VIRTUAL_SIZE: u32 = 0x0004_8004;
const SET_DEPTH: u32 = 0x0004_8005;
const SET_PIXEL_ORDER: u32 = 0x0004_8006;
const SET_VIRTUAL_OFFSET: u32 = 0x0004_8009;
const ALLOCATE: u32 = 0x0004_0001;
const GET_PITCH: u32 = 0x0004_0008;

/// Bits of a pixel.
const DEPTH: u32 = 32;
const BLUE_FIRST: u32 = 0;
const RED_FIRST: u32 = 1;
/// Bytes of the buffer's alignment.
const ALIGNMENT: u32 = 4096;
/// The firmware's addresses say in their upper bits by which of its caches it goes; the processors' have none of that.
const ADDRESS: u32 = 0x3fff_ffff;

/// Asks for the size of the display's mode.
pub fn size_question() -> Message {
    message::message(&[(GET_PHYSICAL_SIZE, &[0, 0])])
}

/// Width and height of the display's mode; `None` if there is no display.
pub fn size(message: &Message) -> Option<(u32, u32)> {
    let mut size = None;
    message::answers(message, |tag, value| {
        if let (GET_PHYSICAL_SIZE, &[width, height]) = (tag, value) {
            size = Some((width, height)).filter(|_| width > 0 && height > 0);
        }
    });
    size
}

/// Asks for a buffer of a size.
pub fn request((width, height): (u32, u32)) -> Message {
    message::message(&[
        (SET_PHYSICAL_SIZE, &[width, height]),
        (SET_VIRTUAL_SIZE, &[width, height]),
        (SET_VIRTUAL_OFFSET, &[0, 0]),
        (SET_DEPTH, &[DEPTH]),
        (SET_PIXEL_ORDER, &[BLUE_FIRST]),
        (ALLOCATE, &[ALIGNMENT, 0]),
        (GET_PITCH, &[0]),
    ])
}

/// The buffer that was given, as the processors see it, and how its pixels lie: the firmware may give something else than
/// it was asked for. `None` if it gave none, or one of another depth.
pub fn buffer(message: &Message) -> Option<(Range<u64>, Geometry)> {
    let (mut place, mut size, mut pitch) = (None, None, None);
    let (mut depth, mut order) = (None, None);
    message::answers(message, |tag, value| match (tag, value) {
        (ALLOCATE, &[address, length]) => {
            let address = u64::from(address & ADDRESS);
            place = Some(address..address + u64::from(length));
        }
        (SET_VIRTUAL_SIZE, &[width, height]) => size = Some((width, height)),
        (GET_PITCH, &[bytes]) => pitch = Some(bytes),
        (SET_DEPTH, &[bits]) => depth = Some(bits),
        (SET_PIXEL_ORDER, &[BLUE_FIRST]) => order = Some(PixelOrder::BlueFirst),
        (SET_PIXEL_ORDER, &[RED_FIRST]) => order = Some(PixelOrder::RedFirst),
        _ => {}
    });
    let (width, height) = size?;
    let geometry = Geometry {
        width: width as usize,
        height: height as usize,
        pitch: pitch? as usize,
        order: order?,
    };
    let place = place?;
    let fits = geometry.length()? as u64 <= place.end - place.start;
    (fits && depth == Some(DEPTH)).then_some((place, geometry))
}

#[cfg(test)]
mod tests {
    use super::super::message::firmware;
    use super::*;

    #[test]
    fn a_display_says_its_size() {
        let size_of = |width, height| {
            size(&firmware::answer(
                size_question(),
                &[(GET_PHYSICAL_SIZE, &[width, height], 8)],
            ))
        };
        assert_eq!(size_of(1920, 1080), Some((1920, 1080)));
        assert_eq!(size_of(0, 0), None, "no display");
        assert_eq!(size(&size_question()), None, "no answer");
    }

    /// What the firmware of a display of 1920 by 1080 pixels answers, but for one answer.
    fn given(tag: u32, value: &[u32]) -> Option<(Range<u64>, Geometry)> {
        let mut values: [(u32, &[u32], u32); 6] = [
            (SET_PHYSICAL_SIZE, &[1920, 1080], 8),
            (SET_VIRTUAL_SIZE, &[1920, 1080], 8),
            (SET_DEPTH, &[32], 4),
            (SET_PIXEL_ORDER, &[0], 4),
            (ALLOCATE, &[0xfe51_2000, 7680 * 1080], 8),
            (GET_PITCH, &[7680], 4),
        ];
        for entry in &mut values {
            if entry.0 == tag {
                *entry = (tag, value, size_of_val(value) as u32);
            }
        }
        buffer(&firmware::answer(request((1920, 1080)), &values))
    }

    #[test]
    fn a_buffer_is_where_the_processors_see_it() {
        let (place, geometry) = given(0, &[]).unwrap();
        assert_eq!(place, 0x3e51_2000..0x3e51_2000 + 7680 * 1080);
        assert_eq!((geometry.width, geometry.height), (1920, 1080));
        assert_eq!(geometry.pitch, 7680);
        assert_eq!(geometry.order, PixelOrder::BlueFirst);
        let (_, geometry) = given(SET_PIXEL_ORDER, &[1]).unwrap();
        assert_eq!(geometry.order, PixelOrder::RedFirst);
        let (_, geometry) = given(SET_VIRTUAL_SIZE, &[1280, 720]).unwrap();
        assert_eq!(geometry.width, 1280);
    }

    #[test]
    fn a_buffer_that_cannot_be_used_is_none() {
        for (tag, value) in [
            (SET_DEPTH, &[16][..]),
            (SET_PIXEL_ORDER, &[2]),
            (ALLOCATE, &[0xfe51_2000, 0]),
            (ALLOCATE, &[0xfe51_2000, 4096]),
            (GET_PITCH, &[1920]),
            (GET_PITCH, &[]),
            (SET_VIRTUAL_SIZE, &[0, 0]),
        ] {
            assert_eq!(given(tag, value), None, "{tag:#x} {value:?}");
        }
        assert_eq!(buffer(&request((8, 8))), None, "no answer");
    }

    #[test]
    fn no_answer_leads_out_of_the_message() {
        let mut random = 2u32;
        for _ in 0..100_000 {
            let _ = buffer(&firmware::garble(request((1920, 1080)), &mut random));
            let _ = size(&firmware::garble(size_question(), &mut random));
        }
    }
}
