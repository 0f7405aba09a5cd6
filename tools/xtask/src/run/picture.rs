//! Reading the text on a picture of the screen, by the glyphs of the kernel's font.
use anyhow::{Context, Result, bail};
use png::{BitDepth, ColorType, Decoder};
use spleen_font::FONT_8X16;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// Pixels of a glyph.
const WIDTH: usize = 8;
const HEIGHT: usize = 16;
/// Bytes of the font's header.
const HEADER: usize = 4;
/// What stands for a cell that shows no character of ASCII.
const UNKNOWN: char = '\u{fffd}';

type Colour = [u8; 3];

/// A cell of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub character: char,
    /// As in `background` if the character is a blank.
    pub foreground: Colour,
    pub background: Colour,
}

/// The cells of a picture, line by line.
pub struct Text(Vec<Vec<Cell>>);

impl Text {
    /// Reads a picture.
    pub fn read(file: &Path) -> Result<Self> {
        let place = || format!("cannot read {}", file.display());
        let source = BufReader::new(File::open(file).with_context(place)?);
        let mut reader = Decoder::new(source).read_info().with_context(place)?;
        let mut pixels = vec![0; reader.output_buffer_size().with_context(place)?];
        let frame = reader.next_frame(&mut pixels).with_context(place)?;
        if (frame.color_type, frame.bit_depth) != (ColorType::Rgb, BitDepth::Eight) {
            bail!("{}: not 8 bits each of red, green and blue", file.display());
        }
        let pixels: Vec<Colour> = pixels.as_chunks().0.to_vec();
        let (width, height) = (frame.width as usize, frame.height as usize);
        let rows = (0..height / HEIGHT).map(|row| {
            let columns = 0..width / WIDTH;
            columns
                .map(|column| cell(|x, y| pixels[(row * HEIGHT + y) * width + column * WIDTH + x]))
                .collect()
        });
        Ok(Self(rows.collect()))
    }

    /// The lines, without blanks at their ends.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|cells| {
            let line: String = cells.iter().map(|cell| cell.character).collect();
            line.trim_end().to_string()
        })
    }

    /// The cells of the first place where a text is.
    pub fn find(&self, text: &str) -> Option<&[Cell]> {
        let wanted: Vec<char> = text.chars().collect();
        self.0
            .iter()
            .flat_map(|cells| cells.windows(wanted.len()))
            .find(|cells| {
                cells
                    .iter()
                    .map(|cell| cell.character)
                    .eq(wanted.iter().copied())
            })
    }
}

/// What a cell shows. The glyphs of ASCII leave their upper left corner blank.
fn cell(pixel: impl Fn(usize, usize) -> Colour) -> Cell {
    let background = pixel(0, 0);
    let mut foreground = background;
    let mut glyph = [0u8; HEIGHT];
    for (y, line) in glyph.iter_mut().enumerate() {
        for x in 0..WIDTH {
            let colour = pixel(x, y);
            *line = *line << 1 | u8::from(colour != background);
            if colour != background {
                foreground = colour;
            }
        }
    }
    let character = (b' '..=b'~')
        .find(|&byte| known_glyph(byte) == Some(glyph))
        .map_or(UNKNOWN, char::from);
    Cell {
        character,
        foreground,
        background,
    }
}

/// The font's glyph of a character of ASCII, which is at the character's own number.
fn known_glyph(byte: u8) -> Option<[u8; HEIGHT]> {
    let start = HEADER + usize::from(byte) * HEIGHT;
    FONT_8X16.get(start..start + HEIGHT)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_told_from_all_others() {
        for byte in b' '..=b'~' {
            let glyph = known_glyph(byte).unwrap();
            assert_eq!(glyph[0] >> 7, 0, "{}", char::from(byte));
            let found = cell(|x, y| [glyph[y] << x & 0x80, 0, 9]);
            assert_eq!(found.character, char::from(byte));
            assert_eq!(found.background, [0, 0, 9]);
            if byte != b' ' {
                assert_eq!(found.foreground, [0x80, 0, 9]);
            }
        }
        let full = cell(|x, _| [u8::from(x % 2 == 1), 0, 0]);
        assert_eq!(full.character, UNKNOWN);
    }
}
