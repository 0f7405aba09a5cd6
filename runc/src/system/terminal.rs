//! The terminal that runc was started on, lent to the container while it runs.

use rustix::io;
use rustix::process::{self, Pid, Signal};
pub use rustix::stdio::{stderr, stdin, stdout};
pub use rustix::termios::Termios;
use rustix::termios::{self, OptionalActions};

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

/// Whether standard input is a terminal.
pub fn is_input() -> bool {
    termios::isatty(stdin())
}

/// Hands every key on as it is; returns the modes before.
pub fn make_raw() -> io::Result<Termios> {
    let before = termios::tcgetattr(stdin())?;
    let mut raw = before.clone();
    raw.make_raw();
    termios::tcsetattr(stdin(), OptionalActions::Drain, &raw)?;
    Ok(before)
}

/// Gives the terminal on standard input these modes.
pub fn set_modes(modes: &Termios) -> io::Result<()> {
    termios::tcsetattr(stdin(), OptionalActions::Drain, modes)
}

/// Stops the caller's process group, as the terminal's driver does; returns when it goes on.
pub fn stop_group() -> io::Result<()> {
    process::kill_current_process_group(Signal::STOP)
}
