//! What a terminal of the type `linux` does with the bytes that it is sent (console_codes(4)).
//!
//! Nothing is answered: what a program asks, the terminal at the serial line answers.

use super::colour::Style;
use super::grid::{Cell, Grid};
use super::tab_stops::TabStops;
use crate::Result;
use core::ops::Range;
use unicode_width::UnicodeWidthChar;
use vte::{Params, Parser, Perform};

/// The longest operating system command that is looked at; all are ignored.
const COMMAND_LENGTH: usize = 16;
/// What a character is shown as for which a wide one left no place.
const NO_CHARACTER: char = ' ';
/// VT100's line drawing set: what bytes from 0x5f on stand for.
const LINE_DRAWING: [char; 32] = [
    ' ', '◆', '▒', '␉', '␌', '␍', '␊', '°', '±', '␤', '␋', '┘', '┐', '┌', '└', '┼', '⎺', '⎻', '─',
    '⎼', '⎽', '├', '┤', '┴', '┬', '│', '≤', '≥', 'π', '≠', '£', '·',
];

/// A terminal: what it shows, and how it will take what comes.
pub struct Emulator {
    parser: Parser<COMMAND_LENGTH>,
    state: State,
}

impl Emulator {
    /// A blank terminal.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(columns: usize, rows: usize) -> Result<Self> {
        let grid = Grid::new(columns, rows)?;
        Ok(Self {
            parser: Parser::new_with_size(),
            state: State {
                tabs: TabStops::new(grid.columns())?,
                other: Grid::new(columns, rows)?,
                pen: Pen::default(),
                saved: Pen::default(),
                before_alternate: Pen::default(),
                margins: 0..grid.rows(),
                modes: Modes::default(),
                shown_cursor: None,
                grid,
            },
        })
    }

    /// Takes in bytes. What a byte does takes at most as long as making all cells blank.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.parser.advance(&mut self.state, bytes);
    }

    pub fn columns(&self) -> usize {
        self.state.grid.columns()
    }

    pub fn rows(&self) -> usize {
        self.state.grid.rows()
    }

    /// Notes the lines between which the cursor has moved since it was last asked as changed.
    pub fn settle_cursor(&mut self) {
        let state = &mut self.state;
        let now = state
            .modes
            .cursor_shown
            .then_some((state.pen.column, state.pen.row));
        if let Some((_, row)) = core::mem::replace(&mut state.shown_cursor, now) {
            state.grid.touch(row);
        }
        if let Some((_, row)) = now {
            state.grid.touch(row);
        }
    }

    /// Copies a line as it is to be shown, if it has changed since the last time; whether it has.
    pub fn take_row(&mut self, row: usize, target: &mut [Cell]) -> bool {
        if !self.state.grid.take_changed(row) {
            return false;
        }
        self.copy_row(row, target);
        true
    }

    /// Copies a line as it is to be shown: with the cursor, and inverted if the whole screen is.
    pub fn copy_row(&self, row: usize, target: &mut [Cell]) {
        let state = &self.state;
        for (place, cell) in target.iter_mut().zip(state.grid.row(row)) {
            *place = *cell;
        }
        if state.modes.inverse_screen {
            target.iter_mut().for_each(invert);
        }
        if let Some((column, _)) = state.shown_cursor.filter(|(_, line)| *line == row)
            && let Some(cell) = target.get_mut(column)
        {
            *cell = Cell {
                foreground: cell.background,
                background: CURSOR,
                ..*cell
            };
        }
    }
}

/// The cursor's colour.
const CURSOR: u32 = 0xaaaaaa;

fn invert(cell: &mut Cell) {
    core::mem::swap(&mut cell.foreground, &mut cell.background);
}

/// Where and how text comes next: what is saved and restored as one.
#[derive(Clone, Copy)]
struct Pen {
    column: usize,
    row: usize,
    /// The last column was written: the next character goes to the next line.
    at_end: bool,
    style: Style,
    /// Whether the sets G0 and G1 are the line drawing set, and which of them is in use.
    line_drawing: [bool; 2],
    set: usize,
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            column: 0,
            row: 0,
            at_end: false,
            style: Style::PLAIN,
            line_drawing: [false; 2],
            set: 0,
        }
    }
}

