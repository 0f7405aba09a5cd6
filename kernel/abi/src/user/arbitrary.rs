//! System calls with any number and arguments, for programs that attack the kernel: each in a child of its own.
#![allow(unsafe_code)]

use super::kernel::{self, syscall6};
use super::{Errno, fork};
use linux_raw_sys::general as number;
use std::io;

/// Starts a child that makes a system call and ends; its number. It exits with the call's error number, or 0 if the
/// call succeeded, or in whatever way the call ends it. Fork's own rule holds: the caller has one thread.
///
/// # Errors
/// Those of fork(2).
pub fn start_call(call: usize, arguments: [usize; 6]) -> io::Result<i32> {
    fork(|| {
        // SAFETY: whatever the call does to memory and descriptors, it does to the child's copies. The child uses
        // neither afterwards: it ends at once.
        let result = unsafe { syscall6(call, arguments) };
        kernel::exit(result.err().map_or(0, Errno::number))
    })
}

/// Makes a system call in a child that leads a session without terminal, and waits for that.
///
/// # Errors
/// As [`call_apart`].
pub fn call_as_leader(call: usize, arguments: [usize; 6]) -> super::Result<()> {
    let status = super::fork_and_run(|| {
        let led = kernel::call_with_numbers(number::__NR_setsid as usize, [0; 5]);
        // SAFETY: as for `start_call`.
        let result = led.and_then(|_| unsafe { syscall6(call, arguments) });
        kernel::exit(result.err().map_or(0, Errno::number))
    });
    match status.map(|status| status.code()) {
        Ok(Some(0)) => Ok(()),
        Ok(Some(error)) => Err(Errno::from_number(error)),
        Ok(None) => Err(Errno::EINTR),
        Err(error) => Err(Errno::from_number(error.raw_os_error().unwrap_or(0))),
    }
}

/// Makes a system call in a child of its own and waits for that.
///
/// # Errors
/// The call's error; `EINTR` if the call ended the child by a signal.
pub fn call_apart(call: usize, arguments: [usize; 6]) -> super::Result<()> {
    let child = start_call(call, arguments)
        .map_err(|error| Errno::from_number(error.raw_os_error().unwrap_or(0)))?;
    match super::process::wait(child)? {
        0 => Ok(()),
        status if status & 0x7f == 0 => Err(Errno::from_number(status >> 8 & 0xff)),
        _ => Err(Errno::EINTR),
    }
}
