//! What the screen shows for what it is sent.

use super::drawing::{self, Canvas, Painter};
use super::emulator::Emulator;
use super::font::{self, Font};
use super::grid::Cell;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use std::cell::RefCell;

const GREY: u32 = 0xaaaaaa;

/// A terminal of 10 columns and 4 rows that was sent some bytes.
fn sent(bytes: &[u8]) -> Emulator {
    let mut emulator = Emulator::new(10, 4).unwrap();
    emulator.feed(bytes);
    emulator
}

fn row(emulator: &Emulator, number: usize) -> Vec<Cell> {
    let mut cells = vec![Cell::blank(0); emulator.columns()];
    emulator.copy_row(number, &mut cells);
    cells
}

/// The text of each line, without blanks at its end.
fn text(emulator: &Emulator) -> Vec<String> {
    (0..emulator.rows())
        .map(|number| {
            let line: String = row(emulator, number)
                .iter()
                .map(|cell| cell.character)
                .collect();
            line.trim_end().into()
        })
        .collect()
}

fn shows(bytes: &[u8], expected: [&str; 4]) {
    assert_eq!(text(&sent(bytes)), expected, "{}", bytes.escape_ascii());
}

#[test]
fn text_wraps_at_the_next_character_and_scrolls() {
    shows(b"0123456789", ["0123456789", "", "", ""]);
    shows(b"0123456789a", ["0123456789", "a", "", ""]);
    shows(b"0123456789\r\nb", ["0123456789", "b", "", ""]);
    shows(b"1\r\n2\r\n3\r\n4\r\n5", ["2", "3", "4", "5"]);
    shows(b"\x1b[?7l0123456789ab", ["012345678b", "", "", ""]);
    shows(b"a\tb\x08c\x0bd", ["a       c", "         d", "", ""]);
}

#[test]
fn characters_of_all_widths_take_their_places() {
    shows("é┌─┐".as_bytes(), ["é┌─┐", "", "", ""]);
    shows("日本.".as_bytes(), ["日 本 .", "", "", ""]);
    shows("012345678日".as_bytes(), ["012345678", "日", "", ""]);
    shows("e\u{301}x".as_bytes(), ["ex", "", "", ""]);
    // Broken up, and broken.
    let mut emulator = sent(&[0xe2, 0x94]);
    emulator.feed(&[0x8c, 0xff, b'x']);
    assert_eq!(text(&emulator)[0], "┌\u{fffd}x");
    shows(b"\x1b(0lqk\x1b(Bq\x1b)0\x0ex\x0fx", ["┌─┐q│x", "", "", ""]);
}

#[test]
fn the_cursor_goes_where_it_is_told() {
    shows(
        b"\x1b[2;3Hx\x1b[Ay\x1b[2Dz\x1b[10;99He",
        ["  zy", "  x", "", "         e"],
    );
    shows(b"\x1b[3dab\x1b[5Gc\x1b[Ed\x1b[2Ff", ["", "f", "ab  c", "d"]);
    shows(
        b"ab\x1b7\r\ncd\x1b8e\x1b[s\x1b[4;1Hf\x1b[ug",
        ["abeg", "cd", "", "f"],
    );
    shows(b"\x1b[3g\tx\x1b[1;4H\x1bH\r\ty", ["   y     x", "", "", ""]);
}

#[test]
fn lines_are_erased_inserted_and_deleted() {
    let full = b"0123456789abcdefghijABCDEFGHIJklmnopqrst\x1b[2;4H";
    let after = |bytes: &[u8]| text(&sent(&[full, bytes].concat()));
    assert_eq!(after(b"\x1b[K")[1], "abc");
    assert_eq!(after(b"\x1b[1K")[1], "    efghij");
    assert_eq!(after(b"\x1b[2K")[1], "");
    assert_eq!(after(b"\x1b[J"), ["0123456789", "abc", "", ""]);
    assert_eq!(
        after(b"\x1b[1J"),
        ["", "    efghij", "ABCDEFGHIJ", "klmnopqrst"]
    );
    assert_eq!(after(b"\x1b[2J"), ["", "", "", ""]);
    assert_eq!(after(b"\x1b[2P")[1], "abcfghij");
    assert_eq!(after(b"\x1b[2@")[1], "abc  defgh");
    assert_eq!(after(b"\x1b[4hxy\x1b[4l")[1], "abcxydefgh");
    assert_eq!(after(b"\x1b[3X")[1], "abc   ghij");
    assert_eq!(
        after(b"\x1b[Lx"),
        ["0123456789", "x", "abcdefghij", "ABCDEFGHIJ"]
    );
    assert_eq!(
        after(b"\x1b[Mx"),
        ["0123456789", "xBCDEFGHIJ", "klmnopqrst", ""]
    );
    assert_eq!(after(b"\x1b[99M"), ["0123456789", "", "", ""]);
    assert_eq!(after(b"\x1b#8")[3], "EEEEEEEEEE");
    assert_eq!(after(b"\x1bcx"), ["x", "", "", ""]);
}

