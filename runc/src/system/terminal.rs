//! The terminal that runc was started on, lent to the container while it runs.

use rustix::io;
use rustix::process::{self, Pid, Signal};
use rustix::stdio::stdin;
use rustix::termios::{self, OptionalActions, Termios};

/// The terminal on standard input, as it was before the container had it.
pub struct Terminal {
    modes: Termios,
}

/// The terminal on standard input, if it is runc's controlling one and runc is in its foreground.
pub fn in_foreground() -> Option<Terminal> {
    let group = termios::tcgetpgrp(stdin()).ok()?;
    let modes = termios::tcgetattr(stdin()).ok()?;
    (group == process::getpgrp()).then_some(Terminal { modes })
}

impl Terminal {
    /// Lends it to a process group. SIGTTOU must be blocked.
    pub fn lend(&self, group: i32) -> io::Result<()> {
        let group = Pid::from_raw(group).ok_or(io::Errno::INVAL)?;
        termios::tcsetpgrp(stdin(), group)
    }

    /// Takes it back and gives it the modes it had. SIGTTOU must be blocked.
    pub fn take_back(&self) -> io::Result<()> {
        termios::tcsetpgrp(stdin(), process::getpgrp())?;
        termios::tcsetattr(stdin(), OptionalActions::Drain, &self.modes)
    }
}

/// Stops the caller's process group, as the terminal's driver does; returns when it goes on.
pub fn stop_group() -> io::Result<()> {
    process::kill_current_process_group(Signal::STOP)
}
