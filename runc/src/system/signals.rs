//! The signals of this program, read from a descriptor.

use super::descriptor;
use gantry_abi::user::OwnedDescriptor;
use gantry_abi::user::signal::{self, SignalSet};
use rustix::process::Signal;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Signals that are left to do to runc what they do: they stop it, or tell of its own faults.
const LEFT: [Signal; 15] = [
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

/// The size of a `signalfd_siginfo`, of which the first word is the signal's number.
const INFORMATION: usize = 128;

/// A child has changed.
pub const CHILD: i32 = Signal::CHILD.as_raw();
/// A terminal has another size.
pub const WINDOW: i32 = Signal::WINCH.as_raw();
/// It only tells that the terminal is lent.
pub const TERMINAL_OUTPUT: i32 = Signal::TTOU.as_raw();

/// Signals that are blocked and read from here instead.
pub struct Signals {
    descriptor: OwnedDescriptor,
    /// The mask before.
    pub mask: SignalSet,
}

impl Signals {
    /// Takes every signal that can be passed on.
    pub fn take_all() -> io::Result<Self> {
        let taken = LEFT
            .iter()
            .fold(SignalSet::ALL, |set, signal| set.without(signal.as_raw()));
        Self::take(taken)
    }

    /// Takes word of children.
    pub fn take_children() -> io::Result<Self> {
        Self::take(SignalSet::EMPTY.with(CHILD))
    }

    fn take(signals: SignalSet) -> io::Result<Self> {
        Ok(Self {
            mask: signal::block(signals)?,
            descriptor: signal::descriptor(signals)?,
        })
    }

    /// The next signal's number, if there is one.
    pub fn next(&self) -> io::Result<Option<i32>> {
        let mut information = [0; INFORMATION];
        let length = descriptor::read_some(&self.descriptor, &mut information)?;
        let [a, b, c, d, ..] = information;
        Ok(length.map(|_| i32::from_ne_bytes([a, b, c, d])))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
