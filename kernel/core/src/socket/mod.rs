//! Sockets between processes of this machine (unix(7)); there is no network yet.
//!
//! * [`unix`]: the socket and its states; [`listener`]: waiting connections; [`names`]: who is bound where.
//! * [`queue`]: what has been sent and not yet received, as bytes ([`ring`]) or messages; [`control`]: what travels
//!   with it (credentials, descriptors).
//! * [`address`]: `sockaddr_un`. [`file`]: the socket as an open file. [`syscalls`], [`message`], [`options`]: the calls.
//!
//! Locks: a socket's listener and queue locks sleep and may be held while user memory is touched; no socket's lock is
//! taken with another socket's held, and what a queue gives back (files that were in transit) is dropped outside it.

pub mod address;
pub mod control;
pub mod file;
pub mod listener;
pub mod message;
pub mod names;
pub mod options;
pub mod queue;
mod ring;
pub mod syscalls;
#[cfg(test)]
mod tests;
pub mod unix;
