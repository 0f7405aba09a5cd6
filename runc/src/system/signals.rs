//! The signals of this program, read from a descriptor.

use super::descriptor;
use gantry_abi::user::OwnedDescriptor;
use gantry_abi::user::calls;
use gantry_abi::user::signal::{self, SignalSet};
use rustix::process::Signal;
use std::cell::Cell;
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

/// What would end this program, put off until it has cleared up.
pub struct Interrupt {
    signals: Signals,
    caught: Cell<Option<i32>>,
}

impl Interrupt {
    /// From here on, until it is dropped.
    pub fn put_off() -> io::Result<Self> {
        let endings = [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT];
        let mut signals = SignalSet::EMPTY;
        for ending in endings.map(Signal::as_raw) {
            // Whoever started this program may want it to survive one.
            if !signal::is_ignored(ending)? {
                signals = signals.with(ending);
            }
        }
        Ok(Self {
            signals: Signals::take(signals)?,
            caught: Cell::new(None),
        })
    }

    /// An error if there was a signal.
    pub fn check(&self) -> io::Result<()> {
        if self.caught.get().is_none() {
            self.caught.set(self.signals.next()?);
        }
        match self.caught.get() {
            Some(_) => Err(io::Error::other("interrupted")),
            None => Ok(()),
        }
    }
}

impl Drop for Interrupt {
    /// Ends this program as the signal would have done.
    fn drop(&mut self) {
        let _ = signal::set_mask(self.signals.mask);
        if let Some(signal) = self.caught.get() {
            let _ = calls::kill(rustix::process::getpid().as_raw_nonzero().get(), signal);
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
