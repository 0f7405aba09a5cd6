//! Connections to a monitor.

use crate::system::descriptor::Interest;
use crate::system::socket;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// What a connection is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Its request has not come yet.
    Asking,
    /// It waits for the end.
    Waiting,
    /// It wants to know when something was written.
    Following,
    /// It wants everything that is written.
    Attached,
    /// It wants to know what becomes of the container.
    Watching,
}

/// A connection.
pub struct Client {
    connection: OwnedFd,
    /// What it is there for.
    pub purpose: Purpose,
    /// What could not be sent yet.
    pending: Option<Vec<u8>>,
    is_gone: bool,
}

impl Client {
    /// A new one.
    pub fn new(connection: OwnedFd) -> Self {
        Self {
            connection,
            purpose: Purpose::Asking,
            pending: None,
            is_gone: false,
        }
    }

    /// What is waited for.
    pub fn interest(&self) -> (BorrowedFd<'_>, Interest) {
        let interest = match self.pending {
            Some(_) => Interest::Write,
            None => Interest::Read,
        };
        (self.connection.as_fd(), interest)
    }

    /// Whether something waits to be sent: nothing more should come.
    pub fn is_behind(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether nobody is there any more.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Nobody is to be there any more.
    pub fn leave(&mut self) {
        self.is_gone = true;
    }

    /// It has had its answer, unless that waits to be sent: then it leaves by itself.
    pub fn leave_when_sent(&mut self) {
        self.is_gone |= !self.is_behind();
    }

    /// The next message; `None`: there is none now, or nobody is there any more.
    pub fn receive(&mut self) -> Option<Vec<u8>> {
        let mut buffer = [0; 64];
        match socket::receive(&self.connection, &mut buffer) {
            Ok((length, _)) if length > 0 => {
                Some(buffer.get(..length).unwrap_or_default().to_vec())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            _ => {
                self.is_gone = true;
                None
            }
        }
    }

    /// Sends a message; one that finds no room is kept until there is some.
    pub fn send(&mut self, message: &[u8], descriptors: &[BorrowedFd<'_>]) {
        match socket::send(&self.connection, message, descriptors) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && descriptors.is_empty() => {
                self.pending = Some(message.to_vec());
            }
            Err(_) => self.is_gone = true,
        }
    }

    /// Sends a message that may be lost if there is one in front of it.
    pub fn nudge(&mut self) {
        match socket::send(&self.connection, b"+", &[]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => self.is_gone = true,
            _ => {}
        }
    }

    /// Sends what waits.
    pub fn flush(&mut self) {
        if let Some(message) = self.pending.take() {
            self.send(&message, &[]);
        }
    }
}
