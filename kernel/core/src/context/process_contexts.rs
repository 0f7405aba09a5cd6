//! What each process keeps of contexts, and how it changes: fork, entering, exec, exit.
//!
//! Nothing here knows processes; [`super::transition`] connects it to them. So the rules of counting run
//! on the host as they are.

use alloc::sync::Arc;

use gantry_abi::context::ContextType;
use hal::sync::{IrqSpinLock, SpinLock};

use super::life::{Attachment, Pending};
use super::process_list::Passage;
use super::set::InSet;
use super::{
    ContextSet, HostnameContext, Jail, PendingSlots, ProcessList, TaskNumber, VfsRootContext,
};
use crate::{Errno, Result};

/// The contexts, pending slots, jail and number of one process.
pub struct ProcessContexts {
    number: Arc<TaskNumber>,
    /// `None` once the process has ended. Holds are dropped outside the lock.
    set: IrqSpinLock<Option<ContextSet>>,
    /// Holds are dropped outside the lock.
    pending: SpinLock<PendingSlots>,
    jail: Jail,
}

/// What a new process starts with. While it lives, no whole-list action runs: it is dropped when the child
/// can be found in the registry.
pub struct Inherited {
    set: ContextSet,
    pending: PendingSlots,
    jail: Jail,
    passage: Passage,
}

/// What is left of a replaced context: to be dropped without a lock.
pub struct Replaced<C: super::Context>(Option<Attachment<C>>);

impl<C: super::Context> Replaced<C> {
    /// The context that was left; `None` if nothing changed.
    pub fn left(&self) -> Option<&Arc<C>> {
        self.0.as_ref().map(Attachment::context)
    }
}

impl ProcessContexts {
    /// The contexts of the first process.
    pub fn first(set: ContextSet, number: Arc<TaskNumber>) -> Self {
        ProcessContexts {
            number,
            set: IrqSpinLock::new(Some(set)),
            pending: SpinLock::default(),
            jail: Jail::default(),
        }
    }

    /// What the kernel's own threads have: a number, and no contexts.
    pub fn detached(number: Arc<TaskNumber>) -> Self {
        ProcessContexts {
            number,
            set: IrqSpinLock::new(None),
            pending: SpinLock::default(),
            jail: Jail::default(),
        }
    }

    /// The process's number, which is its leader's too.
    pub fn number(&self) -> &Arc<TaskNumber> {
        &self.number
    }

    /// The jail.
    pub fn jail(&self) -> &Jail {
        &self.jail
    }

    /// The contexts; each clone attaches one process more. `None` once the process has ended.
    fn with<R>(&self, read: impl FnOnce(&ContextSet) -> R) -> Option<R> {
        self.set.lock().as_ref().map(read)
    }

    /// The process list; `None` once the process has ended.
    pub fn list(&self) -> Option<Arc<ProcessList>> {
        self.with(|set| Arc::clone(set.process_list.context()))
    }

    /// The VFS root context; `None` once the process has ended.
    pub fn vfs_root(&self) -> Option<Arc<VfsRootContext>> {
        self.with(|set| Arc::clone(set.vfs_root.context()))
    }

    /// The hostname context; `None` once the process has ended.
    pub fn hostname(&self) -> Option<Arc<HostnameContext>> {
        self.with(|set| Arc::clone(set.hostname.context()))
    }

    /// The id of the process's context of one type; `None` once the process has ended.
    pub fn id_of(&self, context_type: ContextType) -> Option<u64> {
        self.with(|set| set.id_of(context_type))
    }

    /// Whether the process sees every process under the host's numbers.
    pub fn sees_everyone(&self) -> bool {
        self.with(|set| set.process_list.context().is_boot())
            .unwrap_or(false)
    }

    /// Whether the process is attached to this list.
    pub fn is_member_of(&self, list: &Arc<ProcessList>) -> bool {
        self.with(|set| set.process_list.is_of(list))
            .unwrap_or(false)
    }

    /// Whether the process sees what has this number.
    pub fn sees(&self, number: &TaskNumber) -> bool {
        self.number_of(number).is_some()
    }

    /// What the process calls the bearer of `number`; `None` when that is out of its sight.
    pub fn number_of(&self, number: &TaskNumber) -> Option<u32> {
        number.seen_by(&*self.list()?)
    }

