//! The line discipline: what becomes of each received byte (termios(3), Linux's n_tty).
//!
//! It is a plain state machine without locks or devices: [`Discipline::receive`] edits the buffer and says
//! in an [`Effects`] what is to be echoed and signalled.

use super::input_buffer::{InputBuffer, LinePart, Mark};
use super::termios::{Control, InputFlags, LocalFlags, Termios};
use crate::Result;
use smallvec::SmallVec;

/// Signals that the keyboard gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyboardSignal {
    /// SIGINT.
    Interrupt,
    /// SIGQUIT.
    Quit,
    /// SIGTSTP.
    Suspend,
}

/// What received bytes bring about beside filling the buffer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Bytes for the screen, before output processing.
    pub echo: SmallVec<[u8; 64]>,
    /// The last signal for the foreground group.
    pub signal: Option<KeyboardSignal>,
    /// Output that is waiting is to be dropped.
    pub flush_output: bool,
    /// Output is to stop or to go on.
    pub output: Option<Flow>,
    /// There is something to read that wasn't there before.
    pub readable: bool,
}

/// Whether output may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Output goes on.
    Start,
    /// Output waits.
    Stop,
}

/// The state of one terminal's input.
pub struct Discipline {
    termios: Termios,
    buffer: InputBuffer,
    /// The next byte is taken literally.
    literal_next: bool,
    /// Whether output is stopped, to know what `IXANY` has to start.
    is_stopped: bool,
    /// The column where the line being edited begins.
    line_column: usize,
}

impl Discipline {
    /// A discipline with Linux's initial settings. `ENOMEM` without memory for the buffer.
    pub fn new() -> Result<Self> {
        Ok(Discipline {
            termios: Termios::default(),
            buffer: InputBuffer::new()?,
            literal_next: false,
            is_stopped: false,
            line_column: 0,
        })
    }

    /// The settings now.
    pub fn termios(&self) -> &Termios {
        &self.termios
    }

    /// Changes the settings. A change of canonical mode makes what was received readable at once.
    pub fn set_termios(&mut self, termios: Termios) {
        let was_canonical = self.is_canonical();
        self.termios = termios;
        if was_canonical != self.is_canonical() {
            self.buffer.end_line_here();
            self.literal_next = false;
        }
        if !self.termios.has_input(InputFlags::IXON) {
            self.is_stopped = false;
        }
    }

    /// Whether input is edited line by line.
    pub fn is_canonical(&self) -> bool {
        self.termios.has_local(LocalFlags::ICANON)
    }

    /// Bytes that a read could return now.
    pub fn readable(&self) -> usize {
        if self.is_canonical() {
            self.buffer.line_bytes()
        } else {
            self.buffer.held()
        }
    }

    /// How many bytes can be received without loss.
    pub fn room(&self) -> usize {
        self.buffer.room()
    }

    /// Forgets what was received and not read.
    pub fn flush(&mut self) {
        self.buffer.clear();
        self.literal_next = false;
    }

    /// Moves input to `target`: `None` when there is nothing to read. No bytes and the end of a line are an end
    /// of file. Without canonical mode nothing ends a line.
    pub fn read(&mut self, target: &mut [u8]) -> Option<LinePart> {
        if self.is_canonical() {
            return self.buffer.read_line(target);
        }
        match self.buffer.read_raw(target) {
            0 => None,
            count => Some(LinePart {
                count,
                is_end: false,
            }),
        }
    }

    /// Takes in one byte. `column` is where the cursor stands.
    pub fn receive(&mut self, byte: u8, column: usize, effects: &mut Effects) {
        let readable = self.readable();
        self.process(byte, column, effects);
        effects.readable |= self.readable() > readable;
    }

