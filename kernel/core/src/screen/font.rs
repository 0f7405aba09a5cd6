//! The letters: Spleen, 8 by 16 pixels, with Latin, Greek and Cyrillic letters and box drawing.
//!
//! The font is a PSF file of version 1: a header of four bytes, the glyphs, and for each of them the characters that it
//! stands for, as 16-bit numbers up to 0xffff. (The crate's own look-up reads the tables of version 2 only.)

use crate::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;
use spleen_font::FONT_8X16;

/// Pixels of a glyph.
pub const WIDTH: usize = 8;
pub const HEIGHT: usize = 16;

/// A glyph: a byte for each line, the leftmost pixel in the highest bit.
pub type Glyph = [u8; HEIGHT];

const HEADER: usize = 4;
const GLYPHS: usize = 512;
const END: u16 = 0xffff;
/// What stands for characters that the font doesn't have.
const REPLACEMENT: char = '\u{fffd}';

/// The font's glyphs by character.
pub struct Font {
    glyphs: &'static [Glyph],
    /// Characters with the numbers of their glyphs, in order.
    characters: Vec<(u16, u16)>,
    replacement: Glyph,
}

impl Font {
    /// Reads the font.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self> {
        let (glyphs, table) = FONT_8X16
            .get(HEADER..)
            .and_then(|bytes| bytes.split_at_checked(GLYPHS * HEIGHT))
            .unwrap_or_default();
        let mut characters = Vec::new();
        characters.make_room_exact(table.len() / 2)?;
        let mut number = 0;
        for unit in table.as_chunks().0 {
            match u16::from_le_bytes(*unit) {
                END => number += 1,
                character => characters.push((character, number)),
            }
        }
        characters.sort_unstable();
        let mut font = Self {
            glyphs: glyphs.as_chunks().0,
            characters,
            replacement: [0; HEIGHT],
        };
        font.replacement = *font.find(REPLACEMENT).unwrap_or(&[0xff; HEIGHT]);
        Ok(font)
    }

    /// The glyph of a character, or that of the replacement character.
    pub fn glyph(&self, character: char) -> &Glyph {
        self.find(character).unwrap_or(&self.replacement)
    }

    fn find(&self, character: char) -> Option<&Glyph> {
        let wanted = u16::try_from(u32::from(character)).ok()?;
        let index = self
            .characters
            .partition_point(|(character, _)| *character < wanted);
        let (found, number) = self.characters.get(index)?;
        self.glyphs
            .get(usize::from(*number))
            .filter(|_| *found == wanted)
    }
}
