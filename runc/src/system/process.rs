//! Processes and the signals that concern them.

use gantry_abi::user::calls;
use rustix::process::{self, Pid, PidfdFlags, Signal, WaitOptions};
use std::io;
use std::os::fd::OwnedFd;

pub use gantry_abi::user::fork;
pub use gantry_abi::user::held::{Held, spawn_held};
pub use gantry_abi::user::process::{Program, SpawnError, Stage, Step, spawn};
pub use gantry_abi::user::stack::discard_unused as discard_unused_stack;

/// What a child did.
pub enum Change {
    /// Exited with this status.
    Exited(u8),
    /// Ended by this signal.
    Killed(u8),
    /// Stopped.
    Stopped,
}

/// What a child has done since the last question, if anything.
pub fn change_of(child: i32) -> io::Result<Option<Change>> {
    let options = WaitOptions::NOHANG | WaitOptions::UNTRACED;
    let Some((_, status)) = process::waitpid(Pid::from_raw(child), options)? else {
        return Ok(None);
    };
    Ok(if let Some(status) = status.exit_status() {
        Some(Change::Exited(status as u8))
    } else if let Some(signal) = status.terminating_signal() {
        Some(Change::Killed(signal as u8))
    } else if status.stopped() {
        Some(Change::Stopped)
    } else {
        None
    })
}

/// Sends a signal to a child that has not been waited for; one that has ended is none the worse for it.
pub fn send(child: i32, number: i32) -> io::Result<()> {
    Ok(calls::kill(child, number)?)
}

/// A descriptor of a child, readable when it has ended.
pub fn descriptor_of(child: i32) -> io::Result<OwnedFd> {
    let child = Pid::from_raw(child).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(process::pidfd_open(child, PidfdFlags::empty())?)
}

/// Closes the first descriptors after standard error, which this program was started with and does nothing
/// with.
pub fn close_inherited(count: u32) -> io::Result<()> {
    Ok(calls::close_range(3, count.saturating_add(2))?)
}

/// Closes all descriptors but the standard ones and so many after them. To be called before anything is opened.
pub fn close_others(kept: u32) -> io::Result<()> {
    Ok(calls::close_range(kept.saturating_add(3), u32::MAX)?)
}

/// A session of the caller's own, without a terminal.
pub fn start_session() -> io::Result<()> {
    process::setsid()?;
    Ok(())
}

/// The caller's user id.
pub fn user() -> u32 {
    process::getuid().as_raw()
}

/// The number of a signal by its number or its name, with or without SIG.
pub fn signal_number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(offset) = name.strip_prefix("RTMIN+") {
        let number = 34 + offset.parse::<i32>().ok()?;
        return (34..=64).contains(&number).then_some(number);
    }
    SIGNALS
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}

/// The name of a signal, with SIG.
pub fn signal_name(number: i32) -> String {
    match SIGNALS.iter().find(|(_, known)| *known == number) {
        Some((name, _)) => format!("SIG{name}"),
        None => format!("signal {number}"),
    }
}

/// Signals by name, as arm64 and x86-64 number them (signal(7)).
const SIGNALS: [(&str, i32); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("RTMIN", 34),
    ("RTMAX", 64),
];

/// Lets a stopped process group go on.
pub fn resume_group(group: i32) -> io::Result<()> {
    let Some(group) = Pid::from_raw(group) else {
        return Ok(());
    };
    Ok(process::kill_process_group(group, Signal::CONT)?)
}
