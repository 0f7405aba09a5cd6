//! Asks a container's monitor.

use crate::error::Error;
use crate::protocol::{self, Answer, Request};
use crate::state::{Found, SOCKET};
use crate::system::socket;
use std::io;
use std::os::fd::OwnedFd;

/// The largest message, in bytes; the numbers of a very full container's processes.
const LARGEST: usize = 160 << 10;

/// A monitor's good answer.
pub struct Reply {
    /// Its text.
    pub text: String,
    /// The descriptors beside it.
    pub descriptors: Vec<OwnedFd>,
    /// The connection, through which more may come.
    pub connection: OwnedFd,
}

/// Sends a request; the connection, through which the answer comes. `None`: there is no monitor.
pub fn send(found: &Found, request: Request) -> Result<Option<OwnedFd>, Error> {
    let failed = |error: io::Error| Error::system("ask the container's monitor", &error);
    let directory = found.folder.descriptor();
    let Some(connection) = socket::connect(directory, SOCKET).map_err(failed)? else {
        return Ok(None);
    };
    match socket::send(&connection, request.to_text().as_bytes(), &[]) {
        Ok(()) => Ok(Some(connection)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Asks a container's monitor; `None`: there is none, or it ended without an answer.
pub fn ask(found: &Found, request: Request) -> Result<Option<Reply>, Error> {
    let failed = |error: io::Error| Error::system("ask the container's monitor", &error);
    let Some(connection) = send(found, request)? else {
        return Ok(None);
    };
    let size = match request {
        Request::Processes => LARGEST,
        _ => 4096,
    };
    let mut buffer = vec![0; size];
    let (length, descriptors) = socket::receive(&connection, &mut buffer).map_err(failed)?;
    if length == 0 {
        return Ok(None);
    }
    match protocol::answer(buffer.get(..length).unwrap_or_default()) {
        Some(Answer::Good(text)) => Ok(Some(Reply {
            text: text.to_owned(),
            descriptors,
            connection,
        })),
        Some(Answer::Bad(status, text)) => Err(Error::with_status(text, status)),
        None => Err(Error::new("the container's monitor answers nonsense")),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
