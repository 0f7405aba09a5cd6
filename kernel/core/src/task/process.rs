//! A process: what its threads share.

use super::family::{self, Place};
use super::group::{ProcessGroup, Session};
use super::limits::{Limits, Resource};
use super::memory_score::MemoryScore;
use super::usage::Accounts;
use super::user_tasks::UserTask;
use super::{CommandName, ThreadRef};
use crate::context::{ProcessContexts, TaskNumber};
use crate::sched::WaitQueue;
use crate::signal::action::ActionTable;
use crate::signal::state::{Ending, ExitStatus, Shared};
use crate::signal::{Signal, SignalSet};
use crate::time::ProcessTimers;
use crate::vfs::Executable;
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicU64};
use hal::sync::{IrqSpinLock, SpinLock};

/// What stands for a parent's number that must be looked up.
pub(super) const UNKNOWN_NUMBER: u32 = u32::MAX;

bitflags::bitflags! {
    /// Yes-or-no properties of a process.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct ProcessFlags: u32 {
        /// PR_SET_DUMPABLE.
        const DUMPABLE = 1;
        /// PR_SET_CHILD_SUBREAPER.
        const SUBREAPER = 4;
        /// It has run exec since its creation: its parent can't move it to another group.
        const HAS_EXECUTED = 8;
    }
}

impl ProcessFlags {
    /// What a child has of them.
    pub fn for_child(self) -> Self {
        self & ProcessFlags::DUMPABLE
    }
}

/// What a child takes from its parent besides contexts and memory.
pub struct Inheritance {
    pub actions: ActionTable,
    pub limits: Limits,
    pub name: CommandName,
    pub executable: Option<Executable>,
    pub signal_return: u64,
    pub flags: ProcessFlags,
    pub personality: u32,
    pub memory_score: MemoryScore,
    pub owner: u32,
    /// What the parent is sent at its end; none for nothing.
    pub exit_signal: Option<Signal>,
}

/// What the kernel keeps with each process. It lives from its creation until its parent has waited for it.
pub struct Process {
    contexts: ProcessContexts,
    start_time: u64,
    pub(super) place: Place,
    /// The parent's number as the process sees it, or [`UNKNOWN_NUMBER`]; written under the family's lock.
    pub(super) parent_number: AtomicU32,
    /// The group it was in when it was reaped.
    last_group: SpinLock<Option<Arc<ProcessGroup>>>,
    shared: IrqSpinLock<Shared>,
    /// Which signals are pending for the process as a whole; written under `shared`.
    pending_set: AtomicU64,
    limits: IrqSpinLock<Limits>,
    name: SpinLock<CommandName>,
    executable: SpinLock<Option<Executable>>,
    /// Where handlers without a restorer return to, in the vDSO.
    signal_return: AtomicU64,
    flags: AtomicU32,
    personality: AtomicU32,
    memory_score: MemoryScore,
    exit_signal: AtomicU32,
    /// The status word, once it has exited.
    exit_status: AtomicU32,
    accounts: IrqSpinLock<Accounts>,
    /// Counts the process among its user's once its last thread has ended.
    user_task: SpinLock<Option<UserTask>>,
    /// Real user of its first thread.
    owner: AtomicU32,
    timers: ProcessTimers,
    /// Woken when a signal becomes pending, for those who read signals from a file.
    pub(crate) signals_arrived: WaitQueue,
    /// Woken when a child changes state.
    pub(crate) child_changed: WaitQueue,
    /// Woken when a stopped process goes on or must end, and when its threads have become fewer.
    pub(crate) state_changed: WaitQueue,
}

