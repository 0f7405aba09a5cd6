//! The freezer: all members of a process list stand still until they are thawed.
//!
//! A frozen process is marked in its state; its threads stand still where they handle signals, on their way
//! to user mode, and sleep there until the mark is gone or they are killed. A thread that sleeps in the
//! kernel where only a kill reaches it (a vfork, a stop of job control) stands still already: it passes the
//! same place before it runs user code again.

use alloc::sync::Arc;

use super::{ProcessList, members};
use crate::sched::{Interruption, State};
use crate::signal::send;
use crate::task::{Current, Process};
use crate::{Result, task};

/// How long a freezing sleeps before it looks again by itself, ns: threads in the kernel don't all tell.
const LOOK_AGAIN: u64 = 10_000_000;

/// Marks a process as frozen and makes its threads come.
pub(super) fn stop(process: &Arc<Process>) {
    let mut shared = process.shared().lock();
    shared.frozen = true;
    for thread in &shared.threads {
        send::notify(thread, State::SIGNAL);
    }
}

/// Lets the threads of a process go on.
pub(super) fn release(process: &Arc<Process>) {
    process.shared().lock().frozen = false;
    process.state_changed.wake_all();
}

/// Stops every member; returns when they stand still. A caller that is a member stands still when its call
/// returns.
///
/// # Errors
/// `ENOMEM`; `RESTART_SYSCALL` when the caller is killed meanwhile.
pub(super) fn freeze(list: &Arc<ProcessList>) -> Result<usize> {
    {
        let _shut = list.shut();
        list.set_frozen(true);
        for process in members::members(list)? {
            stop(&process);
        }
    }
    let own = task::current().process().host_pid();
    let everybody_stands = || -> Option<Result<()>> {
        match members::members(list) {
            Ok(members) => {
                let moving = members
                    .iter()
                    .any(|process| process.host_pid() != own && !stands(process));
                (!moving).then_some(Ok(()))
            }
            Err(error) => Some(Err(error)),
        }
    };
    loop {
        let deadline = Some(hal::time::now() + LOOK_AGAIN);
        if let Some(result) =
            list.standing()
                .wait_deadline(everybody_stands, deadline, Interruption::Kill)?
        {
            return result.map(|()| 0);
        }
    }
}

/// Whether every thread of a process stands still, or nobody is frozen any more.
fn stands(process: &Process) -> bool {
    let shared = process.shared().lock();
    if !shared.frozen || shared.frozen_threads >= shared.threads.len() {
        return true;
    }
    let others = shared.threads.iter().filter(|thread| {
        matches!(
            thread.scheduling().state(),
            State::KILLABLE | State::STOPPED | State::DEAD
        )
    });
    others.count() >= shared.threads.len()
}

/// Lets every member go on.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn thaw(list: &Arc<ProcessList>) -> Result<usize> {
    let _shut = list.shut();
    list.set_frozen(false);
    for process in members::members(list)? {
        release(&process);
    }
    Ok(0)
}

/// The calling thread stands still while its process is frozen, or until it is killed.
pub fn stand_still(current: &Current) {
    let process = current.process();
    process.shared().lock().frozen_threads += 1;
    if let Some(list) = process.contexts().list() {
        list.standing().wake_all();
    }
    // Being killed ends the wait; the caller looks at it next.
    let _ = process
        .state_changed
        .wait_killable(|| (!process.shared().lock().frozen).then_some(()));
    process.shared().lock().frozen_threads -= 1;
}
