//! A grid of cells with text. Lines can change their order without cells being moved.

use crate::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;
use core::ops::Range;

/// What is in one place of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub character: char,
    pub underlined: bool,
    /// 0xrrggbb.
    pub foreground: u32,
    pub background: u32,
}

impl Cell {
    /// Nothing on a background.
    pub const fn blank(background: u32) -> Self {
        Self {
            character: ' ',
            underlined: false,
            foreground: background,
            background,
        }
    }
}

/// A line's place among the cells, and whether it has changed since it was last taken.
#[derive(Clone, Copy)]
struct Line {
    place: usize,
    changed: bool,
}

/// Lines of cells. Positions beyond the grid are brought into it.
pub struct Grid {
    columns: usize,
    cells: Vec<Cell>,
    lines: Vec<Line>,
}

impl Grid {
    /// A blank grid; it has at least one cell.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new(columns: usize, rows: usize) -> Result<Self> {
        let (columns, rows) = (columns.max(1), rows.max(1));
        let mut cells = Vec::new();
        cells.make_room_exact(columns * rows)?;
        cells.resize(columns * rows, Cell::blank(0));
        let mut lines = Vec::new();
        lines.make_room_exact(rows)?;
        lines.extend((0..rows).map(|row| Line {
            place: row * columns,
            changed: true,
        }));
        Ok(Self {
            columns,
            cells,
            lines,
        })
    }

    pub fn columns(&self) -> usize {
        self.columns
    }

    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The cells of a line.
    pub fn row(&self, row: usize) -> &[Cell] {
        let Some(line) = self.lines.get(row) else {
            return &[];
        };
        self.cells
            .get(line.place..line.place + self.columns)
            .unwrap_or_default()
    }

    /// The cells of a line, to be changed.
    pub fn row_mut(&mut self, row: usize) -> &mut [Cell] {
        let Some(line) = self.lines.get_mut(row) else {
            return &mut [];
        };
        line.changed = true;
        self.cells
            .get_mut(line.place..line.place + self.columns)
            .unwrap_or_default()
    }

    /// Whether a line has changed since the last time it was asked.
    pub fn take_changed(&mut self, row: usize) -> bool {
        self.lines
            .get_mut(row)
            .is_some_and(|line| core::mem::take(&mut line.changed))
    }

    /// Notes a line as changed.
    pub fn touch(&mut self, row: usize) {
        if let Some(line) = self.lines.get_mut(row) {
            line.changed = true;
        }
    }

    /// Notes all lines as changed.
    pub fn touch_all(&mut self) {
        self.lines.iter_mut().for_each(|line| line.changed = true);
    }

    /// Makes a part of a line blank.
    pub fn erase(&mut self, row: usize, columns: Range<usize>, blank: Cell) {
        let end = columns.end.min(self.columns);
        if let Some(cells) = self.row_mut(row).get_mut(columns.start.min(end)..end) {
            cells.fill(blank);
        }
    }

    /// Makes lines blank.
    pub fn erase_lines(&mut self, rows: Range<usize>, blank: Cell) {
        for row in rows {
            self.row_mut(row).fill(blank);
        }
    }

    /// Moves lines up by `count`; those at the top go, and blank ones come at the bottom.
    pub fn scroll_up(&mut self, rows: Range<usize>, count: usize, blank: Cell) {
        let count = count.min(rows.len());
        if let Some(lines) = self.lines.get_mut(rows.clone()) {
            lines.rotate_left(count);
            lines.iter_mut().for_each(|line| line.changed = true);
            self.erase_lines(rows.end - count..rows.end, blank);
        }
    }

    /// Moves lines down by `count`; those at the bottom go, and blank ones come at the top.
    pub fn scroll_down(&mut self, rows: Range<usize>, count: usize, blank: Cell) {
        let count = count.min(rows.len());
        if let Some(lines) = self.lines.get_mut(rows.clone()) {
            lines.rotate_right(count);
            lines.iter_mut().for_each(|line| line.changed = true);
            self.erase_lines(rows.start..rows.start + count, blank);
        }
    }

    /// Moves the cells of a line from `column` on right by `count`; blank ones come there.
    pub fn insert(&mut self, row: usize, column: usize, count: usize, blank: Cell) {
        if let Some(cells) = self.row_mut(row).get_mut(column..) {
            let count = count.min(cells.len());
            cells.rotate_right(count);
            cells.iter_mut().take(count).for_each(|cell| *cell = blank);
        }
    }

    /// Takes cells out of a line from `column` on; blank ones come at its end.
    pub fn delete(&mut self, row: usize, column: usize, count: usize, blank: Cell) {
        if let Some(cells) = self.row_mut(row).get_mut(column..) {
            let count = count.min(cells.len());
            cells.rotate_left(count);
            cells
                .iter_mut()
                .rev()
                .take(count)
                .for_each(|cell| *cell = blank);
        }
    }
}
