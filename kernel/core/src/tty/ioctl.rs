//! Requests to a terminal (tty_ioctl(4)).

use alloc::sync::Arc;

use hal::user::{self, UserAddr};
use linux_raw_sys::ioctl::{
    FIONREAD, TCFLSH, TCGETS, TCGETS2, TCSBRK, TCSBRKP, TCSETS, TCSETS2, TCSETSF, TCSETSF2,
    TCSETSW, TCSETSW2, TCXONC, TIOCGDEV, TIOCGETD, TIOCGPGRP, TIOCGSID, TIOCGWINSZ, TIOCNOTTY,
    TIOCOUTQ, TIOCSCTTY, TIOCSETD, TIOCSPGRP, TIOCSTI, TIOCSWINSZ, TIOCVHANGUP,
};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::Terminal;
use super::termios::{Control, Termios, Termios2, WindowSize};
use crate::task::{Capability, Current};
use crate::vfs::File;
use crate::{Errno, Result};

/// `TCFLSH`: input.
const TCIFLUSH: u64 = 0;
/// `TCFLSH`: output.
const TCOFLUSH: u64 = 1;
/// `TCFLSH`: both.
const TCIOFLUSH: u64 = 2;
/// `TCXONC`: stop output.
const TCOOFF: u64 = 0;
/// `TCXONC`: let output go on.
const TCOON: u64 = 1;
/// `TCXONC`: ask the other end to stop sending.
const TCIOFF: u64 = 2;
/// `TCXONC`: ask the other end to go on sending.
const TCION: u64 = 3;

/// Reads a structure of the caller's.
///
/// # Errors
/// `EFAULT`.
pub fn read<T: FromBytes + IntoBytes>(argument: u64) -> Result<T> {
    user::read_value(UserAddr(argument)).map_err(|_| Errno::EFAULT)
}

/// Writes a structure to the caller; an ioctl's result is 0 then.
///
/// # Errors
/// `EFAULT`.
pub fn write<T: IntoBytes + Immutable>(argument: u64, value: &T) -> Result<usize> {
    user::write_value(UserAddr(argument), value).map_err(|_| Errno::EFAULT)?;
    Ok(0)
}

/// Carries out a request.
///
/// # Errors
/// `ENOTTY` for one that terminals don't know; `EFAULT`, `EINVAL`; those of job control.
pub fn terminal(
    terminal: &Arc<Terminal>,
    file: &File,
    current: &Current,
    request: u32,
    argument: u64,
) -> Result<usize> {
    match request {
        TCGETS => write(argument, &terminal.termios()),
        TCGETS2 => write(argument, &with_speeds(terminal.termios())),
        TCSETS | TCSETSW | TCSETSF | TCSETS2 | TCSETSW2 | TCSETSF2 => {
            set_termios(terminal, current, request, argument)
        }
        TCSBRK | TCSBRKP => {
            terminal.check_change(current)?;
            // Output is never queued in the device, and no line here can send a break: as in Linux that is no error.
            Ok(0)
        }
        TCXONC => flow(terminal, current, argument),
        TCFLSH => flush(terminal, current, argument),
        FIONREAD => write(
            argument,
            &count(terminal.with_discipline(|discipline| discipline.readable())),
        ),
        TIOCOUTQ => write(argument, &0_i32),
        TIOCGWINSZ => write(argument, &terminal.window()),
        TIOCSWINSZ => {
            terminal.set_window(read::<WindowSize>(argument)?);
            Ok(0)
        }
        TIOCSCTTY => acquire(terminal, file, current, argument),
        TIOCNOTTY => terminal.give_up(current).map(|()| 0),
        TIOCGPGRP => write(argument, &terminal.foreground_number(current)?),
        TIOCSPGRP => terminal
            .set_foreground(current, read(argument)?)
            .map(|()| 0),
        TIOCGSID => write(argument, &terminal.session_number(current)?),
        TIOCGETD => write(argument, &0_i32),
        TIOCSETD if read::<i32>(argument)? == 0 => Ok(0),
        TIOCSETD => Err(Errno::EINVAL),
        TIOCGDEV => write(argument, &terminal.number().encode()),
        TIOCVHANGUP => {
            current.require(Capability::SysAdmin)?;
            if !terminal.is_in_sight(current) {
                return Err(Errno::EPERM);
            }
            terminal.hang_up();
            Ok(0)
        }
        // As Linux without legacy TIOCSTI: nobody types for somebody else.
        TIOCSTI => Err(Errno::EIO),
        _ => Err(Errno::ENOTTY),
    }
}

fn count(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

fn with_speeds(base: Termios) -> Termios2 {
    let speed = base.speed();
    Termios2 {
        base,
        input_speed: speed,
        output_speed: speed,
    }
}

fn set_termios(
    terminal: &Terminal,
    current: &Current,
    request: u32,
    argument: u64,
) -> Result<usize> {
    terminal.check_change(current)?;
    let mut termios = match request {
        TCSETS2 | TCSETSW2 | TCSETSF2 => read::<Termios2>(argument)?.base,
        _ => read::<Termios>(argument)?,
    };
    // There is one discipline.
    termios.line = 0;
    if matches!(request, TCSETSF | TCSETSF2) {
        terminal.flush_input();
    }
    terminal.set_termios(termios);
    Ok(0)
}

fn flow(terminal: &Terminal, current: &Current, how: u64) -> Result<usize> {
    terminal.check_change(current)?;
    match how {
        TCOOFF => terminal.set_stopped(true),
        TCOON => terminal.set_stopped(false),
        TCIOFF => terminal.write(&[terminal.termios().character(Control::Stop)]),
        TCION => terminal.write(&[terminal.termios().character(Control::Start)]),
        _ => return Err(Errno::EINVAL),
    }
    Ok(0)
}

fn flush(terminal: &Terminal, current: &Current, which: u64) -> Result<usize> {
    terminal.check_change(current)?;
    if !matches!(which, TCIFLUSH | TCOFLUSH | TCIOFLUSH) {
        return Err(Errno::EINVAL);
    }
    if which != TCOFLUSH {
        terminal.flush_input();
    }
    if which != TCIFLUSH {
        terminal.flush_output();
    }
    Ok(0)
}

fn acquire(terminal: &Arc<Terminal>, file: &File, current: &Current, steal: u64) -> Result<usize> {
    if !file.flags().can_read() && !current.is_capable(Capability::SysAdmin) {
        return Err(Errno::EPERM);
    }
    terminal.acquire(current, steal == 1)?;
    Ok(0)
}
