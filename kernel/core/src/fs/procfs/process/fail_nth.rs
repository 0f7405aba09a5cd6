//! /proc/N/fail-nth: lets an allocation of a thread be refused, to test what follows
//! (Linux's Documentation/fault-injection).

use super::super::text::Text;
use super::Subject;
use crate::task::Current;
use crate::{Errno, Result};
use hal::fault_injection;

/// How many allocations it is until one is refused; 0 once it has been, or if none is to be.
///
/// # Errors
/// `ESRCH` for a process that has ended.
pub fn show(subject: &Subject, _reader: &Current, text: &mut Text) -> Result<()> {
    let thread = subject.any_thread().ok_or(Errno::ESRCH)?;
    text.add(format_args!("{}\n", fault_injection::remaining(&thread)));
    Ok(())
}

/// Lets the N-th allocation from now on be refused; 0 lets none be.
///
/// # Errors
/// `EINVAL` for what isn't a number, `EACCES` for a process that the writer may not look into, `ESRCH`.
pub fn store(subject: &Subject, writer: &Current, value: &[u8]) -> Result<()> {
    subject.check_inspection(writer)?;
    let nth = core::str::from_utf8(value)
        .ok()
        .and_then(|value| value.trim().parse().ok())
        .ok_or(Errno::EINVAL)?;
    fault_injection::arm(&*subject.any_thread().ok_or(Errno::ESRCH)?, nth);
    Ok(())
}