#[test]
fn only_the_scroll_region_scrolls() {
    let lines = b"1\r\n2\r\n3\r\n4";
    let after = |bytes: &[u8]| text(&sent(&[lines, bytes].concat()));
    assert_eq!(after(b"\x1b[2;3r\x1b[3;1H\nx"), ["1", "3", "x", "4"]);
    assert_eq!(after(b"\x1b[2;3r\x1b[2;1H\x1bMx"), ["1", "x", "2", "4"]);
    assert_eq!(after(b"\x1b[2;3r\x1b[4;1H\nx"), ["1", "2", "3", "x"]);
    assert_eq!(after(b"\x1b[2;4r\x1b[S"), ["1", "3", "4", ""]);
    assert_eq!(
        after(b"\x1b[2;3r\x1b[?6h\x1b[9;1Hx\x1b[1;1Hy"),
        ["1", "y", "x", "4"]
    );
    // A region of one line is none.
    assert_eq!(after(b"\x1b[2;2r\x1b[4;1H\nx"), ["2", "3", "4", "x"]);
}

#[test]
fn an_editor_leaves_what_was_there_before() {
    let mut emulator = sent(b"$ vi\r\n\x1b[?1049h\x1b[Hfile\x1b[4;1H~");
    assert_eq!(text(&emulator), ["file", "", "", "~"]);
    emulator.feed(b"\x1b[?1049l$");
    assert_eq!(text(&emulator), ["$ vi", "$", "", ""]);
}

/// Foreground and background of the first cell after some bytes and an x.
fn colours(bytes: &[u8]) -> (u32, u32) {
    let emulator = sent(&[bytes, b"x\x1b[?25l"].concat());
    let cell = row(&emulator, 0)[0];
    (cell.foreground, cell.background)
}

#[test]
fn colours_are_those_of_a_linux_console() {
    assert_eq!(colours(b""), (GREY, 0));
    assert_eq!(colours(b"\x1b[31;44m"), (0xaa0000, 0x0000aa));
    assert_eq!(colours(b"\x1b[1;34m"), (0x5555ff, 0));
    assert_eq!(colours(b"\x1b[1m\x1b[22m"), (GREY, 0));
    assert_eq!(colours(b"\x1b[2m"), (0x555555, 0));
    assert_eq!(colours(b"\x1b[7;32m"), (0, 0x00aa00));
    assert_eq!(colours(b"\x1b[93;105m"), (0xffff55, 0xff55ff));
    assert_eq!(colours(b"\x1b[38;5;196;48;5;232m"), (0xff0000, 0x080808));
    assert_eq!(colours(b"\x1b[38:5:21m"), (0x0000ff, 0));
    assert_eq!(colours(b"\x1b[38;2;1;2;3m"), (0x010203, 0));
    assert_eq!(colours(b"\x1b[48:2::1:2:3m"), (GREY, 0x010203));
    assert_eq!(colours(b"\x1b[38;2;999;2;3;31m"), (0xaa0000, 0));
    assert_eq!(colours(b"\x1b[31m\x1b[m"), (GREY, 0));
    assert_eq!(colours(b"\x1b[?5h"), (0, GREY));
}

#[test]
fn what_is_erased_has_the_colour_behind_the_text() {
    let emulator = sent(b"\x1b[41;7m\x1b[2J\x1b[?25l");
    assert_eq!(row(&emulator, 3)[9].background, 0xaa0000);
}

