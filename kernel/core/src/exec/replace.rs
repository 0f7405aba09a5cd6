//! The point of no return: the calling process becomes the new program.

use super::program::Program;
use crate::context::transition::Prepared;
use crate::errno::{Errno, Result};
use crate::futex;
use crate::memory::AddressSpace;
use crate::sched::State;
use crate::signal::state::{AlternateStack, Ending};
use crate::signal::{Signal, send};
use crate::task::{CommandName, Credentials, Current, ProcessFlags, registry};
use crate::vfs::{FdTable, FsContext};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use hal::sync::InterruptGuard;
use hal::user::{self, UserAddr};

/// All that a new program needs and that could have failed to be had.
pub struct Ready {
    pub program: Program,
    pub memory: Arc<AddressSpace>,
    pub credentials: Credentials,
    pub prepared: Prepared,
    /// Descriptors and directories of its own, where the old program shared them with another process.
    pub files: Option<Arc<FdTable>>,
    pub fs: Option<Arc<FsContext>>,
    pub name: CommandName,
}

/// Ends the other threads of the process.
///
/// # Errors
/// `EAGAIN`: another thread has begun an exec or the end of the process; this one won't return to its program.
pub fn become_only_thread(current: &Current) -> Result<()> {
    let process = current.process();
    {
        let mut shared = process.shared().lock();
        if !matches!(shared.ending, Ending::No) {
            return Err(Errno::EAGAIN);
        }
        if shared.threads.len() == 1 {
            return Ok(());
        }
        shared.ending = Ending::Exec(current.host_tid());
        for thread in shared.threads.iter().filter(|thread| !current.is(thread)) {
            thread.set_killed();
            send::notify(thread, State::KILL);
        }
    }
    let alone = process.state_changed.wait_killable(|| (process.shared().lock().threads.len() == 1).then_some(()));
    let mut shared = process.shared().lock();
    if matches!(shared.ending, Ending::Exec(_)) {
        shared.ending = Ending::No;
    }
    drop(shared);
    alone.map_err(|_| Errno::EAGAIN)
}

/// Replaces the old program. Infallible: everything is in `ready`, and the caller is the only thread.
pub fn replace(current: &Current, ready: Ready) {
    let process = current.process();
    take_leaders_number(current);
    leave_memory(current, &ready.memory);

    let old = current.replace_resources(|resources| {
        if let Some(resources) = resources {
            resources.memory = ready.memory.clone();
            if let Some(files) = ready.files.clone() {
                resources.files = files;
            }
            if let Some(fs) = ready.fs.clone() {
                resources.fs = fs;
            }
        }
    });
    {
        let interrupts = InterruptGuard::new();
        ready.memory.activate(&interrupts);
    }
    drop(old);
    if let Some(done) = current.take_vfork_done() {
        done.finish();
    }

    {
        let mut shared = process.shared().lock();
        shared.actions.reset_for_exec();
    }
    current.signals().set_alternate_stack(AlternateStack::default());
    process.set_exit_signal(Signal::SIGCHLD);
    process.set_flags(ProcessFlags::HAS_EXECUTED, true);
    let raised = ready.credentials.euid != ready.credentials.uid || ready.credentials.egid != ready.credentials.gid;
    process.set_flags(ProcessFlags::DUMPABLE, !raised);
    if raised {
        current.set_parent_death_signal(None);
    }
    current.set_credentials(ready.credentials);
    current.set_name(ready.name);
    process.set_command_name(ready.name);
    process.set_executable(Some(ready.program.file.location().clone()));

    ready.prepared.commit(current);
    current.files().take_close_on_exec(drop);
    hal::task::reset_float_state();
    hal::task::set_thread_pointer(0);
}

/// A thread that isn't the first becomes it, whose number is the process's.
fn take_leaders_number(current: &Current) {
    let number = current.process().number();
    if current.host_tid() == number.host() {
        return;
    }
    registry::withdraw_thread(current.host_tid());
    let own = current.take_number(number.clone());
    registry::publish_thread(&current.arc());
    drop(own);
}

/// What the old program's memory is told of the thread that leaves it.
fn leave_memory(current: &Current, new: &Arc<AddressSpace>) {
    futex::robust::release(current);
    let clear = current.clear_child_tid.swap(0, Relaxed);
    let Some(old) = current.address_space() else { return };
    new.limits().copy_from(old.limits());
    // The thread's own reference and `old`; more means that somebody else uses the memory.
    if clear != 0 && Arc::strong_count(&old) > 2 && user::write_value(UserAddr(clear), &0u32).is_ok() {
        futex::wake_at(current, clear, 1);
    }
}