    fn process(&mut self, byte: u8, column: usize, effects: &mut Effects) {
        let settings = self.termios;
        let mut byte = byte;
        if settings.has_input(InputFlags::ISTRIP) {
            byte &= 0x7f;
        }
        if settings.has_input(InputFlags::IUCLC) && settings.has_local(LocalFlags::IEXTEN) {
            byte = byte.to_ascii_lowercase();
        }
        if !self.buffer.is_editing() {
            self.line_column = column;
        }
        if self.literal_next {
            self.literal_next = false;
            self.take(byte, effects);
            return;
        }
        if settings.has_input(InputFlags::IXON) && self.process_flow(byte, effects) {
            return;
        }
        if settings.has_local(LocalFlags::ISIG)
            && let Some(signal) = keyboard_signal(&settings, byte)
        {
            self.process_signal(byte, signal, effects);
            return;
        }
        match byte {
            b'\r' if settings.has_input(InputFlags::IGNCR) => return,
            b'\r' if settings.has_input(InputFlags::ICRNL) => byte = b'\n',
            b'\n' if settings.has_input(InputFlags::INLCR) => byte = b'\r',
            _ => {}
        }
        if self.is_canonical() && self.edit(byte, effects) {
            return;
        }
        self.take(byte, effects);
    }

    /// Stops and starts output; whether the byte is used up by it.
    fn process_flow(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let settings = self.termios;
        if settings.is(byte, Control::Stop)
            && !(self.is_stopped && settings.is(byte, Control::Start))
        {
            self.is_stopped = true;
            effects.output = Some(Flow::Stop);
            return true;
        }
        if settings.is(byte, Control::Start) {
            self.is_stopped = false;
            effects.output = Some(Flow::Start);
            return true;
        }
        if self.is_stopped && settings.has_input(InputFlags::IXANY) {
            self.is_stopped = false;
            effects.output = Some(Flow::Start);
        }
        false
    }

    fn process_signal(&mut self, byte: u8, signal: KeyboardSignal, effects: &mut Effects) {
        if !self.termios.has_local(LocalFlags::NOFLSH) {
            self.flush();
            effects.flush_output = true;
            effects.echo.clear();
        }
        if self.is_stopped {
            self.is_stopped = false;
            effects.output = Some(Flow::Start);
        }
        if self.termios.has_local(LocalFlags::ECHO) {
            self.echo(byte, effects);
        }
        effects.signal = Some(signal);
    }

    /// Line editing; whether the byte is used up by it.
    fn edit(&mut self, byte: u8, effects: &mut Effects) -> bool {
        let settings = self.termios;
        let extended = settings.has_local(LocalFlags::IEXTEN);
        if settings.is(byte, Control::Erase) {
            self.erase(Erase::Character, byte, effects);
        } else if settings.is(byte, Control::Kill) {
            self.erase(Erase::Line, byte, effects);
        } else if extended && settings.is(byte, Control::WordErase) {
            self.erase(Erase::Word, byte, effects);
        } else if extended && settings.is(byte, Control::LiteralNext) {
            self.literal_next = true;
            if settings.has_local(LocalFlags::ECHO | LocalFlags::ECHOCTL) {
                effects.echo.extend_from_slice(b"^\x08");
            }
        } else if extended
            && settings.has_local(LocalFlags::ECHO)
            && settings.is(byte, Control::Reprint)
        {
            self.echo(byte, effects);
            effects.echo.push(b'\n');
            self.line_column = 0;
            let edited: SmallVec<[u8; 64]> = self.buffer.edited().collect();
            for byte in edited {
                self.echo(byte, effects);
            }
        } else if byte == b'\n' {
            if settings.has_local(LocalFlags::ECHO) || settings.has_local(LocalFlags::ECHONL) {
                effects.echo.push(b'\n');
            }
            self.buffer.push(byte, Mark::EndOfLine);
        } else if settings.is(byte, Control::EndOfFile) {
            self.buffer.push(byte, Mark::EndOfFile);
        } else if settings.is(byte, Control::EndOfLine)
            || (extended && settings.is(byte, Control::EndOfLine2))
        {
            if settings.has_local(LocalFlags::ECHO) {
                self.echo(byte, effects);
            }
            self.buffer.push(byte, Mark::EndOfLine);
        } else {
            return false;
        }
        true
    }

