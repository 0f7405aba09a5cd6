//! Signals that file operations raise in their caller.

use crate::signal::Signal;

/// It wrote to a pipe or socket that nobody reads (SIGPIPE).
pub fn broken_pipe() {
    raise(Signal::SIGPIPE);
}

/// It went beyond `RLIMIT_FSIZE` (SIGXFSZ).
pub fn file_size_exceeded() {
    raise(Signal::SIGXFSZ);
}

fn raise(signal: Signal) {
    let _ = signal;
}
