//! Cells become pixels.

use super::font::{self, Font, Glyph};
use super::grid::Cell;
use crate::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;
use hal::frame_buffer::FrameBuffer;

/// Where an underline is, in lines from a glyph's top.
const UNDERLINE: usize = font::HEIGHT - 2;
/// Screens of this width and more have pixels that are too small for the font: each becomes four.
const FINE: usize = 2560;

/// Something to draw on.
pub trait Canvas {
    /// Pixels of a line, and lines.
    fn size(&self) -> (usize, usize);

    /// The pixel of a colour 0xrrggbb.
    fn pixel(&self, colour: u32) -> u32;

    /// Sets pixels of line `y` from `x` on; what would be beyond the canvas is left out.
    fn put(&self, x: usize, y: usize, pixels: &[u32]);
}

impl Canvas for FrameBuffer {
    fn size(&self) -> (usize, usize) {
        (self.geometry().width, self.geometry().height)
    }

    fn pixel(&self, colour: u32) -> u32 {
        FrameBuffer::pixel(self, colour)
    }

    fn put(&self, x: usize, y: usize, pixels: &[u32]) {
        FrameBuffer::put(self, x, y, pixels);
    }
}

/// Pixels in place of each of the font's, in both directions.
fn scale(canvas: &impl Canvas) -> usize {
    if canvas.size().0 >= FINE { 2 } else { 1 }
}

/// How many columns and rows of text a canvas has room for.
pub fn capacity(canvas: &impl Canvas) -> (usize, usize) {
    let (width, height) = canvas.size();
    let scale = scale(canvas);
    (
        width / (font::WIDTH * scale),
        height / (font::HEIGHT * scale),
    )
}

/// Makes the whole canvas black.
pub fn clear(canvas: &impl Canvas) {
    let (width, height) = canvas.size();
    let line = [canvas.pixel(0); 256];
    for y in 0..height {
        for x in (0..width).step_by(line.len()) {
            canvas.put(x, y, &line);
        }
    }
}

/// A cell about to be drawn.
struct Letter {
    glyph: Glyph,
    underlined: bool,
    foreground: u32,
    background: u32,
}

/// Draws lines of text; it has room for one.
pub struct Painter {
    scale: usize,
    letters: Vec<Letter>,
    /// The pixels of one line of the letters.
    pixels: Vec<u32>,
}

impl Painter {
    /// For lines of at most `columns` cells on a canvas.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(canvas: &impl Canvas, columns: usize) -> Result<Self> {
        let scale = scale(canvas);
        let (mut letters, mut pixels) = (Vec::new(), Vec::new());
        letters.make_room_exact(columns)?;
        pixels.make_room_exact(columns * font::WIDTH * scale)?;
        Ok(Self {
            scale,
            letters,
            pixels,
        })
    }

    /// Draws the cells of a line that are others than the `shown` ones, which they become.
    pub fn draw_changes(
        &mut self,
        canvas: &impl Canvas,
        font: &Font,
        row: usize,
        cells: &[Cell],
        shown: &mut [Cell],
    ) {
        let mut column = 0;
        while let Some(start) = position(cells, shown, column, |cell, shown| cell != shown) {
            let end = position(cells, shown, start, |cell, shown| cell == shown);
            let end = end.unwrap_or(cells.len());
            if let (Some(cells), Some(shown)) = (cells.get(start..end), shown.get_mut(start..end)) {
                self.draw(canvas, font, (start, row), cells);
                shown.copy_from_slice(cells);
            }
            column = end;
        }
    }

    /// Draws cells from a column and row on.
    pub fn draw(
        &mut self,
        canvas: &impl Canvas,
        font: &Font,
        (column, row): (usize, usize),
        cells: &[Cell],
    ) {
        let x = column * font::WIDTH * self.scale;
        let y = row * font::HEIGHT * self.scale;
        self.letters.clear();
        // As many as there is room for.
        let room = self.letters.capacity();
        self.letters
            .extend(cells.iter().take(room).map(|cell| Letter {
                glyph: *font.glyph(cell.character),
                underlined: cell.underlined,
                foreground: canvas.pixel(cell.foreground),
                background: canvas.pixel(cell.background),
            }));
        for line in 0..font::HEIGHT {
            self.fill_line(line);
            for copy in 0..self.scale {
                canvas.put(x, y + line * self.scale + copy, &self.pixels);
            }
        }
    }

    /// Makes the pixels of one line of the letters; there is room for them.
    fn fill_line(&mut self, line: usize) {
        self.pixels.clear();
        for letter in &self.letters {
            let lit = if letter.underlined && line == UNDERLINE {
                0xff
            } else {
                letter.glyph.get(line).copied().unwrap_or(0)
            };
            for bit in (0..font::WIDTH).rev() {
                let pixel = if lit >> bit & 1 == 1 {
                    letter.foreground
                } else {
                    letter.background
                };
                for _ in 0..self.scale {
                    self.pixels.push(pixel);
                }
            }
        }
    }
}

/// The first column from `from` on where `wanted` says so.
fn position(
    cells: &[Cell],
    shown: &[Cell],
    from: usize,
    wanted: impl Fn(&Cell, &Cell) -> bool,
) -> Option<usize> {
    let pairs = cells.iter().zip(shown).enumerate().skip(from);
    pairs
        .filter(|(_, (cell, shown))| wanted(cell, shown))
        .map(|(column, _)| column)
        .next()
}
