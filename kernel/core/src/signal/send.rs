//! Generating signals: making them pending and telling a thread that can take them. Callable from interrupts.

use super::state::{Ending, ExitStatus, JobState, Shared};
use super::{Disposition, Signal, SignalInfo, SignalSet};
use crate::errno::Result;
use crate::sched::{self, State};
use crate::task::{Current, Process, Resource, ThreadRef, family};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use core::sync::atomic::fence;
use hal::task::flags;

/// Where a signal comes from, as far as its effect depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel: a terminal, a timer, a child's end.
    Kernel,
    /// A process that sees the receiver as number 1 of its own list, which is protected from its own kind.
    Inside,
    /// Any other process.
    Outside,
}

/// Sends a signal to a process: to be taken by any thread of it that doesn't block it.
///
/// # Errors
/// `EAGAIN` when a queued signal doesn't fit any more.
pub fn to_process(process: &Arc<Process>, info: SignalInfo, origin: Origin) -> Result<()> {
    send(process, None, info, origin)
}

/// Sends a signal to one thread.
///
/// # Errors
/// `EAGAIN` when a queued signal doesn't fit any more.
pub fn to_thread(thread: &ThreadRef, info: SignalInfo, origin: Origin) -> Result<()> {
    let process = thread.process().clone();
    send(&process, Some(thread), info, origin)
}

fn send(
    process: &Arc<Process>,
    target: Option<&ThreadRef>,
    info: SignalInfo,
    origin: Origin,
) -> Result<()> {
    let signal = info.signal;
    let limit = if signal.is_real_time() {
        process.limit(Resource::PendingSignals) as usize
    } else {
        usize::MAX
    };
    let mut shared = process.shared().lock();
    if shared.threads.is_empty() {
        // It has exited already: nobody is left to take the signal, which is no error.
        return Ok(());
    }
    change_job_state(process, &mut shared, signal);
    if is_discarded(process, &shared, target, signal, origin) {
        return Ok(());
    }
    if signal == Signal::SIGKILL {
        end_process(process, &mut shared, ExitStatus::Signal(Signal::SIGKILL));
        return Ok(());
    }
    match target {
        Some(thread) => {
            let mut pending = thread.signals().pending.lock();
            pending.add(info, limit)?;
            thread.signals().note_pending(&pending);
        }
        None => {
            shared.pending.add(info, limit)?;
            process.note_pending(&shared);
        }
    }
    // The receiver stores its mask, passes a fence and then looks at what is pending.
    fence(SeqCst);
    let taker = match target {
        Some(thread) => Some(thread).filter(|thread| !thread.signals().blocked().contains(signal)),
        None => choose_taker(&shared, signal),
    };
    if let Some(thread) = taker {
        notify(thread, State::SIGNAL);
    }
    process.signals_arrived.wake_all();
    Ok(())
}

/// SIGCONT makes pending stop signals void and the process run; a stop signal makes a pending SIGCONT void.
fn change_job_state(process: &Arc<Process>, shared: &mut Shared, signal: Signal) {
    if SignalSet::STOPPING.contains(signal) {
        discard(process, shared, SignalSet::CONTINUE);
    } else if signal == Signal::SIGCONT {
        discard(process, shared, SignalSet::STOPPING);
        super::stop::resume(process, shared);
    }
}

/// Forgets pending signals, the process's and its threads'. `shared` is the process's.
pub fn discard(process: &Process, shared: &mut Shared, set: SignalSet) {
    shared.pending.discard(set);
    process.note_pending(shared);
    for thread in &shared.threads {
        if !thread.signals().pending_set().intersection(set).is_empty() {
            let mut pending = thread.signals().pending.lock();
            pending.discard(set);
            thread.signals().note_pending(&pending);
        }
    }
}

