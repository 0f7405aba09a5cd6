//! Processes and the signals that concern them.

use gantry_abi::user::signal::{self, SignalSet};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{self, Pid, Signal, WaitOptions};
use std::io;
use std::os::fd::AsFd;

pub use gantry_abi::user::process::{Program, SpawnError, Stage, Step, spawn};

/// Signals that are left to do to runc what they do: they stop it, or tell of its own faults.
const NOT_FORWARDED: [Signal; 15] = [
    Signal::KILL,
    Signal::STOP,
    Signal::TSTP,
    Signal::TTIN,
    Signal::CONT,
    Signal::SEGV,
    Signal::BUS,
    Signal::FPE,
    Signal::ILL,
    Signal::TRAP,
    Signal::SYS,
    Signal::ABORT,
    Signal::PIPE,
    Signal::URG,
    Signal::IO,
];

/// What a child did.
pub enum Change {
    /// Exited with this status.
    Exited(u8),
    /// Ended by this signal.
    Killed(u8),
    /// Stopped.
    Stopped,
}

/// What happened.
pub enum Event {
    /// A child may have changed.
    Child,
    /// A signal for the container came in.
    Signal(i32),
}

fn taken() -> SignalSet {
    NOT_FORWARDED
        .iter()
        .fold(SignalSet::ALL, |set, signal| set.without(signal.as_raw()))
}

/// Takes signals one by one from now on; returns the mask before. SIGTTOU is blocked too.
pub fn take_signals() -> io::Result<SignalSet> {
    Ok(signal::block(taken())?)
}

/// Waits for the next event.
pub fn next_event() -> io::Result<Event> {
    let signals = taken();
    loop {
        match signal::wait(signals, None)?.map(|received| received.signal) {
            Some(number) if number == Signal::CHILD.as_raw() => return Ok(Event::Child),
            // It only tells that the terminal is lent.
            Some(number) if number == Signal::TTOU.as_raw() => {}
            Some(number) => return Ok(Event::Signal(number)),
            None => {}
        }
    }
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

/// Sends a signal to a process; one that has ended is none the worse for it.
pub fn send(child: i32, number: i32) -> io::Result<()> {
    let Some(pid) = Pid::from_raw(child) else {
        return Ok(());
    };
    match Signal::from_named_raw(number) {
        Some(signal) => Ok(process::kill_process(pid, signal)?),
        // Real-time signals have no name, and belong to the C library as much as to the user.
        None => Ok(()),
    }
}

/// Lets a stopped process group go on.
pub fn resume_group(group: i32) -> io::Result<()> {
    let Some(group) = Pid::from_raw(group) else {
        return Ok(());
    };
    Ok(process::kill_process_group(group, Signal::CONT)?)
}

/// Waits until a descriptor is readable; false if it isn't within `seconds`.
pub fn wait_until_readable(descriptor: impl AsFd, seconds: i64) -> io::Result<bool> {
    let mut descriptors = [PollFd::new(&descriptor, PollFlags::IN)];
    let timeout = Timespec {
        tv_sec: seconds,
        tv_nsec: 0,
    };
    loop {
        match poll(&mut descriptors, Some(&timeout)) {
            Ok(count) => return Ok(count > 0),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
