//! Forking for tests: run a closure in a child.

use super::{Errno, kernel};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Runs `work` in a child process and returns the child's number at once; the result of `work` is the
/// child's exit status. To be called by a single-threaded process only: locks that another thread holds
/// (the allocator's, say) would stay held in the child for ever.
pub fn fork(work: impl FnOnce() -> i32) -> io::Result<i32> {
    match kernel::fork() {
        0 => kernel::exit(work()),
        process if process > 0 => Ok(process),
        _ => Err(io::Error::last_os_error()),
    }
}

/// [`fork`], then waits for the child and returns how it ended.
pub fn fork_and_run(work: impl FnOnce() -> i32) -> io::Result<ExitStatus> {
    let process = fork(work)?;
    loop {
        match super::process::wait(process) {
            Ok(status) => return Ok(ExitStatus::from_raw(status)),
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
