//! Attaches to a container: shows what it writes, and passes on what is typed.

use crate::client::Reply;
use crate::error::Error;
use crate::monitor::size_here;
use crate::protocol::{self, ENDED, ERRORS, OUTPUT};
use crate::state::Exit;
use crate::system::descriptor::{self, Interest};
use crate::system::signals::{self, Signals};
use crate::system::{pseudoterminal, socket, terminal};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// The keys that detach from a terminal, one after the other: Ctrl-P, Ctrl-Q.
const DETACH: [u8; 2] = [0x10, 0x11];
/// The largest message of output, in bytes.
const LARGEST: usize = 8192;

/// How it came to an end.
pub enum End {
    /// The container has ended.
    Ended(Exit),
    /// The user has detached, or input and output are closed.
    Detached,
    /// The monitor is gone.
    Gone,
}

/// Looks for the keys that detach.
#[derive(Default)]
struct Keys {
    has_first: bool,
}

impl Keys {
    /// What of the bytes goes to the container; `None`: detach.
    fn pass(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let [first, second] = DETACH;
        let mut passed = Vec::with_capacity(bytes.len() + 1);
        for byte in bytes {
            if std::mem::take(&mut self.has_first) {
                if *byte == second {
                    return None;
                }
                passed.push(first);
            }
            if *byte == first {
                self.has_first = true;
            } else {
                passed.push(*byte);
            }
        }
        Some(passed)
    }
}

/// Passes input and output until the container ends, or the user detaches. `reply` is the monitor's answer to
/// the request.
pub fn attach(reply: Reply) -> Result<End, Error> {
    let is_terminal = reply.text == "terminal";
    let input = reply.descriptors.into_iter().next();
    let failed = |error: io::Error| Error::system("pass input and output", &error);
    let signals = Signals::take_all().map_err(failed)?;
    let modes = if is_terminal && terminal::is_input() {
        Some(terminal::make_raw().map_err(|error| failed(error.into()))?)
    } else {
        None
    };
    let result = pass(&reply.connection, input, is_terminal, &signals);
    if let Some(modes) = modes {
        // A terminal that is gone needs no modes.
        let _ = terminal::set_modes(&modes);
    }
    result.map_err(failed)
}

fn follow_size(input: Option<&OwnedFd>) {
    if let (Some(size), Some(input)) = (size_here(), input) {
        // A terminal that has hung up has no size.
        let _ = pseudoterminal::set_size(input, size);
    }
}

fn pass(
    connection: &OwnedFd,
    mut input: Option<OwnedFd>,
    is_terminal: bool,
    signals: &Signals,
) -> io::Result<End> {
    let mut keys = Keys::default();
    if is_terminal {
        follow_size(input.as_ref());
    }
    loop {
        let mut waited = vec![
            (connection.as_fd(), Interest::Read),
            (signals.as_fd(), Interest::Read),
        ];
        if input.is_some() {
            waited.push((terminal::stdin(), Interest::Read));
        }
        for ready in descriptor::wait_for(&waited, None)? {
            match ready {
                0 => {
                    let mut message = [0; LARGEST];
                    let (length, _) = socket::receive(connection, &mut message)?;
                    let message = message.get(..length).unwrap_or_default();
                    if let Some(end) = show(message)? {
                        return Ok(end);
                    }
                }
                1 => {
                    while let Some(signal) = signals.next()? {
                        if signal == signals::WINDOW && is_terminal {
                            follow_size(input.as_ref());
                        } else if ends(signal) {
                            return Ok(End::Detached);
                        }
                    }
                }
                _ => {
                    let mut typed = [0; 4096];
                    let length = descriptor::read_some(terminal::stdin(), &mut typed)?;
                    let typed = typed.get(..length.unwrap_or(0)).unwrap_or_default();
                    if length == Some(0) {
                        input = None;
                        socket::send(connection, protocol::END_OF_INPUT, &[])?;
                    } else if let Some(input) = &input {
                        let passed = if is_terminal {
                            match keys.pass(typed) {
                                Some(passed) => passed,
                                None => return Ok(End::Detached),
                            }
                        } else {
                            typed.to_vec()
                        };
                        descriptor::write_all(input, &passed)?;
                    }
                }
            }
        }
    }
}

/// Whether a signal asks runc to end: the container lives on.
fn ends(signal: i32) -> bool {
    const HANG_UP: i32 = 1;
    const INTERRUPT: i32 = 2;
    const QUIT: i32 = 3;
    const TERMINATE: i32 = 15;
    [HANG_UP, INTERRUPT, QUIT, TERMINATE].contains(&signal)
}

/// Shows a message; whether it is the last one.
fn show(message: &[u8]) -> io::Result<Option<End>> {
    let Some((tag, text)) = message.split_first() else {
        return Ok(Some(End::Gone));
    };
    match *tag {
        OUTPUT => descriptor::write_all(terminal::stdout(), text)?,
        ERRORS => descriptor::write_all(terminal::stderr(), text)?,
        ENDED => {
            let value = serde_json::from_slice(text).ok();
            let exit = value.as_ref().and_then(Exit::from_json);
            return Ok(Some(exit.map_or(End::Gone, End::Ended)));
        }
        _ => {}
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::Keys;

    #[test]
    fn the_keys_that_detach_are_found_across_reads() {
        let mut keys = Keys::default();
        assert_eq!(keys.pass(b"ab\x10"), Some(b"ab".to_vec()));
        assert_eq!(keys.pass(b"c"), Some(b"\x10c".to_vec()));
        assert_eq!(keys.pass(b"\x10\x10"), Some(b"\x10".to_vec()));
        assert_eq!(keys.pass(b"\x11"), None);
    }
}
