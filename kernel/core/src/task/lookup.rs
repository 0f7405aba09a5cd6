//! From the numbers that a program gives to what bears them, in its own view.

use super::group::{ProcessGroup, Session};
use super::{Current, Process, ThreadRef, registry};
use crate::errno::{Errno, Result};
use alloc::sync::Arc;

/// The host's number of what the caller calls `number`.
fn host_number(current: &Current, number: i32) -> Result<u32> {
    let number = u32::try_from(number)
        .ok()
        .filter(|&number| number != 0)
        .ok_or(Errno::ESRCH)?;
    current
        .process()
        .contexts()
        .host_number(number)
        .ok_or(Errno::ESRCH)
}

/// The process, living or zombie, that the caller calls `number`.
///
/// # Errors
/// `ESRCH`.
pub fn find_process(current: &Current, number: i32) -> Result<Arc<Process>> {
    registry::find(host_number(current, number)?).ok_or(Errno::ESRCH)
}

/// The living thread that the caller calls `number`.
///
/// # Errors
/// `ESRCH`.
pub fn find_thread(current: &Current, number: i32) -> Result<ThreadRef> {
    registry::find_thread(host_number(current, number)?).ok_or(Errno::ESRCH)
}

/// A thread by number, the calling one for 0.
///
/// # Errors
/// `ESRCH`.
pub fn find_thread_or_self(current: &Current, number: i32) -> Result<ThreadRef> {
    if number == 0 {
        Ok(current.arc())
    } else {
        find_thread(current, number)
    }
}

/// A process by number, the calling one for 0.
///
/// # Errors
/// `ESRCH`.
pub fn find_process_or_self(current: &Current, number: i32) -> Result<Arc<Process>> {
    if number == 0 {
        Ok(current.process().clone())
    } else {
        find_process(current, number)
    }
}

/// The process group that the caller calls `number`.
///
/// # Errors
/// `ESRCH`.
pub fn find_group(current: &Current, number: i32) -> Result<Arc<ProcessGroup>> {
    registry::find_group(host_number(current, number)?)
        .filter(|group| !group.is_empty())
        .ok_or(Errno::ESRCH)
}

/// The session that the caller calls `number`.
///
/// # Errors
/// `ESRCH`.
pub fn find_session(current: &Current, number: i32) -> Result<Arc<Session>> {
    registry::find_session(host_number(current, number)?).ok_or(Errno::ESRCH)
}
