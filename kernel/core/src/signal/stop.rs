//! Stopping and continuing a process (job control).

use super::information::{CLD_CONTINUED, CLD_STOPPED};
use super::send::{self, Origin, notify};
use super::state::{JobState, Shared};
use super::{Signal, SignalInfo};
use crate::sched::State;
use crate::signal::action::ActionFlags;
use crate::task::{Current, Process, family, usage};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;

/// Begins to stop a process: every thread of it stops on its way to user mode. `shared` is the process's.
pub fn begin(shared: &mut Shared, signal: Signal) {
    if matches!(shared.job, JobState::Running) {
        shared.job = JobState::Stopping(signal);
        shared.stopped_threads = 0;
        shared.continue_unreported = false;
        family::STOPPED.fetch_add(1, Relaxed);
        for thread in &shared.threads {
            notify(thread, State::SIGNAL);
        }
    }
}

/// Makes a stopped or stopping process run again, because of SIGCONT. `shared` is the process's.
pub fn resume(process: &Arc<Process>, shared: &mut Shared) {
    if matches!(shared.job, JobState::Running) {
        return;
    }
    let was_stopped = matches!(shared.job, JobState::Stopped(_));
    shared.job = JobState::Running;
    shared.stop_unreported = false;
    family::STOPPED.fetch_sub(1, Relaxed);
    if was_stopped {
        shared.continue_unreported = true;
        // The parent is told by one of the threads: here the family's lock, which comes first, can't be taken.
    }
    process.state_changed.wake_all();
    for thread in &shared.threads {
        notify(thread, State::ANY_SLEEP);
    }
}

/// The calling thread stands still while its process is stopped; the last one to do so tells the parent.
pub fn stand_still(current: &Current) {
    let process = current.process();
    let stopped = {
        let mut shared = process.shared().lock();
        let JobState::Stopping(signal) = shared.job else {
            if matches!(shared.job, JobState::Stopped(_)) {
                drop(shared);
                wait(current);
            }
            return;
        };
        shared.stopped_threads += 1;
        let all = shared.stopped_threads >= shared.threads.len();
        if all {
            shared.job = JobState::Stopped(signal);
            shared.stop_unreported = true;
        }
        all.then_some(signal)
    };
    if let Some(signal) = stopped {
        tell_parent(process, CLD_STOPPED, signal);
    }
    wait(current);
}

fn wait(current: &Current) {
    let process = current.process();
    // Being killed ends the wait; the caller looks at it next.
    let _ = process
        .state_changed
        .wait_killable(|| matches!(process.shared().lock().job, JobState::Running).then_some(()));
    let told = {
        let shared = process.shared().lock();
        shared.continue_unreported
            && shared
                .threads
                .first()
                .is_some_and(|first| current.is(first))
    };
    if told {
        tell_parent(process, CLD_CONTINUED, Signal::SIGCONT);
    }
}

/// A thread has ended while the others were on their way to stand still: they may all be there now.
pub fn thread_ended(process: &Arc<Process>) {
    let stopped = {
        let mut shared = process.shared().lock();
        match shared.job {
            JobState::Stopping(signal)
                if !shared.threads.is_empty() && shared.stopped_threads >= shared.threads.len() =>
            {
                shared.job = JobState::Stopped(signal);
                shared.stop_unreported = true;
                Some(signal)
            }
            _ => None,
        }
    };
    if let Some(signal) = stopped {
        tell_parent(process, CLD_STOPPED, signal);
    }
}

/// Wakes the parent's waits and sends it SIGCHLD unless it doesn't want to hear of stops (SA_NOCLDSTOP).
fn tell_parent(process: &Arc<Process>, code: i32, signal: Signal) {
    let Some(parent) = process.parent() else {
        return;
    };
    parent.child_changed.wake_all();
    let action = parent.shared().lock().actions.get(Signal::SIGCHLD);
    if action.flags().contains(ActionFlags::NO_CHILD_STOP) {
        return;
    }
    let usage = usage::of_process(process);
    let Some(number) = process.number_seen_by(&parent) else {
        return;
    };
    let uid = process.any_thread().map_or(0, |thread| {
        thread.with_credentials(|credentials| credentials.uid)
    });
    let info = SignalInfo::child(
        code,
        number,
        uid,
        i32::from(signal.number()),
        crate::task::usage::ticks(usage.user),
        crate::task::usage::ticks(usage.system),
    );
    // A standard signal always finds room.
    let _ = send::to_process(&parent, info, Origin::Kernel);
}
