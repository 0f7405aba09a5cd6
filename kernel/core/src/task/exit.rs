//! The end of threads and processes (exit(2), exit_group(2)).

use super::{Current, Process, family, registry, usage};
use crate::context::{self, Adopter};
use crate::sched::{self, State};
use crate::signal::action::ActionFlags;
use crate::signal::information::{CLD_EXITED, CLD_KILLED};
use crate::signal::send::{self, Origin};
use crate::signal::state::{Ending, ExitStatus};
use crate::signal::{Signal, SignalInfo, stop};
use crate::{futex, tty};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use hal::task::InterruptGuard;
use hal::user::{self, UserAddr};

/// Ends the running thread, and its process if it is the last one; `status` is the process's then, unless the end of
/// the whole process has been begun with another.
///
/// What the callers' stack frames own is never dropped: they own nothing here.
pub fn exit_thread(current: &Current, status: ExitStatus) -> ! {
    let_go_of_memory_and_files(current);
    leave_process(current, status);
    current.scheduling().set_state(State::DEAD);
    sched::schedule();
    unreachable_dead()
}

/// Ends the running thread's process with `status`.
pub fn exit_process(current: &Current, status: ExitStatus) -> ! {
    let status = {
        let process = current.process();
        let mut shared = process.shared().lock();
        if shared.threads.len() == 1 && matches!(shared.ending, Ending::No) {
            // Nobody else to tell.
            shared.ending = Ending::Process(status);
        } else {
            send::end_process(process, &mut shared, status);
        }
        match shared.ending {
            Ending::Process(status) => status,
            _ => status,
        }
    };
    exit_thread(current, status)
}

fn unreachable_dead() -> ! {
    panic!("a dead thread ran again")
}

fn let_go_of_memory_and_files(current: &Current) {
    futex::robust::release(current);
    let clear = current.clear_child_tid.swap(0, Relaxed);
    if clear != 0
        && current
            .address_space()
            .is_some_and(|memory| Arc::strong_count(&memory) > 2)
    {
        // A bad address was the thread's own choice.
        if user::write_value(UserAddr(clear), &0u32).is_ok() {
            futex::wake_at(current, clear, 1);
        }
    }
    let peak = current
        .address_space()
        .map_or(0, |memory| memory.statistics().peak_resident * 4);
    {
        let mut accounts = current.process().accounts().lock();
        accounts.ended.peak_resident = accounts.ended.peak_resident.max(peak);
    }
    let resources = current.replace_resources(|resources| *resources = None);
    {
        hal::page_table::activate_none(&InterruptGuard::new());
    }
    if let Some(resources) = resources {
        drop(resources.memory);
        if let Some(done) = current.take_vfork_done() {
            done.finish();
        }
        drop(resources.files);
        drop(resources.fs);
    }
}

/// Takes the thread out of its process; the last one ends the process.
fn leave_process(current: &Current, status: ExitStatus) {
    let process = current.process();
    let (status, last) = {
        let mut shared = process.shared().lock();
        let position = shared.threads.iter().position(|thread| current.is(thread));
        let thread = position.map(|position| shared.threads.remove(position));
        if let Some(thread) = &thread {
            let used = usage::of_thread(thread);
            process.accounts().lock().ended += used;
        }
        let status = match shared.ending {
            Ending::Process(status) => status,
            _ => status,
        };
        let last = shared.threads.is_empty();
        drop(shared);
        drop(thread);
        let counted = current.replace_user_task(None);
        if last {
            process.keep_user_task(counted);
        }
        (status, last)
    };
    registry::withdraw_thread(current.host_tid());
    if last {
        end_process(process, status);
    } else {
        stop::thread_ended(process);
        process.state_changed.wake_all();
    }
}