impl Process {
    /// A process without threads, in nobody's family yet.
    pub fn new(contexts: ProcessContexts, inheritance: Inheritance) -> Arc<Self> {
        Arc::new(Self {
            contexts,
            start_time: hal::time::now(),
            place: Place::new(),
            parent_number: AtomicU32::new(UNKNOWN_NUMBER),
            last_group: SpinLock::new(None),
            shared: IrqSpinLock::new(Shared::new(inheritance.actions)),
            pending_set: AtomicU64::new(0),
            limits: IrqSpinLock::new(inheritance.limits),
            name: SpinLock::new(inheritance.name),
            executable: SpinLock::new(inheritance.executable),
            signal_return: AtomicU64::new(inheritance.signal_return),
            flags: AtomicU32::new(inheritance.flags.bits()),
            personality: AtomicU32::new(inheritance.personality),
            memory_score: inheritance.memory_score,
            exit_signal: AtomicU32::new(
                inheritance
                    .exit_signal
                    .map_or(0, |signal| u32::from(signal.number())),
            ),
            exit_status: AtomicU32::new(0),
            accounts: IrqSpinLock::new(Accounts::default()),
            user_task: SpinLock::new(None),
            owner: AtomicU32::new(inheritance.owner),
            timers: ProcessTimers::new(),
            signals_arrived: WaitQueue::new(),
            child_changed: WaitQueue::new(),
            state_changed: WaitQueue::new(),
        })
    }

    /// Contexts, pending slots, jail and number.
    #[inline]
    pub fn contexts(&self) -> &ProcessContexts {
        &self.contexts
    }

    /// Its number, which is its first thread's.
    #[inline]
    pub fn number(&self) -> &Arc<TaskNumber> {
        self.contexts.number()
    }

    /// The host's number.
    #[inline]
    pub fn host_pid(&self) -> u32 {
        self.number().host()
    }

    /// The number by which `viewer` knows it; none if it is out of sight.
    pub fn number_seen_by(&self, viewer: &Process) -> Option<u32> {
        viewer.contexts.number_of(self.number())
    }

    /// When it was made, ns since boot.
    pub fn start_time(&self) -> u64 {
        self.start_time
    }

    /// Its parent.
    pub fn parent(&self) -> Option<Arc<Process>> {
        family::parent(self)
    }

    /// Its parent's number as it sees it; 0 if it doesn't.
    #[inline]
    pub fn parent_number(&self) -> u32 {
        match self.parent_number.load(Relaxed) {
            UNKNOWN_NUMBER => family::look_up_parent_number(self),
            number => number,
        }
    }

    /// Its process group.
    pub fn group(&self) -> Arc<ProcessGroup> {
        family::group(self)
    }

    /// Its session.
    pub fn session(&self) -> Arc<Session> {
        self.group().session().clone()
    }

    /// Whether it leads its session.
    pub fn is_session_leader(&self) -> bool {
        Arc::ptr_eq(self.session().number(), self.number())
    }

    pub(super) fn last_group(&self) -> Arc<ProcessGroup> {
        let known = self.last_group.lock().clone();
        known.unwrap_or_else(|| {
            ProcessGroup::new(self.number().clone(), Session::new(self.number().clone()))
        })
    }

    pub(super) fn set_last_group(&self, group: &Arc<ProcessGroup>) {
        *self.last_group.lock() = Some(group.clone());
    }

    /// What its threads share of signals and life. Masks interrupts; see `signal` for the order of locks.
    #[inline]
    pub fn shared(&self) -> &IrqSpinLock<Shared> {
        &self.shared
    }

    /// The signals pending for the process as a whole, without the lock: complete for what was sent before a fence
    /// both passed.
    #[inline]
    pub fn pending_set(&self) -> SignalSet {
        SignalSet(self.pending_set.load(Relaxed))
    }

    /// To be called with the changed `shared` still locked.
    pub(crate) fn note_pending(&self, shared: &Shared) {
        self.pending_set.store(shared.pending.set().0, Relaxed);
    }

    /// What holds now for a resource.
    pub fn limit(&self, resource: Resource) -> u64 {
        self.limits.lock().get(resource).soft
    }

