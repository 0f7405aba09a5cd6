//! Signals for programs that take them one by one instead of in handlers.

use super::{Errno, OwnedDescriptor, Result, kernel};
use linux_raw_sys::general;

const BLOCK: usize = 0;
const SET_MASK: usize = 2;
/// SI_USER, SI_TKILL: sent by a process. The kernel's own codes are positive.
const LARGEST_USER_CODE: i32 = 0;

/// The largest signal number.
pub const LARGEST: i32 = 64;

/// A set of signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct SignalSet(u64);

impl SignalSet {
    /// No signal.
    pub const EMPTY: Self = Self(0);
    /// Every signal; SIGKILL and SIGSTOP can't be blocked all the same.
    pub const ALL: Self = Self(u64::MAX);

    /// This set with a signal added; numbers outside 1 to 64 add nothing.
    #[must_use]
    pub const fn with(self, signal: i32) -> Self {
        if signal >= 1 && signal <= LARGEST {
            Self(self.0 | 1 << (signal - 1))
        } else {
            self
        }
    }

    /// This set without a signal.
    #[must_use]
    pub const fn without(self, signal: i32) -> Self {
        if signal >= 1 && signal <= LARGEST {
            Self(self.0 & !(1 << (signal - 1)))
        } else {
            self
        }
    }

    /// Whether a signal is in it.
    pub const fn contains(self, signal: i32) -> bool {
        signal >= 1 && signal <= LARGEST && self.0 >> (signal - 1) & 1 == 1
    }
}

/// A signal that was waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// Its number.
    pub signal: i32,
    /// The process that sent it; `None` if the kernel did, such as the terminal's driver.
    pub sender: Option<i32>,
}

/// Adds signals to the calling thread's mask; returns the mask before (sigprocmask(2)).
pub fn block(signals: SignalSet) -> Result<SignalSet> {
    kernel::set_signal_mask(BLOCK, signals.0).map(SignalSet)
}

/// Sets the calling thread's mask; returns the mask before.
pub fn set_mask(signals: SignalSet) -> Result<SignalSet> {
    kernel::set_signal_mask(SET_MASK, signals.0).map(SignalSet)
}

/// Takes one of these signals, which must be blocked, waiting for one if none is pending
/// (sigtimedwait(2)). `None` when `timeout` nanoseconds have passed.
pub fn wait(signals: SignalSet, timeout: Option<u64>) -> Result<Option<Received>> {
    const SECOND: u64 = 1_000_000_000;
    let time = timeout.map(|time| [(time / SECOND) as i64, (time % SECOND) as i64]);
    loop {
        match kernel::wait_for_signal(signals.0, time) {
            Ok((signal, information)) => {
                let [_, _, code, _, process, ..] = information;
                let sender = (code <= LARGEST_USER_CODE).then_some(process);
                return Ok(Some(Received { signal, sender }));
            }
            Err(Errno::EAGAIN) => return Ok(None),
            // Another signal had a handler, or a stop went by.
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A descriptor, close-on-exec and non-blocking, from which these signals are read as `signalfd_siginfo`
/// structures (signalfd(2)); they must be blocked.
pub fn descriptor(signals: SignalSet) -> Result<OwnedDescriptor> {
    // SFD_CLOEXEC, SFD_NONBLOCK.
    let flags = general::O_CLOEXEC | general::O_NONBLOCK;
    kernel::signal_descriptor(signals.0, flags).map(OwnedDescriptor::from_call)
}

/// Whether a signal is ignored, as nohup(1) and shells make those that a program is to survive (sigaction(2)). Errors:
/// EINVAL for unknown numbers.
pub fn is_ignored(signal: i32) -> Result<bool> {
    const IGNORE: u64 = 1;
    kernel::signal_handler(signal).map(|handler| handler == IGNORE)
}

/// Gives a signal its default action (sigaction(2)). Errors: EINVAL for SIGKILL, SIGSTOP and unknown numbers.
pub fn reset(signal: i32) -> Result<()> {
    kernel::reset_signal_action(signal)
}
