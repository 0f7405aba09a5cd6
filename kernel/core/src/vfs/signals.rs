//! Signals that file operations raise in their caller.

use crate::signal::send::{self, Origin};
use crate::signal::{Signal, SignalInfo};
use crate::task::Thread;

/// It wrote to a pipe or socket that nobody reads (SIGPIPE).
pub fn broken_pipe() {
    raise(Signal::SIGPIPE);
}

/// It went beyond `RLIMIT_FSIZE` (SIGXFSZ).
pub fn file_size_exceeded() {
    raise(Signal::SIGXFSZ);
}

fn raise(signal: Signal) {
    if let Some(current) = hal::task::try_current::<Thread>() {
        // A signal below the real-time ones needs no room in a queue.
        let _ = send::to_thread(
            &current.arc(),
            SignalInfo::user(signal, 0, 0, 0),
            Origin::Kernel,
        );
    }
}