    /// Stores a byte that has no special meaning. A line keeps one place free for the byte that ends it.
    fn take(&mut self, byte: u8, effects: &mut Effects) {
        let reserved = usize::from(self.is_canonical());
        if self.buffer.room() <= reserved {
            if self.termios.has_input(InputFlags::IMAXBEL) {
                effects.echo.push(b'\x07');
            }
            return;
        }
        if self.termios.has_local(LocalFlags::ECHO) {
            if byte == b'\n' {
                effects.echo.push(b'\n');
            } else {
                self.echo(byte, effects);
            }
        }
        self.buffer.push(byte, Mark::None);
    }

    fn echo(&self, byte: u8, effects: &mut Effects) {
        if self.is_shown_as_control(byte) {
            effects.echo.extend_from_slice(&[b'^', byte ^ 0x40]);
        } else {
            effects.echo.push(byte);
        }
    }

    fn is_shown_as_control(&self, byte: u8) -> bool {
        self.termios.has_local(LocalFlags::ECHOCTL) && byte.is_ascii_control() && byte != b'\t'
    }

    fn erase(&mut self, what: Erase, key: u8, effects: &mut Effects) {
        let settings = self.termios;
        let echo = settings.has_local(LocalFlags::ECHO);
        let visibly = settings.has_local(LocalFlags::ECHO | LocalFlags::ECHOE);
        if !self.buffer.is_editing() {
            return;
        }
        if what == Erase::Line
            && !(visibly && settings.has_local(LocalFlags::ECHOK | LocalFlags::ECHOKE))
        {
            while self.buffer.pop_edited().is_some() {}
            if echo {
                self.echo(key, effects);
                if settings.has_local(LocalFlags::ECHOK) {
                    effects.echo.push(b'\n');
                }
            }
            return;
        }
        let mut in_word = false;
        while let Some(last) = self.buffer.last_edited() {
            if what == Erase::Word {
                let is_word = last.is_ascii_alphanumeric() || last == b'_' || last >= 0x80;
                if in_word && !is_word {
                    break;
                }
                in_word |= is_word;
            }
            let erased = self.pop_character();
            if visibly {
                self.rub_out(erased, effects);
            } else if echo && what == Erase::Character {
                self.echo(key, effects);
            }
            if what == Erase::Character {
                break;
            }
        }
    }

    /// Removes the last character of the line, with all its bytes if the terminal speaks UTF-8, and returns
    /// the first of them.
    fn pop_character(&mut self) -> u8 {
        loop {
            match self.buffer.pop_edited() {
                Some(byte) if self.is_continuation(byte) && self.buffer.is_editing() => {}
                Some(byte) => return byte,
                None => return 0,
            }
        }
    }

    fn is_continuation(&self, byte: u8) -> bool {
        self.termios.has_input(InputFlags::IUTF8) && byte & 0xc0 == 0x80
    }

    /// Takes a character off the screen that was just removed from the line.
    fn rub_out(&self, erased: u8, effects: &mut Effects) {
        let width = match erased {
            b'\t' => 8 - self.edited_end() % 8,
            byte if self.is_shown_as_control(byte) => 2,
            byte if byte.is_ascii_control() => 0,
            _ => 1,
        };
        for _ in 0..width {
            // A tab left blank columns behind, so stepping back is enough.
            effects.echo.extend_from_slice(if erased == b'\t' {
                b"\x08"
            } else {
                b"\x08 \x08"
            });
        }
    }

    /// The column where the line being edited ends.
    fn edited_end(&self) -> usize {
        self.buffer
            .edited()
            .fold(self.line_column, |column, byte| match byte {
                b'\t' => column + 8 - column % 8,
                byte if self.is_shown_as_control(byte) => column + 2,
                byte if byte.is_ascii_control() || self.is_continuation(byte) => column,
                _ => column + 1,
            })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Erase {
    Character,
    Word,
    Line,
}

fn keyboard_signal(settings: &Termios, byte: u8) -> Option<KeyboardSignal> {
    if settings.is(byte, Control::Interrupt) {
        Some(KeyboardSignal::Interrupt)
    } else if settings.is(byte, Control::Quit) {
        Some(KeyboardSignal::Quit)
    } else if settings.is(byte, Control::Suspend) {
        Some(KeyboardSignal::Suspend)
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
