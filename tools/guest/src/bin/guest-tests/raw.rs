//! What the system libraries wrap only in part, and a counter that processes share.

use crate::check::{Check, ok};
use rustix::fs::{MemfdFlags, OFlags, fcntl_getfl, fcntl_setfl, fstat, memfd_create};
use std::io;
use std::os::fd::OwnedFd;

/// kill(2) of a process number, a group or everybody.
pub fn kill(target: i32, signal: i32) -> io::Result<()> {
    gantry_abi::user::calls::kill(target, signal).map_err(io::Error::from)
}

/// A counter that a process and its children share: the length of a file that each step appends a byte to.
pub struct SharedCounter(OwnedFd);

impl SharedCounter {
    /// A counter at 0.
    pub fn new() -> Check<Self> {
        let file = ok("memfd_create", memfd_create("counter", MemfdFlags::CLOEXEC))?;
        let flags = ok("F_GETFL", fcntl_getfl(&file))?;
        ok("F_SETFL", fcntl_setfl(&file, flags | OFlags::APPEND))?;
        Ok(SharedCounter(file))
    }

    /// One more.
    pub fn add(&self) {
        // A full file system would be noticed by those who wait for progress.
        let _ = rustix::io::write(&self.0, b"1");
    }

    /// How many there are.
    pub fn get(&self) -> u64 {
        fstat(&self.0).map_or(0, |status| status.st_size as u64)
    }
}

/// Gives a signal its default action, whatever the standard library has set.
pub fn default_action(signal: rustix::process::Signal) -> Check {
    ok(
        "default action",
        gantry_abi::user::signal::reset(signal.as_raw()),
    )
}
