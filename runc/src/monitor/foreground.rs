//! What a runc in the foreground does for its container with the terminal it was started on: it lends it, or
//! passes keys and output on to a terminal of the container's own.

use crate::system::descriptor::{self, Interest};
use crate::system::pseudoterminal::{self, Size};
use crate::system::signals;
use crate::system::terminal::{self, Terminal, Termios};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// How much is passed on at once, in bytes.
const CHUNK: usize = 4096;
/// Keys that wait for the program at most, in bytes.
const PENDING: usize = 64 << 10;

/// The terminal of a runc in the foreground.
#[derive(Default)]
pub struct Foreground {
    /// runc's own terminal, which the container has.
    pub lent: Option<Terminal>,
    /// The container's own terminal.
    pub relay: Option<Relay>,
}

/// Passes keys and output on.
pub struct Relay {
    master: OwnedFd,
    /// The modes of runc's terminal before; `None`: its standard input is none.
    modes: Option<Termios>,
    keys: Vec<u8>,
    is_input_open: bool,
    is_output_open: bool,
}

impl Relay {
    /// Begins: keys go to the container as they are typed, and its terminal has the size of runc's.
    pub fn start(master: OwnedFd) -> io::Result<Self> {
        descriptor::set_non_blocking(&master)?;
        let modes = if terminal::is_input() {
            Some(terminal::make_raw()?)
        } else {
            None
        };
        let relay = Self {
            master,
            modes,
            keys: Vec::new(),
            is_input_open: true,
            is_output_open: true,
        };
        relay.follow_size();
        Ok(relay)
    }

    fn follow_size(&self) {
        if let Some(size) = size_here() {
            // A terminal that has hung up has no size.
            let _ = pseudoterminal::set_size(&self.master, size);
        }
    }

    fn take_keys(&mut self) {
        let mut buffer = [0; CHUNK];
        match descriptor::read_some(terminal::stdin(), &mut buffer) {
            Ok(Some(length)) if length > 0 => {
                self.keys
                    .extend_from_slice(buffer.get(..length).unwrap_or_default());
                self.give_keys();
            }
            Ok(None) => {}
            _ => {
                self.is_input_open = false;
                // End of file, as a terminal says it.
                self.keys.push(0x04);
                self.give_keys();
            }
        }
    }

    fn give_keys(&mut self) {
        match descriptor::write_some(&self.master, &self.keys) {
            Ok(Some(length)) => drop(self.keys.drain(..length)),
            Ok(None) => {}
            Err(_) => self.keys.clear(),
        }
    }

    /// Passes output on; false: there was none.
    fn pass_output(&mut self) -> bool {
        let mut buffer = [0; CHUNK];
        match descriptor::read_some(&self.master, &mut buffer) {
            Ok(Some(length)) if length > 0 => {
                let output = buffer.get(..length).unwrap_or_default();
                // Whoever has closed the output doesn't want it.
                let _ = descriptor::write_all(terminal::stdout(), output);
                true
            }
            Ok(None) => false,
            _ => {
                self.is_output_open = false;
                false
            }
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(modes) = &self.modes {
            // A terminal that is gone needs no modes.
            let _ = terminal::set_modes(modes);
        }
    }
}

/// The size of the terminal that runc was started on.
pub fn size_here() -> Option<Size> {
    pseudoterminal::size_of(terminal::stdin())
        .or_else(|| pseudoterminal::size_of(terminal::stdout()))
}

impl Foreground {
    /// What is waited for, each with the index for [`Foreground::relay`].
    pub fn wanted(&self) -> Vec<(usize, (BorrowedFd<'_>, Interest))> {
        let mut wanted = Vec::new();
        if let Some(relay) = &self.relay {
            if relay.is_input_open && relay.keys.len() < PENDING {
                wanted.push((0, (terminal::stdin(), Interest::Read)));
            }
            if relay.is_output_open {
                wanted.push((1, (relay.master.as_fd(), Interest::Read)));
            }
            if !relay.keys.is_empty() {
                wanted.push((2, (relay.master.as_fd(), Interest::Write)));
            }
        }
        wanted
    }

    /// Something of [`Foreground::wanted`] is ready.
    pub fn relay(&mut self, index: usize) -> io::Result<()> {
        if let Some(relay) = &mut self.relay {
            match index {
                0 => relay.take_keys(),
                1 => drop(relay.pass_output()),
                _ => relay.give_keys(),
            }
        }
        Ok(())
    }

    /// Whether a signal is for runc itself.
    pub fn takes(&mut self, signal: i32) -> bool {
        match signal {
            signals::TERMINAL_OUTPUT => true,
            signals::WINDOW => match &self.relay {
                Some(relay) => {
                    relay.follow_size();
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// The container was stopped. At the terminal, so is runc with the job it is part of; when that is continued
    /// in the foreground, so is the container. Elsewhere whoever stopped it will let it go on.
    pub fn stop_with(&self, child: i32) -> io::Result<()> {
        let Some(terminal) = &self.lent else {
            return Ok(());
        };
        terminal.take_back()?;
        terminal::stop_group()?;
        terminal.lend(child)?;
        crate::system::process::resume_group(child)
    }

    /// The container has ended: passes the rest of its output on and takes the terminal back.
    pub fn finish(&mut self) {
        if let Some(mut relay) = self.relay.take() {
            while relay.pass_output() {}
        }
        if let Some(terminal) = self.lent.take() {
            // When the terminal is gone there is nothing to take back.
            let _ = terminal.take_back();
        }
    }
}