    /// All limits.
    pub fn limits(&self) -> &IrqSpinLock<Limits> {
        &self.limits
    }

    /// Any living thread, the oldest first.
    pub fn any_thread(&self) -> Option<ThreadRef> {
        self.shared.lock().threads.first().cloned()
    }

    /// How many threads live.
    pub fn thread_count(&self) -> usize {
        self.shared.lock().threads.len()
    }

    /// The command name, which is that of its first thread.
    pub fn command_name(&self) -> CommandName {
        *self.name.lock()
    }

    pub(crate) fn set_command_name(&self, name: CommandName) {
        *self.name.lock() = name;
    }

    /// The file that it runs (/proc/N/exe), which nobody can write meanwhile.
    pub fn executable(&self) -> Option<Executable> {
        self.executable.lock().clone()
    }

    pub(crate) fn set_executable(&self, executable: Option<Executable>) {
        let old = core::mem::replace(&mut *self.executable.lock(), executable);
        drop(old);
    }

    /// Where a signal handler without a restorer returns to: the vDSO's code, as exec mapped it.
    pub fn signal_return(&self) -> u64 {
        self.signal_return.load(Relaxed)
    }

    pub(crate) fn set_signal_return(&self, address: u64) {
        self.signal_return.store(address, Relaxed);
    }

    /// Its yes-or-no properties.
    pub fn flags(&self) -> ProcessFlags {
        ProcessFlags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Sets or clears properties.
    pub fn set_flags(&self, flags: ProcessFlags, value: bool) {
        if value {
            self.flags.fetch_or(flags.bits(), Relaxed);
        } else {
            self.flags.fetch_and(!flags.bits(), Relaxed);
        }
    }

    /// Whether orphans among its descendants become its children.
    pub fn is_subreaper(&self) -> bool {
        self.flags().contains(ProcessFlags::SUBREAPER)
    }

    /// The execution domain (personality(2)).
    pub fn personality(&self) -> &AtomicU32 {
        &self.personality
    }

    /// How likely it is to be ended for want of memory.
    pub fn memory_score(&self) -> &MemoryScore {
        &self.memory_score
    }

    /// What its parent is sent at its end.
    pub fn exit_signal(&self) -> Option<Signal> {
        Signal::new(self.exit_signal.load(Relaxed) as i32)
    }

    /// exec makes the end of any child a SIGCHLD, and so does a new parent.
    pub(crate) fn set_exit_signal(&self, signal: Signal) {
        self.exit_signal.store(u32::from(signal.number()), Relaxed);
    }

    /// The status word of wait4(2), once it has exited.
    pub fn exit_status(&self) -> u32 {
        self.exit_status.load(Relaxed)
    }

    pub(super) fn set_exit_status(&self, status: ExitStatus) {
        self.exit_status.store(status.as_wait_status(), Relaxed);
    }

    /// Counts it among its user's in place of its last thread, or no more.
    pub(super) fn keep_user_task(&self, task: Option<UserTask>) {
        let old = core::mem::replace(&mut *self.user_task.lock(), task);
        drop(old);
    }

    /// Whether it is on its way out.
    pub fn is_exiting(&self) -> bool {
        let shared = self.shared.lock();
        matches!(shared.ending, Ending::Process(_)) || shared.threads.is_empty()
    }

    /// Whether it has exited and waits to be waited for.
    pub fn is_zombie(&self) -> bool {
        self.shared.lock().threads.is_empty()
    }

    /// The real user it belongs to.
    pub fn owner(&self) -> u32 {
        self.owner.load(Relaxed)
    }

    pub(crate) fn set_owner(&self, uid: u32) {
        self.owner.store(uid, Relaxed);
    }

    /// Its interval timers and POSIX timers.
    pub fn timers(&self) -> &ProcessTimers {
        &self.timers
    }

    /// What it and its waited-for children have used.
    pub fn accounts(&self) -> &IrqSpinLock<Accounts> {
        &self.accounts
    }
}