struct Modes {
    cursor_shown: bool,
    wrap: bool,
    insert: bool,
    /// Positions count from the scroll region.
    origin: bool,
    inverse_screen: bool,
    /// A line feed returns the carriage too.
    new_line: bool,
    /// The alternate screen is shown.
    alternate: bool,
}

impl Default for Modes {
    fn default() -> Self {
        Self {
            cursor_shown: true,
            wrap: true,
            insert: false,
            origin: false,
            inverse_screen: false,
            new_line: false,
            alternate: false,
        }
    }
}

struct State {
    grid: Grid,
    /// The screen that isn't shown: the alternate one, or the main one while that is.
    other: Grid,
    pen: Pen,
    saved: Pen,
    before_alternate: Pen,
    /// The lines that scroll.
    margins: Range<usize>,
    modes: Modes,
    tabs: TabStops,
    /// Where the cursor was shown last.
    shown_cursor: Option<(usize, usize)>,
}

impl State {
    fn blank(&self) -> Cell {
        Cell::blank(self.pen.style.blank_colour())
    }

    fn last_column(&self) -> usize {
        self.grid.columns() - 1
    }

    fn last_row(&self) -> usize {
        self.grid.rows() - 1
    }

    fn move_to(&mut self, column: usize, row: usize) {
        self.pen.column = column.min(self.last_column());
        self.pen.row = row.min(self.last_row());
        self.pen.at_end = false;
    }

    /// Moves to a position that counts from the scroll region if the terminal was told so.
    fn move_to_addressed(&mut self, column: usize, row: usize) {
        if self.modes.origin {
            let row = self.margins.start.saturating_add(row);
            self.move_to(column, row.min(self.margins.end - 1));
        } else {
            self.move_to(column, row);
        }
    }

    /// Moves up; not out of the scroll region.
    fn move_up(&mut self, count: usize) {
        let first = if self.pen.row >= self.margins.start {
            self.margins.start
        } else {
            0
        };
        self.move_to(
            self.pen.column,
            self.pen.row.saturating_sub(count).max(first),
        );
    }

    /// Moves down; not out of the scroll region.
    fn move_down(&mut self, count: usize) {
        let last = if self.pen.row < self.margins.end {
            self.margins.end - 1
        } else {
            self.last_row()
        };
        self.move_to(
            self.pen.column,
            self.pen.row.saturating_add(count).min(last),
        );
    }

    fn line_feed(&mut self) {
        if self.pen.row + 1 == self.margins.end {
            self.grid.scroll_up(self.margins.clone(), 1, self.blank());
        } else if self.pen.row < self.last_row() {
            self.pen.row += 1;
        }
        self.pen.at_end = false;
    }

    fn reverse_line_feed(&mut self) {
        if self.pen.row == self.margins.start {
            self.grid.scroll_down(self.margins.clone(), 1, self.blank());
        } else {
            self.pen.row = self.pen.row.saturating_sub(1);
        }
        self.pen.at_end = false;
    }

    fn tabulate(&mut self) {
        let next = self.tabs.after(self.pen.column);
        self.move_to(next, self.pen.row);
    }

    fn reset(&mut self) {
        self.show_alternate(false);
        self.pen = Pen::default();
        self.saved = Pen::default();
        self.modes = Modes::default();
        self.margins = 0..self.grid.rows();
        self.tabs.reset();
        self.grid.erase_lines(0..self.grid.rows(), self.blank());
    }

    fn show_alternate(&mut self, on: bool) {
        if self.modes.alternate != on {
            self.modes.alternate = on;
            core::mem::swap(&mut self.grid, &mut self.other);
            self.grid.touch_all();
        }
    }

