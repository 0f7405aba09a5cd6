//! exit(2), exit_group(2), set_tid_address(2).

use crate::errno::Result;
use crate::signal::ExitStatus;
use crate::syscall::Arguments;
use crate::task::{Current, exit};
use core::sync::atomic::Ordering::Relaxed;

/// exit(2): ends the calling thread.
pub fn exit(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    exit::exit_thread(current, ExitStatus::Code(arguments.int(0) as u8))
}

/// exit_group(2): ends the calling process.
pub fn exit_group(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    exit::exit_process(current, ExitStatus::Code(arguments.int(0) as u8))
}

/// set_tid_address(2).
pub fn set_tid_address(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    current.clear_child_tid.store(arguments.u64(0), Relaxed);
    Ok(current.number().own() as usize)
}
