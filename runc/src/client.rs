//! Asks a container's monitor.

use crate::error::Error;
use crate::processes::Process;
use crate::protocol::{self, Answer, Request};
use crate::state::{self, Found, SOCKET, Store};
use crate::system::{descriptor, process, socket};
use std::io;
use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

/// The largest message, in bytes; the numbers of a very full container's processes.
const LARGEST: usize = 160 << 10;

/// How long a monitor may be silent until it is looked at whether it is stopped.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// SIGCONT
const CONTINUE: i32 = 18;

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
    let Some(connection) = connect(found)? else {
        return Ok(None);
    };
    match socket::send(&connection, request.to_text().as_bytes(), &[]) {
        Ok(()) => Ok(Some(connection)),
        Err(error) if is_gone(&error) => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

/// A connection to a container's monitor; `None`: there is none.
fn connect(found: &Found) -> Result<Option<OwnedFd>, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match socket::connect(found.folder.descriptor(), SOCKET) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            result => return result.map_err(|error| failed(&error)),
        }
        if Instant::now() > deadline {
            return Err(Error::new(
                "the container's monitor takes no requests (it is stopped, or has too many)",
            ));
        }
        thread::sleep(PAUSE);
    }
}

/// Waits for the answer to a request; an error if the monitor is stopped, so that it would never come.
fn wait_for_answer(connection: &OwnedFd) -> Result<(), Error> {
    while !descriptor::is_readable(connection, PATIENCE).map_err(|error| failed(&error))? {
        if let Some(monitor) = stopped(connection)? {
            return Err(Error::new(format!(
                "the container's monitor (process {monitor}) is stopped: kill -CONT {monitor} lets it go on"
            )));
        }
    }
    Ok(())
}

/// The number of the monitor that a connection leads to, if that is stopped by a signal or a debugger.
fn stopped(connection: &OwnedFd) -> Result<Option<i32>, Error> {
    let monitor = socket::peer(connection).map_err(|error| failed(&error))?;
    Ok(monitor.filter(|monitor| {
        let process = Process::read(monitor.unsigned_abs());
        process.is_some_and(|process| matches!(process.state, 'T' | 't'))
    }))
}

/// Lets a stopped monitor go on; whether it was one.
pub fn wake(found: &Found) -> Result<bool, Error> {
    let Some(connection) = connect(found)? else {
        return Ok(false);
    };
    let Some(monitor) = stopped(&connection)? else {
        return Ok(false);
    };
    process::send(monitor, CONTINUE).map_err(|error| failed(&error))?;
    Ok(true)
}

/// Asks a container's monitor; `None`: there is none, or it ended without an answer.
pub fn ask(found: &Found, request: Request) -> Result<Option<Reply>, Error> {
    let Some(connection) = send(found, request)? else {
        return Ok(None);
    };
    wait_for_answer(&connection)?;
    let size = match request {
        Request::Processes => LARGEST,
        _ => 4096,
    };
    let mut buffer = vec![0; size];
    let received = socket::receive(&connection, &mut buffer);
    let (length, descriptors) = received.map_err(|error| failed(&error))?;
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

fn failed(error: &io::Error) -> Error {
    Error::system("ask the container's monitor", error)
}

/// Has a container's monitor carry out a request, once the container is made. Errors: those of the monitor, and "container
/// not running" when there is none any more.
pub fn order(store: &Store, id: &str, request: Request) -> Result<(Found, Reply), Error> {
    let found = state::find(store, id)?;
    found.now_made(store)?;
    match ask(&found, request)? {
        Some(reply) => Ok((found, reply)),
        None => Err(Error::new("container not running")),
    }
}

fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::NotConnected
    )
}
