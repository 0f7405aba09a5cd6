//! Looks after a running container: passes signals on, lends it the terminal, waits for its end.

use crate::error::Error;
use crate::system::process::{self, Change, Event};
use crate::system::terminal::{self, Terminal};
use std::io;

/// Waits until the container's first process has ended and returns the exit status that stands for it.
/// Signals must be taken already ([`process::take_signals`]).
pub fn supervise(child: i32, terminal: Option<&Terminal>) -> Result<u8, Error> {
    let result = wait(child, terminal);
    if let Some(terminal) = terminal {
        // When the terminal is gone there is nothing to take back.
        let _ = terminal.take_back();
    }
    result.map_err(|error| Error::system("wait for the container", &error))
}

fn wait(child: i32, terminal: Option<&Terminal>) -> io::Result<u8> {
    loop {
        while let Some(change) = process::change_of(child)? {
            match (change, terminal) {
                (Change::Exited(status), _) => return Ok(status),
                (Change::Killed(signal), _) => return Ok(128 + signal),
                (Change::Stopped, Some(terminal)) => stop_with_it(child, terminal)?,
                // Somebody else stopped it, who will let it go on.
                (Change::Stopped, None) => {}
            }
        }
        if let Event::Signal(number) = process::next_event()? {
            process::send(child, number)?;
        }
    }
}

/// The container was stopped at the terminal: so is runc with the job it is part of, and when that is
/// continued in the foreground, so is the container.
fn stop_with_it(child: i32, terminal: &Terminal) -> io::Result<()> {
    terminal.take_back()?;
    terminal::stop_group()?;
    terminal.lend(child)?;
    process::resume_group(child)
}
