//! Requests to terminals that the usual system libraries don't wrap (ioctl_tty(2)).

use super::{Result, kernel};
use linux_raw_sys::{general as number, ioctl as request};

fn with_number(terminal: i32, request: u32, argument: usize) -> Result<()> {
    let arguments = [terminal as usize, request as usize, argument, 0, 0];
    kernel::call_with_numbers(number::__NR_ioctl as usize, arguments).map(drop)
}

/// `TIOCSCTTY`: makes it the controlling terminal; with `steal` another session loses it.
pub fn acquire(terminal: i32, steal: bool) -> Result<()> {
    with_number(terminal, request::TIOCSCTTY, usize::from(steal))
}

/// `TIOCVHANGUP`: ends all that was opened of it.
pub fn hang_up(terminal: i32) -> Result<()> {
    with_number(terminal, request::TIOCVHANGUP, 0)
}

/// `TIOCSTI`: types a byte.
pub fn simulate_input(terminal: i32, byte: u8) -> Result<()> {
    let mut byte = [byte];
    kernel::ioctl_with(terminal, request::TIOCSTI, &mut byte).map(drop)
}

/// `TIOCPKT`: turns a master's packet mode on or off.
pub fn set_packet_mode(master: i32, on: bool) -> Result<()> {
    kernel::ioctl_with(master, request::TIOCPKT, &mut i32::from(on)).map(drop)
}

/// `TIOCSIG`: signals the foreground group of a master's terminal.
pub fn signal_foreground(master: i32, signal: i32) -> Result<()> {
    with_number(master, request::TIOCSIG, signal as usize)
}
