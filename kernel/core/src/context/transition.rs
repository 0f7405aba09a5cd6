//! How processes move between contexts: entering, exec, exit.

use alloc::sync::Arc;

use super::set::InSet;
use super::{PendingSlots, ProcessList, members};
use crate::signal::{Signal, SignalInfo, send};
use crate::task::{Current, Process, registry};
use crate::vfs::{FsContext, Location};
use crate::{Errno, Result};

/// Attaches a process to a context in place of its current one of that type. Nothing changes if it is the
/// current one.
///
/// # Errors
/// `EAGAIN` for a process list that can't be joined any more.
pub(super) fn attach<C: InSet>(process: &Arc<Process>, context: &Arc<C>) -> Result<()> {
    let passage = C::pass(context);
    context.admit()?;
    let replaced = process.contexts().replace(context)?;
    if replaced.left().is_some() {
        C::attached(context, process);
    }
    drop(passage);
    if let Some(left) = replaced.left() {
        C::left(left, process);
    }
    Ok(())
}

/// What a process's exec will replace. Dropping it changes nothing.
pub struct Prepared {
    pub(super) slots: PendingSlots,
}

/// What the caller's exec is to replace, to be committed at its point of no return.
///
/// # Errors
/// `EAGAIN` when a pending process list can't be joined any more.
pub fn prepare_exec(current: &Current) -> Result<Prepared> {
    let prepared = Prepared {
        slots: current.process().contexts().pending(),
    };
    prepared.check()?;
    Ok(prepared)
}

impl Prepared {
    /// Whether the VFS root is replaced.
    pub fn replaces_root(&self) -> bool {
        self.slots.vfs_root.is_some()
    }

    /// Root and working directory with which the program and its interpreters are looked up, for a caller with
    /// the directories `fs`; `None`: those.
    pub fn directories(&self, fs: &FsContext) -> Option<Arc<FsContext>> {
        let pending = self.slots.vfs_root.as_ref()?;
        Some(pending.context().directories_after(fs))
    }

    /// Refuses a place outside of the root that the program gets.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check_inside(&self, location: &Location) -> Result<()> {
        match &self.slots.vfs_root {
            Some(pending) if !pending.context().mounts().contains(location) => Err(Errno::EACCES),
            _ => Ok(()),
        }
    }

    /// Replaces all of it. The caller is the only thread left and runs the new program next; descriptors that
    /// close at exec are still open. If number 1 of the pending list has ended meanwhile, the program gets
    /// SIGKILL as its other members did.
    pub fn commit(self, current: &Current) {
        let process = current.process();
        if self.attach_all(process).is_err() {
            // SIGKILL always finds room.
            let _ = send::to_process(
                process,
                SignalInfo::kernel(Signal::SIGKILL),
                send::Origin::Kernel,
            );
        }
        if let Some(pending) = &self.slots.vfs_root {
            pending.context().leave_foreign_directories(current);
        }
        process.contexts().clear_pending();
        process.contexts().jail().leave_at_exec();
    }
}

/// Who takes on the children of a process that exits.
pub enum Adopter {
    /// Number 1 of their list.
    Process(Arc<Process>),
    /// The host's process 1.
    HostInit,
    /// Nobody: those that have ended are reaped at once, the others when they end.
    Nobody,
}

/// Who takes on the children of a process that exits. To be asked between [`before_exit`] and [`leave_at_exit`].
pub fn adopter(process: &Process) -> Adopter {
    let Some(list) = process.contexts().list() else {
        return Adopter::Nobody;
    };
    if list.is_boot() {
        return Adopter::HostInit;
    }
    let first = list
        .first()
        .filter(|_| !list.is_closed())
        .and_then(registry::find);
    match first.filter(|first| {
        first.host_pid() != process.host_pid() && first.contexts().is_member_of(&list)
    }) {
        Some(first) => Adopter::Process(first),
        None => Adopter::Nobody,
    }
}

fn led_list(process: &Process) -> Option<Arc<ProcessList>> {
    process
        .contexts()
        .list()
        .filter(|list| !list.is_boot() && list.first() == Some(process.host_pid()))
}

/// All threads of a process have ended. Number 1 of a list takes the other members with it: this sleeps until
/// they are detached. Its children are still its own.
pub fn before_exit(process: &Process) {
    if let Some(list) = led_list(process) {
        members::end_with_number_one(&list);
    }
}

/// Detaches a process that has given its children away and is about to be a zombie.
pub fn leave_at_exit(process: &Process) {
    process.contexts().detach();
}

/// Whether two processes are in the same list.
pub fn share_list(one: &Process, other: &Process) -> bool {
    one.contexts()
        .list()
        .is_some_and(|list| other.contexts().is_member_of(&list))
}
