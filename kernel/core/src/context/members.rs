//! What is done to all members of a process list: signals, the end of the list, listing.

use alloc::sync::Arc;
use alloc::vec::Vec;

use gantry_abi::ioctl::{self, UserBuffer};
use zerocopy::IntoBytes;

use super::{Context, ProcessList, descriptor};
use crate::heap::MakeRoom;
use crate::signal::{Signal, SignalInfo, information, send};
use crate::task::{Current, Process, family, registry};
use crate::{Errno, Result};

/// The attached processes, by their numbers in the list.
///
/// # Errors
/// `ENOMEM`.
pub fn members(list: &Arc<ProcessList>) -> Result<Vec<Arc<Process>>> {
    let mut members = visible(list)?;
    members.retain(|process| process.contexts().is_member_of(list));
    Ok(members)
}

/// Every process in sight of a member, also those that have ended and wait for their parent, by number.
///
/// # Errors
/// `ENOMEM`.
pub fn visible(list: &Arc<ProcessList>) -> Result<Vec<Arc<Process>>> {
    let Some(numbers) = list.host_numbers()? else {
        return registry::processes();
    };
    let mut processes = Vec::new();
    processes.make_room(numbers.len())?;
    processes.extend(numbers.into_iter().filter_map(registry::find));
    Ok(processes)
}

/// Gives every thread of a process that was attached its number in the list, its leader the first.
pub(super) fn number_threads(list: &Arc<ProcessList>, process: &Arc<Process>) {
    process.number().enter(list);
    let threads = process.shared().lock().threads.clone();
    for thread in threads {
        thread.number().enter(list);
    }
    family::forget_numbers(process);
}

/// Sends a signal to every member; how many there are. With the gate shut no child is missed: one that is
/// being made is waited for, a later fork sees the signal in its parent first.
fn signal_all(list: &Arc<ProcessList>, information: Option<SignalInfo>) -> Result<usize> {
    let _shut = list.shut();
    let members = members(list)?;
    if let Some(information) = information {
        for process in &members {
            // SIGKILL always finds room; of another signal the member has one pending already.
            let _ = send::to_process(process, information, send::Origin::Kernel);
        }
    }
    Ok(members.len())
}

/// Ends a list: nobody joins any more, every member gets SIGKILL.
pub(super) fn end_list(list: &Arc<ProcessList>) {
    if list.is_boot() {
        return;
    }
    list.close();
    // Without memory for a list of the members the killing is tried again: it must not fail.
    while signal_all(list, Some(SignalInfo::kernel(Signal::SIGKILL))).is_err() {
        crate::sched::yield_now();
    }
}

/// Requests on the descriptor of a created list.
pub(super) fn command(
    list: &Arc<ProcessList>,
    current: &Current,
    request: u32,
    argument: u64,
) -> Result<usize> {
    match request {
        ioctl::SIGNAL => signal(list, current, argument),
        ioctl::LIST_PIDS => list_pids(list, argument),
        ioctl::FREEZE => super::freezer::freeze(list),
        ioctl::THAW => super::freezer::thaw(list),
        _ => Err(Errno::EINVAL),
    }
}

fn signal(list: &Arc<ProcessList>, current: &Current, number: u64) -> Result<usize> {
    let information = match i32::try_from(number).map_err(|_| Errno::EINVAL)? {
        0 => None,
        number => {
            let signal = Signal::new(number).ok_or(Errno::EINVAL)?;
            // The sender is out of the members' sight, so it has no number there.
            Some(SignalInfo::user(
                signal,
                information::SI_USER,
                0,
                current.credentials().uid,
            ))
        }
    };
    match signal_all(list, information)? {
        0 => Err(Errno::ESRCH),
        _ => Ok(0),
    }
}

fn list_pids(list: &Arc<ProcessList>, argument: u64) -> Result<usize> {
    let buffer: UserBuffer = descriptor::read_argument(argument)?;
    let mut numbers: Vec<u32> = Vec::new();
    let members = members(list)?;
    numbers.make_room(members.len())?;
    numbers.extend(members.iter().map(|process| process.host_pid()));
    // Only whole numbers are written.
    let whole = UserBuffer {
        length: buffer.length & !3,
        ..buffer
    };
    descriptor::copy_out(&whole, numbers.as_bytes())?;
    Ok(numbers.len())
}

/// Number 1 of a list has ended all its threads: the list ends with it. Returns when no other process is
/// attached.
pub(super) fn end_with_number_one(list: &Arc<ProcessList>) {
    end_list(list);
    list.life()
        .changed()
        .wait_until(|| (list.life().attached() <= 1).then_some(()));
}
