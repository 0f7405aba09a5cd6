//! Signals that file operations raise in their caller.

use crate::signal::{Signal, raise_in_current};
use crate::task::Thread;

/// It wrote to a pipe or socket that nobody reads (SIGPIPE).
pub fn broken_pipe() {
    raise(Signal::PIPE);
}

/// It went beyond `RLIMIT_FSIZE` (SIGXFSZ).
pub fn file_size_exceeded() {
    raise(Signal::XFSZ);
}

fn raise(signal: Signal) {
    if let Some(current) = hal::task::try_current::<Thread>() {
        raise_in_current(&current, signal);
    }
}
