//! pidfd_open(2), pidfd_send_signal(2).

use crate::signal::Signal;
use crate::signal::syscalls::queued;
use crate::signal::{SignalInfo, information, permission, send};
use crate::syscall::Arguments;
use crate::task::process_descriptor::{ProcessDescriptor, process_of};
use crate::task::{self, Current, Resource};
use crate::vfs::OpenFlags;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// pidfd_open(2).
///
/// # Errors
/// `EINVAL` for a number below 1 or unknown flags, `ESRCH` for a process out of sight, `EMFILE`, `ENOMEM`.
pub fn pidfd_open(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (number, flags) = (arguments.int(0), arguments.u32(1));
    if number <= 0 || flags & !OpenFlags::NON_BLOCKING.bits() != 0 {
        return Err(Errno::EINVAL);
    }
    let process = task::find_process(current, number)?;
    let file = ProcessDescriptor::open(process, flags != 0);
    let limit = current.process().limit(Resource::OpenFiles);
    current
        .files()
        .install(file, true, 0, limit)
        .map(|descriptor| descriptor as usize)
}

/// pidfd_send_signal(2).
///
/// # Errors
/// `EBADF` unless it is a process descriptor; `EINVAL`; `ESRCH` for a process that has ended or is out of sight;
/// `EPERM`, `EFAULT`, `EAGAIN`.
pub fn pidfd_send_signal(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.files().get(arguments.fd(0))?;
    let (number, address, flags) = (arguments.int(1), arguments.u64(2), arguments.u32(3));
    if flags != 0 {
        return Err(Errno::EINVAL);
    }
    let process = process_of(&file)?;
    let is_there =
        task::registry::find(process.host_pid()).is_some_and(|found| Arc::ptr_eq(&found, process));
    if !is_there || !current.process().contexts().sees(process.number()) {
        return Err(Errno::ESRCH);
    }
    let information = if address != 0 {
        queued(number, address, Arc::ptr_eq(process, current.process()))?
    } else if number == 0 {
        None
    } else {
        let signal = Signal::new(number).ok_or(Errno::EINVAL)?;
        let sender = process
            .contexts()
            .number_of(current.process().number())
            .unwrap_or(0);
        Some(SignalInfo::user(
            signal,
            information::SI_USER,
            sender,
            current.credentials().uid,
        ))
    };
    if !permission::may_signal(
        current,
        process,
        information.map(|information| information.signal),
    ) {
        return Err(Errno::EPERM);
    }
    if let Some(information) = information {
        send::to_process(process, information, permission::origin(current, process))?;
    }
    Ok(0)
}