/// Whether the signal has no effect on the receiver. A blocked one may get an action before it is unblocked, so it
/// becomes pending whatever its action is now.
fn is_discarded(
    process: &Process,
    shared: &Shared,
    target: Option<&ThreadRef>,
    signal: Signal,
    origin: Origin,
) -> bool {
    let kept = match target {
        Some(thread) => thread.signals().kept().contains(signal),
        None => shared
            .threads
            .iter()
            .all(|thread| thread.signals().kept().contains(signal)),
    };
    if kept {
        return false;
    }
    let action = shared.actions.get(signal);
    // The first process of the machine dies of no signal it doesn't handle, the first of a list of none from inside.
    let protected = process.host_pid() == 1 || origin == Origin::Inside;
    let unhandled =
        action.is_default() && !matches!(action.disposition(signal), Disposition::Continue);
    (protected && unhandled) || action.discards(signal)
}

/// The thread to take a signal of the whole process: the oldest that doesn't block it, if possible one that sleeps
/// or runs in user mode with nothing else to do.
fn choose_taker(shared: &Shared, signal: Signal) -> Option<&ThreadRef> {
    let mut takers = shared
        .threads
        .iter()
        .filter(|thread| !thread.signals().blocked().contains(signal));
    let first = takers.next()?;
    if !first.signal_pending() {
        return Some(first);
    }
    takers
        .find(|thread| !thread.signal_pending())
        .or(Some(first))
}

/// Makes a thread look at its signals: ends its sleep if that is one of `kinds`, or interrupts it in user mode.
pub fn notify(thread: &ThreadRef, kinds: State) {
    thread.set_signalled(true);
    thread.set_flag(flags::SIGNAL);
    fence(SeqCst);
    if !sched::wake(thread, kinds) && thread.header().is_on_cpu() {
        let cpu = thread.scheduling().cpu();
        if cpu != hal::cpu::id() {
            hal::cpu::send_reschedule(cpu);
        }
    }
}

/// Begins the end of a process with this status, unless it has begun: all its threads must end.
pub fn end_process(process: &Process, shared: &mut Shared, status: ExitStatus) {
    if !matches!(shared.ending, Ending::Process(_)) {
        shared.ending = Ending::Process(status);
        if !matches!(shared.job, JobState::Running) {
            shared.job = JobState::Running;
            family::STOPPED.fetch_sub(1, Relaxed);
        }
        shared.continue_unreported = false;
    }
    for thread in &shared.threads {
        thread.set_killed();
        notify(thread, State::KILL);
    }
    process.state_changed.wake_all();
}

/// A fault of the running thread that it must handle now: a blocked or ignored signal gets its default action, and
/// so does one for a protected process.
pub fn force(thread: &ThreadRef, info: SignalInfo) {
    let process = thread.process().clone();
    let mut shared = process.shared().lock();
    let signal = info.signal;
    let mut action = shared.actions.get(signal);
    let blocked = thread.signals().blocked();
    if action.is_ignore() || blocked.contains(signal) {
        action.handler = 0;
        shared.actions.set(signal, action);
        let mut unblocked = blocked;
        unblocked.remove(signal);
        thread.signals().store_blocked(unblocked);
    }
    let mut pending = thread.signals().pending.lock();
    // One standard signal always has room or is kept without what is told of it.
    let _ = pending.add(info, usize::MAX);
    thread.signals().note_pending(&pending);
    drop(pending);
    thread.set_signalled(true);
    thread.set_flag(flags::SIGNAL);
}

/// Takes a pending signal of `set`, the thread's own first.
pub fn take_of(current: &Current, set: SignalSet) -> Option<SignalInfo> {
    let signals = current.signals();
    let others = SignalSet(!set.0);
    if !signals.pending_set().intersection(set).is_empty() {
        let mut pending = signals.pending.lock();
        let taken = pending.take(others);
        signals.note_pending(&pending);
        if taken.is_some() {
            return taken;
        }
    }
    let process = current.process();
    if process.pending_set().intersection(set).is_empty() {
        return None;
    }
    let mut shared = process.shared().lock();
    let taken = shared.pending.take(others);
    process.note_pending(&shared);
    taken
}