/// Ends a process without threads: what is left of it waits for its parent.
fn end_process(process: &Arc<Process>, status: ExitStatus) {
    if process.host_pid() == 1 {
        // As on Linux: nothing can go on without the first process.
        panic!("the first process has ended: {status:?}");
    }
    process.set_exit_status(status);
    if process.is_session_leader() {
        tty::job_control::leader_exits(process);
    }
    context::before_exit(process);
    process.set_executable(None);
    process.timers().clear();
    give_children_away(process);
    for group in family::newly_orphaned(process) {
        group.signal(SignalInfo::kernel(Signal::SIGHUP));
        group.signal(SignalInfo::kernel(Signal::SIGCONT));
    }
    // Only now: number 1 of the list, which waits for this, finds all orphans among its children.
    context::leave_at_exit(process);
    if announce_end(process, true) {
        reap(process);
    }
    // Those who poll a descriptor of the process.
    process.state_changed.wake_all();
}

/// Gives the children of a process to the one that adopts them.
fn give_children_away(process: &Arc<Process>) {
    let subreaper =
        family::subreaper(process).filter(|subreaper| context::share_list(subreaper, process));
    let adopter = subreaper.or_else(|| match context::adopter(process) {
        Adopter::Process(adopter) => Some(adopter),
        Adopter::HostInit => registry::find(1),
        Adopter::Nobody => None,
    });
    let adopter = adopter.filter(|adopter| !Arc::ptr_eq(adopter, process));
    loop {
        let orphans = family::give_children(process, adopter.as_deref());
        if orphans.zombies.is_empty() && orphans.living.is_empty() {
            break;
        }
        for child in orphans.zombies {
            child.set_exit_signal(Signal::SIGCHLD);
            if announce_end(&child, false) {
                reap(&child);
            }
        }
        for child in orphans.living {
            child.set_exit_signal(Signal::SIGCHLD);
            tell_of_parents_death(&child);
        }
    }
}

/// Sends each thread of a child what it asked to be sent at its parent's end (PR_SET_PDEATHSIG).
fn tell_of_parents_death(child: &Arc<Process>) {
    let threads = child.shared().lock().threads.clone();
    for thread in threads {
        if let Some(signal) = thread.parent_death_signal() {
            // The kernel's own signals always find room.
            let _ = send::to_thread(&thread, SignalInfo::kernel(signal), Origin::Kernel);
        }
    }
}

/// Makes a dead process a zombie if it isn't one (`newly`), and tells its parent. True when nobody will wait for it:
/// the caller reaps it.
fn announce_end(process: &Arc<Process>, newly: bool) -> bool {
    family::with_parent(process, newly, |parent| {
        let Some(parent) = parent else { return true };
        let Some(number) = process.number_seen_by(parent) else {
            return true;
        };
        let signal = process.exit_signal();
        let action = parent.shared().lock().actions.get(Signal::SIGCHLD);
        let ignored = signal == Some(Signal::SIGCHLD) && action.is_ignore();
        let nobody_waits = ignored
            || (signal == Some(Signal::SIGCHLD)
                && action.flags().contains(ActionFlags::NO_CHILD_WAIT));
        if let Some(signal) = signal
            && !ignored
        {
            let mut info = end_information(process, number);
            info.signal = signal;
            // A standard signal always finds room.
            let _ = send::to_process(parent, info, Origin::Kernel);
        }
        parent.child_changed.wake_all();
        nobody_waits
    })
}

/// What SIGCHLD and waitid tell of a process that has exited.
pub fn end_information(process: &Process, number: u32) -> SignalInfo {
    let status = process.exit_status();
    let (code, value) = if status & 0x7f == 0 {
        (CLD_EXITED, status >> 8)
    } else {
        (CLD_KILLED, status & 0x7f)
    };
    let used = process.accounts().lock().ended;
    SignalInfo::child(
        code,
        number,
        process.owner(),
        value as i32,
        usage::ticks(used.user),
        usage::ticks(used.system),
    )
}

/// Takes a zombie out of the system; false if another thread did so before.
pub fn reap(process: &Arc<Process>) -> bool {
    let reaped = family::leave(process);
    if reaped {
        process.keep_user_task(None);
        registry::withdraw_process(process.host_pid());
    }
    reaped
}