    /// The host's number of what the process calls `number`; `None` when there is nothing called so.
    pub fn host_number(&self, number: u32) -> Option<u32> {
        self.list()?.host_number(number)
    }

    /// The number of a new thread of this process, visible where the process is.
    pub fn number_for_thread(&self, host: u32, release: fn(u32)) -> Arc<TaskNumber> {
        let number = TaskNumber::new(host, release);
        if let Some(list) = self.list() {
            number.enter(&list);
        }
        Arc::new(number)
    }

    /// Gives the number of a thread that has just joined the process its place in the process's list, which
    /// another thread may have entered since [`Self::number_for_thread`].
    pub fn settle(&self, number: &TaskNumber) {
        if let Some(list) = self.list() {
            number.enter(&list);
        }
    }

    /// What a child starts with. `signal_pending` says whether a signal waits for the forking thread: then
    /// the fork has to be tried again after it is handled, so that a signal to the whole list reaches the
    /// parent or its child, never neither.
    ///
    /// # Errors
    /// `EAGAIN` when number 1 of the list is gone, `RESTART_NO_INTERRUPT` for a pending signal.
    pub fn fork(&self, signal_pending: impl Fn() -> bool) -> Result<Inherited> {
        loop {
            let list = self.list().ok_or(Errno::EAGAIN)?;
            let passage = list.pass();
            if signal_pending() {
                return Err(Errno::RESTART_NO_INTERRUPT);
            }
            if list.is_closed() {
                return Err(Errno::EAGAIN);
            }
            let set = self.with(ContextSet::clone).ok_or(Errno::EAGAIN)?;
            // Another thread may have entered a list since: then its gate is the one to pass.
            if !set.process_list.is_of(&list) {
                continue;
            }
            let pending = self.pending.lock().clone();
            return Ok(Inherited {
                set,
                pending,
                jail: self.jail.inherit(),
                passage,
            });
        }
    }

    /// Puts a context into the slot of its type; what was there goes.
    pub fn set_pending<C: InSet>(&self, pending: Pending<C>) {
        let old = C::slot(&mut self.pending.lock()).replace(pending);
        drop(old);
    }

    /// Empties the slot of a type.
    pub fn cancel_pending(&self, context_type: ContextType) {
        let old = self.pending.lock().take(context_type);
        drop(old);
    }

    /// What the next exec is to attach.
    pub(super) fn pending(&self) -> PendingSlots {
        self.pending.lock().clone()
    }

    /// Empties all slots.
    pub(super) fn clear_pending(&self) {
        let old = core::mem::take(&mut *self.pending.lock());
        drop(old);
    }

    /// Attaches the process to `context` in place of the one of the same type. Nothing changes if it is the
    /// current one.
    ///
    /// # Errors
    /// `EAGAIN` for a process list that can't be joined any more, `ESRCH` once the process has ended.
    pub(super) fn replace<C: InSet>(&self, context: &Arc<C>) -> Result<Replaced<C>> {
        if self.with(|_| ()).is_none() {
            return Err(Errno::ESRCH);
        }
        let attachment = {
            let mut set = self.set.lock();
            let current = C::attachment(set.as_mut().ok_or(Errno::ESRCH)?);
            if current.is_of(context) {
                return Ok(Replaced(None));
            }
            let entered = Attachment::new(Arc::clone(context))?;
            core::mem::replace(current, entered)
        };
        Ok(Replaced(Some(attachment)))
    }

    /// Detaches the process from everything: it has ended.
    pub(super) fn detach(&self) {
        let set = self.set.lock().take();
        drop(set);
        self.clear_pending();
    }
}

impl Inherited {
    /// Makes the child's contexts out of it, with the number that `host` gets in the list. The passage is
    /// dropped when the child can be found in the registry.
    pub fn build(self, host: u32, release: fn(u32)) -> (ProcessContexts, Passage) {
        let number = TaskNumber::new(host, release);
        number.enter(self.set.process_list.context());
        let contexts = ProcessContexts {
            number: Arc::new(number),
            set: IrqSpinLock::new(Some(self.set)),
            pending: SpinLock::new(self.pending),
            jail: self.jail,
        };
        (contexts, self.passage)
    }
}