    /// From the cursor on, up to it, or everything.
    fn erase_display(&mut self, part: u16) {
        let (row, rows, blank) = (self.pen.row, self.grid.rows(), self.blank());
        match part {
            0 => {
                self.erase_line(0);
                self.grid.erase_lines(row + 1..rows, blank);
            }
            1 => {
                self.grid.erase_lines(0..row, blank);
                self.erase_line(1);
            }
            2 | 3 => self.grid.erase_lines(0..rows, blank),
            _ => {}
        }
    }

    fn erase_line(&mut self, part: u16) {
        let (column, columns, blank) = (self.pen.column, self.grid.columns(), self.blank());
        let erased = match part {
            0 => column..columns,
            1 => 0..column + 1,
            2 => 0..columns,
            _ => return,
        };
        self.grid.erase(self.pen.row, erased, blank);
    }

    /// Inserts or deletes lines at the cursor, inside of the scroll region.
    fn shift_lines(&mut self, count: usize, insert: bool) {
        if !self.margins.contains(&self.pen.row) {
            return;
        }
        let (rows, blank) = (self.pen.row..self.margins.end, self.blank());
        if insert {
            self.grid.scroll_down(rows, count, blank);
        } else {
            self.grid.scroll_up(rows, count, blank);
        }
        self.move_to(0, self.pen.row);
    }

    fn set_margins(&mut self, top: u16, bottom: u16) {
        let first = usize::from(top.max(1)) - 1;
        let end = match bottom {
            0 => self.grid.rows(),
            bottom => usize::from(bottom).min(self.grid.rows()),
        };
        if first + 1 < end {
            self.margins = first..end;
            self.move_to_addressed(0, 0);
        }
    }

    fn set_mode(&mut self, mode: u16, private: bool, on: bool) {
        match (private, mode) {
            (false, 4) => self.modes.insert = on,
            (false, 20) => self.modes.new_line = on,
            (true, 5) => {
                self.modes.inverse_screen = on;
                self.grid.touch_all();
            }
            (true, 6) => {
                self.modes.origin = on;
                self.move_to_addressed(0, 0);
            }
            (true, 7) => self.modes.wrap = on,
            (true, 25) => self.modes.cursor_shown = on,
            (true, 47 | 1047) => self.show_alternate(on),
            (true, 1049) => self.visit_alternate(on),
            _ => {}
        }
    }

    /// Shows the alternate screen, blank, or the main one with the cursor where it was there. Linux's console has none;
    /// programs ask for it all the same, and what was there before them is worth keeping.
    fn visit_alternate(&mut self, on: bool) {
        if on == self.modes.alternate {
            return;
        }
        self.show_alternate(on);
        if on {
            self.before_alternate = self.pen;
            self.grid.erase_lines(0..self.grid.rows(), self.blank());
        } else {
            self.pen = self.before_alternate;
        }
    }
}

