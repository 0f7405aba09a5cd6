//! What is told with a signal: Linux's `siginfo_t` (sigaction(2)).

use super::Signal;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// `si_code`: sent by kill(2).
pub const SI_USER: i32 = 0;
/// `si_code`: sent by the kernel.
pub const SI_KERNEL: i32 = 0x80;
/// `si_code`: sent by tgkill(2).
pub const SI_TKILL: i32 = -6;
/// `si_code` of SIGCHLD: the child exited.
pub const CLD_EXITED: i32 = 1;
/// `si_code` of SIGCHLD: a signal ended the child.
pub const CLD_KILLED: i32 = 2;
/// `si_code` of SIGCHLD: the child stopped.
pub const CLD_STOPPED: i32 = 5;
/// `si_code` of SIGCHLD: the child goes on.
pub const CLD_CONTINUED: i32 = 6;

/// A signal with what is told of it. The payload is bytes 16 to 48 of `siginfo_t`: no kind uses more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalInfo {
    pub signal: Signal,
    pub error: i32,
    pub code: i32,
    pub payload: [u64; 4],
}

/// `siginfo_t` as it lies in user memory.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct UserSignalInfo {
    pub number: i32,
    pub error: i32,
    pub code: i32,
    pub padding: u32,
    pub payload: [u64; 4],
    pub rest: [u64; 10],
}

const _: () = assert!(size_of::<UserSignalInfo>() == 128);

/// Two 32-bit fields, the first at the lower address.
const fn pair(first: u32, second: u32) -> u64 {
    first as u64 | (second as u64) << 32
}

impl SignalInfo {
    /// From the kernel itself, with nothing to tell.
    pub const fn kernel(signal: Signal) -> Self {
        Self {
            signal,
            error: 0,
            code: SI_KERNEL,
            payload: [0; 4],
        }
    }

    /// Sent by a process; `pid` is its number as the receiver sees it.
    pub const fn user(signal: Signal, code: i32, pid: u32, uid: u32) -> Self {
        Self {
            signal,
            error: 0,
            code,
            payload: [pair(pid, uid), 0, 0, 0],
        }
    }

    /// An access to memory or an instruction failed at `address`.
    pub const fn fault(signal: Signal, code: i32, address: u64) -> Self {
        Self {
            signal,
            error: 0,
            code,
            payload: [address, 0, 0, 0],
        }
    }

    /// A child changed state; `status` is its exit code or signal; times in clock ticks.
    pub const fn child(
        code: i32,
        pid: u32,
        uid: u32,
        status: i32,
        user_ticks: u64,
        system_ticks: u64,
    ) -> Self {
        Self {
            signal: Signal::SIGCHLD,
            error: 0,
            code,
            payload: [
                pair(pid, uid),
                pair(status as u32, 0),
                user_ticks,
                system_ticks,
            ],
        }
    }

    /// Whether a program made it up or sent it, rather than the kernel.
    pub const fn is_from_user(&self) -> bool {
        self.code <= 0
    }

    /// Whether the kernel sent it because the receiver can't go on.
    pub fn is_fault(&self) -> bool {
        let kinds = [
            Signal::SIGILL,
            Signal::SIGTRAP,
            Signal::SIGBUS,
            Signal::SIGFPE,
            Signal::SIGSEGV,
            Signal::SIGSYS,
        ];
        !self.is_from_user() && kinds.contains(&self.signal)
    }

    /// What it says of an address, for faults.
    pub const fn address(&self) -> u64 {
        self.payload[0]
    }

    /// As user memory has it.
    pub fn to_user(&self) -> UserSignalInfo {
        UserSignalInfo {
            number: i32::from(self.signal.number()),
            error: self.error,
            code: self.code,
            padding: 0,
            payload: self.payload,
            rest: [0; 10],
        }
    }

    /// What a program made up for `signal` (rt_sigqueueinfo).
    pub fn from_user(signal: Signal, user: &UserSignalInfo) -> Self {
        Self {
            signal,
            error: user.error,
            code: user.code,
            payload: user.payload,
        }
    }
}
