//! A signal handler that counts.
#![allow(unsafe_code)]

use crate::user::{Result, kernel};
use core::sync::atomic::{AtomicU64, Ordering};
use linux_raw_sys::general as number;
use std::io;

static HANDLED: AtomicU64 = AtomicU64::new(0);

extern "C" fn handle(_signal: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Makes the counting handler that of SIGUSR1.
pub fn install_handler() -> io::Result<()> {
    let handler: extern "C" fn(i32) = handle;
    // SAFETY: all bytes zero make a valid sigaction: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { core::mem::zeroed() };
    action.sa_sigaction = handler as *const () as usize;
    // SAFETY: the handler does nothing but add to an atomic number, which is allowed at any point.
    let result = unsafe { libc::sigaction(libc::SIGUSR1, &action, core::ptr::null_mut()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// How many signals the handler has seen.
pub fn handled() -> u64 {
    HANDLED.load(Ordering::Relaxed)
}

/// Sends SIGUSR1 to `process`, which is this process's own number.
pub fn signal_this_process(process: usize) -> Result<()> {
    let arguments = [process, number::SIGUSR1 as usize, 0, 0, 0];
    kernel::call_with_numbers(number::__NR_kill as usize, arguments).map(drop)
}