impl Perform for State {
    fn print(&mut self, character: char) {
        let character = match character {
            '_'..='~' if self.pen.line_drawing[self.pen.set] => LINE_DRAWING
                .get(character as usize - '_' as usize)
                .copied()
                .unwrap_or(character),
            character => character,
        };
        let width = match character {
            ' '..='~' => 1,
            // What combines with the character before it is left out.
            _ => match character.width().unwrap_or(0) {
                0 => return,
                width => width.min(self.grid.columns()),
            },
        };
        let has_no_room = self.pen.column + width > self.grid.columns();
        if self.modes.wrap && (self.pen.at_end || has_no_room) {
            self.pen.column = 0;
            self.line_feed();
        }
        let column = self.pen.column.min(self.grid.columns() - width);
        if self.modes.insert {
            let blank = self.blank();
            self.grid.insert(self.pen.row, column, width, blank);
        }
        let (foreground, background) = self.pen.style.colours();
        let cell = Cell {
            character,
            underlined: self.pen.style.underlined,
            foreground,
            background,
        };
        let places = self.grid.row_mut(self.pen.row);
        if let Some(places) = places.get_mut(column..column + width) {
            for (index, place) in places.iter_mut().enumerate() {
                *place = Cell {
                    character: if index == 0 { character } else { NO_CHARACTER },
                    ..cell
                };
            }
        }
        self.pen.at_end = column + width == self.grid.columns();
        self.pen.column = (column + width).min(self.last_column());
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x08 => self.move_to(self.pen.column.saturating_sub(1), self.pen.row),
            b'\t' => self.tabulate(),
            b'\n' | 0x0b | 0x0c => {
                self.line_feed();
                if self.modes.new_line {
                    self.pen.column = 0;
                }
            }
            b'\r' => self.move_to(0, self.pen.row),
            0x0e => self.pen.set = 1,
            0x0f => self.pen.set = 0,
            _ => {}
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], ignore: bool, byte: u8) {
        if ignore {
            return;
        }
        match (intermediates, byte) {
            ([], b'c') => self.reset(),
            ([], b'D') => self.line_feed(),
            ([], b'E') => {
                self.line_feed();
                self.pen.column = 0;
            }
            ([], b'H') => self.tabs.set(self.pen.column),
            ([], b'M') => self.reverse_line_feed(),
            ([], b'7') => self.saved = self.pen,
            ([], b'8') => self.pen = self.saved,
            ([b'('], set) => self.pen.line_drawing[0] = set == b'0',
            ([b')'], set) => self.pen.line_drawing[1] = set == b'0',
            ([b'#'], b'8') => {
                let (foreground, background) = Style::PLAIN.colours();
                let cell = Cell {
                    character: 'E',
                    foreground,
                    ..Cell::blank(background)
                };
                self.grid.erase_lines(0..self.grid.rows(), cell);
            }
            _ => {}
        }
    }

    fn csi_dispatch(
        &mut self,
        parameters: &Params,
        intermediates: &[u8],
        ignore: bool,
        action: char,
    ) {
        let private = intermediates == b"?";
        if ignore || !(private || intermediates.is_empty()) {
            return;
        }
        let parameter = |index: usize| {
            let parameter = parameters.iter().nth(index);
            parameter
                .and_then(|values| values.first())
                .copied()
                .unwrap_or(0)
        };
        let first = parameter(0);
        let count = usize::from(first.max(1));
        let (column, row) = (self.pen.column, self.pen.row);
        match (action, private) {
            ('h' | 'l', _) => {
                for mode in parameters.iter().filter_map(|values| values.first()) {
                    self.set_mode(*mode, private, action == 'h');
                }
            }
            (_, true) => {}
            ('A', _) => self.move_up(count),
            ('B' | 'e', _) => self.move_down(count),
            ('C' | 'a', _) => self.move_to(column.saturating_add(count), row),
            ('D', _) => self.move_to(column.saturating_sub(count), row),
            ('E', _) => {
                self.move_down(count);
                self.pen.column = 0;
            }
            ('F', _) => {
                self.move_up(count);
                self.pen.column = 0;
            }
            ('G' | '`', _) => self.move_to(count - 1, row),
            ('H' | 'f', _) => {
                self.move_to_addressed(usize::from(parameter(1).max(1)) - 1, count - 1);
            }
            ('d', _) => self.move_to_addressed(column, count - 1),
            ('J', _) => self.erase_display(first),
            ('K', _) => self.erase_line(first),
            ('L', _) => self.shift_lines(count, true),
            ('M', _) => self.shift_lines(count, false),
            ('@', _) => self.grid.insert(row, column, count, self.blank()),
            ('P', _) => self.grid.delete(row, column, count, self.blank()),
            ('X', _) => {
                let end = column.saturating_add(count);
                self.grid.erase(row, column..end, self.blank());
            }
            ('S', _) => self
                .grid
                .scroll_up(self.margins.clone(), count, self.blank()),
            ('T', _) => self
                .grid
                .scroll_down(self.margins.clone(), count, self.blank()),
            ('g', _) => match first {
                0 => self.tabs.clear(column),
                3 => self.tabs.clear_all(),
                _ => {}
            },
            ('m', _) => self.pen.style.select(parameters),
            ('r', _) => self.set_margins(first, parameter(1)),
            ('s', _) => self.saved = self.pen,
            ('u', _) => self.pen = self.saved,
            _ => {}
        }
    }
}
