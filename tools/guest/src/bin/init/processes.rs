//! What the first process owes the others: it takes in orphans and answers the signals that `poweroff` and `reboot` send.
use gantry_abi::user::signal::{self, SignalSet};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use std::io;
use std::process::Command;

/// How the system is to end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    PowerOff,
    Restart,
}

/// What the first process is told.
pub enum Event {
    /// A process that was ours, or had become ours, ended.
    Ended(Pid, WaitStatus),
    /// Someone asked for the end of the system.
    Asked(End),
}

const SIGNALS: SignalSet = SignalSet::EMPTY
    .with(Signal::CHILD.as_raw())
    .with(Signal::USR1.as_raw())
    .with(Signal::USR2.as_raw())
    .with(Signal::TERM.as_raw());

/// Blocks the signals that [`next`] takes.
pub fn prepare() -> io::Result<()> {
    signal::block(SIGNALS)?;
    Ok(())
}

/// Starts a program with no signal blocked. One that comes meanwhile is lost, as the first process has no handlers, but
/// for SIGCHLD, which is only a hint.
pub fn start(command: &mut Command) -> io::Result<Pid> {
    signal::set_mask(SignalSet::EMPTY)?;
    let child = command.spawn();
    signal::block(SIGNALS)?;
    Ok(Pid::from_child(&child?))
}

/// The next event, `None` when there is none within `timeout` nanoseconds.
pub fn next(timeout: Option<u64>) -> Option<Event> {
    loop {
        // Children first: one signal may stand for several of them.
        if let Ok(Some((process, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            return Some(Event::Ended(process, status));
        }
        let received = signal::wait(SIGNALS, timeout).ok().flatten()?;
        match Signal::from_named_raw(received.signal) {
            // The numbers that BusyBox's halt, poweroff and reboot send.
            Some(Signal::USR1 | Signal::USR2) => return Some(Event::Asked(End::PowerOff)),
            Some(Signal::TERM) => return Some(Event::Asked(End::Restart)),
            _ => {}
        }
    }
}

/// How long (ns) processes have to end by themselves, and how often it is looked whether they have.
const PATIENCE: u64 = 2_000_000_000;
const PAUSE: u64 = 20_000_000;

/// Ends all other processes: they are asked first, and killed when they take too long.
pub fn end_all() {
    for (signal, patience) in [(Signal::TERM, PATIENCE), (Signal::KILL, PATIENCE)] {
        for process in others() {
            // It may have ended by itself meanwhile.
            let _ = rustix::process::kill_process(process, signal);
        }
        let mut waited = 0;
        while waited < patience && others().next().is_some() {
            // Takes in those who ended; other signals say nothing new.
            while let Some(Event::Ended(..)) = next(Some(PAUSE)) {}
            waited += PAUSE;
        }
    }
}

/// All processes in sight but this one and the kernel's.
fn others() -> impl Iterator<Item = Pid> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .filter(|process| !process.is_init())
}

/// A process's exit status as a shell counts it: 128 and the signal's number for one that was killed.
pub fn exit_status(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
