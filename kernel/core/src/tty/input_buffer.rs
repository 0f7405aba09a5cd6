//! The bytes that a terminal has received and nobody has read.
//!
//! A ring with one mark for each byte: in canonical mode a marked byte ends a line (and a marked
//! end-of-file character ends it without being part of it). Bytes after the last complete line are still
//! being edited.

use alloc::vec::Vec;

use crate::Result;
use crate::heap::MakeRoom;

/// Capacity in bytes, as Linux's `N_TTY_BUF_SIZE`.
pub const CAPACITY: usize = 4096;

/// How a byte ends a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It doesn't.
    None,
    /// It is the line's last byte.
    EndOfLine,
    /// It ends the line and isn't read.
    EndOfFile,
}

/// What one reading step took of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinePart {
    /// Bytes taken.
    pub count: usize,
    /// Whether the line ends here.
    pub is_end: bool,
}

/// A ring of received bytes. Positions count up and wrap around; only their low bits are an index.
pub struct InputBuffer {
    ring: Vec<(u8, Mark)>,
    /// The next byte to read.
    tail: usize,
    /// The end of the last complete line.
    line: usize,
    /// Where the next received byte goes.
    head: usize,
}

impl InputBuffer {
    /// An empty buffer; `ENOMEM` when there is no memory for it.
    pub fn new() -> Result<Self> {
        let mut ring = Vec::new();
        ring.make_room_exact(CAPACITY)?;
        ring.resize(CAPACITY, (0, Mark::None));
        Ok(InputBuffer {
            ring,
            tail: 0,
            line: 0,
            head: 0,
        })
    }

    fn at(&self, position: usize) -> (u8, Mark) {
        self.ring[position % CAPACITY]
    }

    /// How many bytes more fit.
    pub fn room(&self) -> usize {
        CAPACITY - self.held()
    }

    /// Bytes held, complete lines or not.
    pub fn held(&self) -> usize {
        self.head.wrapping_sub(self.tail)
    }

    /// Bytes in complete lines.
    pub fn line_bytes(&self) -> usize {
        self.line.wrapping_sub(self.tail)
    }

    /// Appends a byte; does nothing when the buffer is full.
    pub fn push(&mut self, byte: u8, mark: Mark) {
        if self.room() == 0 {
            return;
        }
        self.ring[self.head % CAPACITY] = (byte, mark);
        self.head = self.head.wrapping_add(1);
        if mark != Mark::None {
            self.line = self.head;
        }
    }

    /// Removes and returns the last byte of the line that is being edited.
    pub fn pop_edited(&mut self) -> Option<u8> {
        if self.head == self.line {
            return None;
        }
        self.head = self.head.wrapping_sub(1);
        Some(self.at(self.head).0)
    }

    /// The last byte of the line that is being edited.
    pub fn last_edited(&self) -> Option<u8> {
        self.is_editing()
            .then(|| self.at(self.head.wrapping_sub(1)).0)
    }

    /// The bytes of the line that is being edited.
    pub fn edited(&self) -> impl Iterator<Item = u8> + '_ {
        (0..self.head.wrapping_sub(self.line))
            .map(|offset| self.at(self.line.wrapping_add(offset)).0)
    }

    /// Whether a line is being edited.
    pub fn is_editing(&self) -> bool {
        self.head != self.line
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.tail = self.head;
        self.line = self.head;
    }

    /// Makes everything received one readable line: canonical mode begins, or ends.
    pub fn end_line_here(&mut self) {
        if self.head != self.tail {
            let last = self.head.wrapping_sub(1) % CAPACITY;
            if self.ring[last].1 == Mark::None {
                self.ring[last].1 = Mark::EndOfLine;
            }
        }
        self.line = self.head;
    }

    /// Moves bytes of one line to `target`. The mark of an end of file right behind them is taken too, so that
    /// it doesn't end the next read as well. `None` without a complete line.
    pub fn read_line(&mut self, target: &mut [u8]) -> Option<LinePart> {
        if self.line_bytes() == 0 {
            return None;
        }
        let mut count = 0;
        let mut is_end = false;
        while self.tail != self.line {
            let (byte, mark) = self.at(self.tail);
            if mark == Mark::EndOfFile {
                self.tail = self.tail.wrapping_add(1);
                is_end = true;
                break;
            }
            let Some(place) = target.get_mut(count) else {
                break;
            };
            *place = byte;
            count += 1;
            self.tail = self.tail.wrapping_add(1);
            if mark == Mark::EndOfLine {
                is_end = true;
                break;
            }
        }
        Some(LinePart { count, is_end })
    }

    /// Moves bytes to `target`, whatever lines they are in, and returns how many.
    pub fn read_raw(&mut self, target: &mut [u8]) -> usize {
        let count = target.len().min(self.held());
        for place in target.iter_mut().take(count) {
            *place = self.at(self.tail).0;
            self.tail = self.tail.wrapping_add(1);
        }
        if self.line_bytes() > self.held() {
            self.line = self.tail;
        }
        count
    }
}