#[test]
fn the_cursor_is_shown_where_it_is() {
    let mut emulator = sent(b"ab");
    let mut cells = [Cell::blank(0); 10];
    emulator.settle_cursor();
    assert!(emulator.take_row(0, &mut cells));
    assert_eq!(cells.map(|cell| cell.background), {
        let mut expected = [0; 10];
        expected[2] = GREY;
        expected
    });
    for number in 1..4 {
        assert!(emulator.take_row(number, &mut cells), "all is new at first");
    }
    emulator.settle_cursor();
    emulator.feed(b"\x1b[3;1H");
    emulator.settle_cursor();
    let changed = [0, 1, 2, 3].map(|number| emulator.take_row(number, &mut cells));
    assert_eq!(changed, [true, false, true, false], "where it was and is");
    emulator.feed(b"\x1b[?25l");
    emulator.settle_cursor();
    assert!(emulator.take_row(2, &mut cells));
    assert_eq!(cells[0].background, 0);
}

#[test]
fn no_bytes_make_it_panic() {
    let mut random = 1u32;
    let mut next = move |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    let pieces: [&[u8]; 12] = [
        b"\x1b[",
        b"\x1b]",
        b"\x1b(0",
        b"\x1bP",
        b"?",
        b";",
        b"65535",
        b"2",
        b"\xe6\x97\xa5",
        b"\x1b[?1049",
        b"\n",
        b"\x1bM",
    ];
    for (columns, rows) in [(1, 1), (2, 3), (10, 4), (0, 0)] {
        let mut emulator = Emulator::new(columns, rows).unwrap();
        for _ in 0..100_000 {
            if next(3) == 0 {
                emulator.feed(pieces[next(12) as usize]);
            } else {
                emulator.feed(&[next(256) as u8]);
            }
            emulator.settle_cursor();
        }
        assert_eq!(text(&emulator).len(), rows.max(1));
    }
}

/// Pixels in memory.
struct Picture {
    width: usize,
    pixels: RefCell<Vec<u32>>,
}

impl Canvas for Picture {
    fn size(&self) -> (usize, usize) {
        (self.width, self.pixels.borrow().len() / self.width)
    }

    fn pixel(&self, colour: u32) -> u32 {
        !colour
    }

    fn put(&self, x: usize, y: usize, pixels: &[u32]) {
        let start = y * self.width + x;
        self.pixels.borrow_mut()[start..start + pixels.len()].copy_from_slice(pixels);
    }
}

impl Picture {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            pixels: RefCell::new(vec![0; width * height]),
        }
    }
}

#[test]
fn glyphs_are_drawn_where_their_cells_are() {
    let font = Font::new().unwrap();
    for width in [20 * font::WIDTH, 2560] {
        let picture = Picture::new(width, 4 * font::HEIGHT);
        let scale = if width == 2560 { 2 } else { 1 };
        let (columns, rows) = drawing::capacity(&picture);
        assert_eq!((columns, rows), (width / 8 / scale, 4 / scale));
        let mut painter = Painter::new(&picture, columns).unwrap();
        let mut cells = vec![Cell::blank(0); columns];
        let mut shown = cells.clone();
        cells[3] = Cell {
            character: 'A',
            underlined: true,
            foreground: 5,
            background: 9,
        };
        painter.draw_changes(&picture, &font, 1, &cells, &mut shown);
        assert_eq!(cells, shown);
        let pixels = picture.pixels.borrow();
        for (index, pixel) in pixels.iter().enumerate() {
            let (x, y) = (index % width / scale, index / width / scale);
            let expected = if x / 8 == 3 && y / 16 == 1 {
                let lit = font.glyph('A')[y % 16] >> (7 - x % 8) & 1 == 1 || y % 16 == 14;
                if lit { !5 } else { !9 }
            } else {
                0
            };
            assert_eq!(*pixel, expected, "at {x}, {y}");
        }
    }
}

#[test]
fn the_font_has_latin_letters_and_boxes() {
    let font = Font::new().unwrap();
    let replacement = font.glyph('\u{fffd}');
    for character in (' '..='~').chain('\u{a0}'..='\u{ff}').chain('─'..='╿') {
        assert_ne!(font.glyph(character), replacement, "{character}");
    }
    assert_eq!(font.glyph('日'), replacement);
    assert_eq!(font.glyph('\u{1f600}'), replacement);
    assert_eq!(font.glyph('█'), &[0xff; font::HEIGHT]);
}
