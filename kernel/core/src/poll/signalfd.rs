//! signalfd4(2): a thread's signals as a file. As on Linux it is the reader's signals that are read, whoever made it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicU64, Ordering};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::errno::{Errno, Result};
use crate::signal::syscalls::wait_for;
use crate::signal::{Signal, SignalInfo, SignalSet, send};
use crate::task;
use crate::vfs::{Destination, File, FileOperations, OpenFlags, PollEvents, PollRegistration};

/// `struct signalfd_siginfo`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Information {
    signal: u32,
    error: i32,
    code: i32,
    pid: u32,
    uid: u32,
    descriptor: i32,
    timer: u32,
    band: u32,
    overrun: u32,
    trap: u32,
    status: i32,
    integer: i32,
    pointer: u64,
    user_time: u64,
    system_time: u64,
    address: u64,
    address_bit: u16,
    padding_1: u16,
    system_call: i32,
    call_address: u64,
    architecture: u32,
    padding_2: [u8; 20],
    padding_3: u64,
}

const _: () = assert!(size_of::<Information>() == 128);

/// The open file: which signals it takes.
pub struct SignalFile {
    set: AtomicU64,
}

impl SignalFile {
    /// Opens a file that takes the signals of `set`.
    pub fn open(set: SignalSet, flags: OpenFlags) -> Arc<File> {
        let file = SignalFile {
            set: AtomicU64::new(set.blockable().0),
        };
        File::anonymous("[signalfd]", Box::new(file), flags | OpenFlags::READ_WRITE)
    }

    /// The signal file behind a file.
    ///
    /// # Errors
    /// EINVAL: it isn't one.
    pub fn of(file: &File) -> Result<&SignalFile> {
        file.operations()
            .as_any()
            .downcast_ref::<SignalFile>()
            .ok_or(Errno::EINVAL)
    }

    /// Changes which signals it takes.
    pub fn set(&self, set: SignalSet) {
        self.set.store(set.blockable().0, Ordering::Relaxed);
    }

    fn wanted(&self) -> SignalSet {
        SignalSet(self.set.load(Ordering::Relaxed))
    }
}

/// As userland reads it (fs/signalfd.c of Linux says which fields belong to which kind).
fn describe(info: &SignalInfo) -> Information {
    let low = |word: u64| word as u32;
    let high = |word: u64| (word >> 32) as u32;
    let [first, second, third, fourth] = info.payload;
    let mut result = Information {
        signal: u32::from(info.signal.number()),
        error: info.error,
        code: info.code,
        ..Information::default()
    };
    match (info.code, info.signal) {
        // SI_TIMER
        (-2, _) => {
            (result.timer, result.overrun, result.pointer, result.integer) =
                (low(first), high(first), second, second as i32)
        }
        (code, Signal::SIGCHLD) if code > 0 => {
            (result.pid, result.uid, result.status) = (low(first), high(first), second as i32);
            (result.user_time, result.system_time) = (third, fourth);
        }
        (code, _) if code <= 0 => {
            (result.pid, result.uid, result.pointer, result.integer) =
                (low(first), high(first), second, second as i32)
        }
        _ => result.address = first,
    }
    result
}

impl FileOperations for SignalFile {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        if destination.remaining() < size_of::<Information>() {
            return Err(Errno::EINVAL);
        }
        let current = task::current();
        let mut next = send::take_of(&current, self.wanted());
        if next.is_none() {
            if file.is_non_blocking() {
                return Err(Errno::EAGAIN);
            }
            next = match wait_for(&current, self.wanted(), None) {
                Ok(info) => Some(info),
                Err(Errno::EINTR) => return Err(Errno::RESTART_SYSCALL),
                Err(error) => return Err(error),
            };
        }
        let mut count = 0;
        while let Some(info) = next {
            count += destination.write(describe(&info).as_bytes())?;
            if destination.remaining() < size_of::<Information>() {
                break;
            }
            next = send::take_of(&current, self.wanted());
        }
        Ok(count)
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        let current = task::current();
        if let Some(registration) = registration {
            registration.watch(&current.process().signals_arrived);
        }
        let waiting = current
            .signals()
            .pending_set()
            .union(current.process().pending_set());
        if waiting.intersection(self.wanted()).is_empty() {
            PollEvents::empty()
        } else {
            PollEvents::IN
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
