//! A thread: what the scheduler runs, with what belongs to it alone.

use super::user_tasks::UserTask;
use super::{Capability, CommandName, Credentials, Process, ProcessFlags};
use crate::context::TaskNumber;
use crate::errno::Errno;
use crate::memory::AddressSpace;
use crate::sched::cpu::QueueRoom;
use crate::sched::{Entity, WaitQueue};
use crate::signal::{Signal, ThreadSignals};
use crate::vfs::{FdTable, File, FsContext};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use hal::sync::SpinLock;
use hal::task::InterruptGuard;

/// What clone shares or copies between threads of execution.
#[derive(Clone)]
pub struct Resources {
    pub files: Arc<FdTable>,
    pub fs: Arc<FsContext>,
    pub memory: Arc<AddressSpace>,
}

/// Told when a vfork child no longer uses its parent's memory.
#[derive(Default)]
pub struct VforkDone {
    done: AtomicBool,
    queue: WaitQueue,
}

impl VforkDone {
    /// The child has its own memory, or none any more.
    pub fn finish(&self) {
        self.done.store(true, Release);
        self.queue.wake_all();
    }

    /// Sleeps until then, or until the parent is killed.
    pub fn wait(&self) {
        // Being killed ends the wait early: the parent then ends without touching its memory.
        let _ = self
            .queue
            .wait_killable(|| self.done.load(Acquire).then_some(()));
    }
}

/// How `restart_syscall` continues an interrupted call.
#[derive(Clone, Copy, Debug)]
pub enum Restart {
    /// A sleep of nanosleep(2) until `deadline` (ns since boot); where to write what is left, or 0.
    Sleep { deadline: u64, remaining: u64 },
    /// A futex wait until `deadline`.
    Futex {
        address: u64,
        value: u32,
        mask: u32,
        private: bool,
        deadline: u64,
    },
}

/// What the kernel keeps with each thread.
pub struct Thread {
    number: SpinLock<Arc<TaskNumber>>,
    host_tid: AtomicU32,
    process: Arc<Process>,
    scheduling: Entity,
    signals: ThreadSignals,
    credentials: SpinLock<Arc<Credentials>>,
    /// Counts it among its user's; none in kernel threads and at a thread's end.
    user_task: SpinLock<Option<UserTask>>,
    over_process_limit: AtomicBool,
    /// None in kernel threads and once the thread has let go of them at its end.
    resources: SpinLock<Option<Resources>>,
    name: SpinLock<CommandName>,
    start_time: u64,
    /// User address of the robust futex list (set_robust_list(2)).
    pub(crate) robust_list: AtomicU64,
    /// User address to clear and wake at the thread's end (CLONE_CHILD_CLEARTID).
    pub(crate) clear_child_tid: AtomicU64,
    /// The signal to get when the parent ends (PR_SET_PDEATHSIG); 0 for none.
    parent_death_signal: AtomicU32,
    vfork_done: SpinLock<Option<Arc<VforkDone>>>,
    futex_place: crate::futex::table::Place,
    /// First argument of a call that a signal interrupted; see `note_interrupted_call`.
    interrupted_argument: AtomicU64,
    interrupted: AtomicBool,
    restart: SpinLock<Option<Restart>>,
    /// Something waits that the return to user mode must handle; goes with the task flag SIGNAL.
    signalled: AtomicBool,
    /// It must end, whatever else: set under the process's `shared` lock.
    killed: AtomicBool,
    /// The first program is to be started by this thread before it enters user mode.
    starts_system: bool,
    _room: QueueRoom,
}

/// What a new thread begins with.
pub struct NewThread {
    pub number: Arc<TaskNumber>,
    pub process: Arc<Process>,
    pub scheduling: Entity,
    pub signals: ThreadSignals,
    pub credentials: Arc<Credentials>,
    pub user_task: Option<UserTask>,
    pub resources: Option<Resources>,
    pub name: CommandName,
    pub clear_child_tid: u64,
    pub vfork_done: Option<Arc<VforkDone>>,
    pub starts_system: bool,
    pub room: QueueRoom,
}

impl Thread {
    /// A thread that the scheduler doesn't know yet.
    pub fn new(new: NewThread) -> Self {
        Self {
            host_tid: AtomicU32::new(new.number.host()),
            number: SpinLock::new(new.number),
            process: new.process,
            scheduling: new.scheduling,
            signals: new.signals,
            credentials: SpinLock::new(new.credentials),
            user_task: SpinLock::new(new.user_task),
            over_process_limit: AtomicBool::new(false),
            resources: SpinLock::new(new.resources),
            name: SpinLock::new(new.name),
            start_time: hal::time::now(),
            robust_list: AtomicU64::new(0),
            clear_child_tid: AtomicU64::new(new.clear_child_tid),
            parent_death_signal: AtomicU32::new(0),
            vfork_done: SpinLock::new(new.vfork_done),
            futex_place: crate::futex::table::Place::new(),
            interrupted_argument: AtomicU64::new(0),
            interrupted: AtomicBool::new(false),
            restart: SpinLock::new(None),
            signalled: AtomicBool::new(false),
            killed: AtomicBool::new(false),
            starts_system: new.starts_system,
            _room: new.room,
        }
    }

    /// The host's number of the thread.
    #[inline]
    pub fn host_tid(&self) -> u32 {
        self.host_tid.load(Relaxed)
    }

    /// Its number.
    pub fn number(&self) -> Arc<TaskNumber> {
        self.number.lock().clone()
    }

    /// A thread that execs takes over its process's number; gives back its own.
    pub(crate) fn take_number(&self, number: Arc<TaskNumber>) -> Arc<TaskNumber> {
        self.host_tid.store(number.host(), Relaxed);
        core::mem::replace(&mut *self.number.lock(), number)
    }

    /// The process it belongs to.
    #[inline]
    pub fn process(&self) -> &Arc<Process> {
        &self.process
    }

    /// The scheduler's part.
    #[inline]
    pub fn scheduling(&self) -> &Entity {
        &self.scheduling
    }

    /// Its own signals.
    #[inline]
    pub fn signals(&self) -> &ThreadSignals {
        &self.signals
    }

    /// Who the thread acts for.
    #[inline]
    pub fn credentials(&self) -> Arc<Credentials> {
        self.credentials.lock().clone()
    }

    /// Reads the credentials without taking a reference; `read` takes no lock.
    #[inline]
    pub fn with_credentials<R>(&self, read: impl FnOnce(&Credentials) -> R) -> R {
        read(&self.credentials.lock())
    }

    /// Whether the thread has a capability.
    #[inline]
    pub fn is_capable(&self, capability: Capability) -> bool {
        self.with_credentials(|own| own.is_capable(capability))
    }

    /// Refuses what needs a capability that the thread lacks.
    ///
    /// # Errors
    /// `EPERM`.
    #[inline]
    pub fn require(&self, capability: Capability) -> Result<(), Errno> {
        self.with_credentials(|own| own.require(capability))
    }

    /// Replaces the credentials. When they give more or are somebody else's, those who could inspect the process and
    /// the signal that it asked for at its parent's end no longer suit it.
    pub fn set_credentials(&self, new: Arc<Credentials>) {
        if self.host_tid() == self.process.host_pid() {
            self.process.set_owner(new.uid);
        }
        let mut own = self.credentials.lock();
        let differ = new.differ_in_power(&own);
        let old = core::mem::replace(&mut *own, new);
        drop(own);
        drop(old);
        if differ {
            self.process.set_flags(ProcessFlags::DUMPABLE, false);
            self.set_parent_death_signal(None);
        }
    }

    /// How many threads its user has, itself included.
    pub fn user_tasks(&self) -> Option<u64> {
        self.user_task.lock().as_ref().map(UserTask::total)
    }

    /// Counts one more thread of its user.
    pub(super) fn another_user_task(&self) -> Option<UserTask> {
        self.user_task.lock().as_ref().map(UserTask::another)
    }

    /// Counts it as another user's, or no more; gives back what counted it before.
    pub(crate) fn replace_user_task(&self, task: Option<UserTask>) -> Option<UserTask> {
        core::mem::replace(&mut *self.user_task.lock(), task)
    }

    /// Whether its user had too many threads when it became that user's.
    pub(super) fn is_over_process_limit(&self) -> bool {
        self.over_process_limit.load(Relaxed)
    }

    pub(super) fn set_over_process_limit(&self, over: bool) {
        self.over_process_limit.store(over, Relaxed);
    }

    /// Files, directories and memory; none in kernel threads and at a thread's end.
    #[inline]
    pub fn resources(&self) -> Option<Resources> {
        self.resources.lock().clone()
    }

    /// Its descriptors.
    ///
    /// # Errors
    /// `EBADF` if it has none: a kernel thread, or one at its end.
    #[inline]
    pub fn open_files(&self) -> Result<Arc<FdTable>, Errno> {
        self.resources
            .lock()
            .as_ref()
            .map(|resources| resources.files.clone())
            .ok_or(Errno::EBADF)
    }

    /// Its root and working directory; none in kernel threads and at a thread's end.
    #[inline]
    pub fn directories(&self) -> Option<Arc<FsContext>> {
        self.resources
            .lock()
            .as_ref()
            .map(|resources| resources.fs.clone())
    }

    /// Its memory; none in kernel threads and at a thread's end.
    #[inline]
    pub fn address_space(&self) -> Option<Arc<AddressSpace>> {
        self.resources
            .lock()
            .as_ref()
            .map(|resources| resources.memory.clone())
    }

    /// Its descriptors.
    ///
    /// # Panics
    /// In a kernel thread and at a thread's end: only system calls ask.
    #[inline]
    pub fn files(&self) -> Arc<FdTable> {
        match self.open_files() {
            Ok(files) => files,
            Err(_) => panic!("a thread without files used them"),
        }
    }

    /// Its root and working directory.
    ///
    /// # Panics
    /// In a kernel thread and at a thread's end: only system calls ask.
    #[inline]
    pub fn fs(&self) -> Arc<FsContext> {
        match self.directories() {
            Some(fs) => fs,
            None => panic!("a thread without directories used them"),
        }
    }

    /// The open file of a descriptor.
    ///
    /// # Errors
    /// `EBADF`.
    #[inline]
    pub fn file(&self, fd: i32) -> Result<Arc<File>, Errno> {
        // Asked under the lock: a reference to the table would cost more than the look.
        self.resources
            .lock()
            .as_ref()
            .ok_or(Errno::EBADF)?
            .files
            .get(fd)
    }

    /// Gives an open file the lowest free descriptor.
    ///
    /// # Errors
    /// `EMFILE`, `ENOMEM`.
    pub fn install_file(&self, file: Arc<File>, close_on_exec: bool) -> Result<usize, Errno> {
        let fd = self
            .open_files()?
            .install(file, close_on_exec, 0, self.descriptor_limit())?;
        Ok(fd as usize)
    }

    /// How many descriptors the thread may have (RLIMIT_NOFILE).
    pub fn descriptor_limit(&self) -> u64 {
        self.process.limit(super::Resource::OpenFiles)
    }

    /// Changes which files, directories or memory it uses; gives back what it used before.
    pub(crate) fn replace_resources(
        &self,
        change: impl FnOnce(&mut Option<Resources>),
    ) -> Option<Resources> {
        let mut resources = self.resources.lock();
        let old = resources.clone();
        change(&mut resources);
        drop(resources);
        old
    }

    /// Makes the thread's address space that of this CPU.
    #[inline]
    pub(crate) fn activate_address_space(&self, interrupts: &InterruptGuard) {
        match &*self.resources.lock() {
            Some(resources) => resources.memory.activate(interrupts),
            None => hal::page_table::activate_none(interrupts),
        }
    }

    /// The short name.
    pub fn name(&self) -> CommandName {
        *self.name.lock()
    }

    /// Sets the short name.
    pub fn set_name(&self, name: CommandName) {
        *self.name.lock() = name;
        if self.host_tid() == self.process.host_pid() {
            self.process.set_command_name(name);
        }
    }

    /// When it was made, ns since boot.
    pub fn start_time(&self) -> u64 {
        self.start_time
    }

    /// Whether this thread starts the first program.
    pub(crate) fn starts_system(&self) -> bool {
        self.starts_system
    }

    /// What it is sent when its parent ends.
    pub fn parent_death_signal(&self) -> Option<Signal> {
        Signal::new(self.parent_death_signal.load(Relaxed) as i32)
    }

    /// Sets what it is sent when its parent ends.
    pub fn set_parent_death_signal(&self, signal: Option<Signal>) {
        self.parent_death_signal.store(
            signal.map_or(0, |signal| u32::from(signal.number())),
            Relaxed,
        );
    }

    /// Where it waits on a futex.
    pub(crate) fn futex_place(&self) -> &crate::futex::table::Place {
        &self.futex_place
    }

    /// Whom to tell that this thread doesn't use its parent's memory any more.
    pub(crate) fn take_vfork_done(&self) -> Option<Arc<VforkDone>> {
        self.vfork_done.lock().take()
    }

    /// A signal interrupted the call in progress, which x0 now asks to restart: keeps the first argument that the
    /// result overwrites, and sees to it that the return to user mode decides.
    #[cold]
    pub(crate) fn note_interrupted_call(&self, first_argument: u64) {
        self.interrupted_argument.store(first_argument, Relaxed);
        self.interrupted.store(true, Relaxed);
    }

    /// The first argument of the interrupted call, if there is one to decide about.
    pub(crate) fn take_interrupted_call(&self) -> Option<u64> {
        self.interrupted
            .swap(false, Relaxed)
            .then(|| self.interrupted_argument.load(Relaxed))
    }

    /// Says how `restart_syscall` is to continue the call that fails with `RESTART_BLOCK` next.
    pub fn set_restart(&self, restart: Restart) -> Errno {
        *self.restart.lock() = Some(restart);
        Errno::RESTART_BLOCK
    }

    pub(crate) fn take_restart(&self) -> Option<Restart> {
        self.restart.lock().take()
    }

    /// Whether something waits for the thread that must be handled at its return to user mode: a signal that it
    /// doesn't block, a stop, its end. Interruptible waits give up then.
    #[inline]
    pub fn signal_pending(&self) -> bool {
        self.signalled.load(Relaxed)
    }

    /// See `signal::send::notify`, which sets the task flag as well.
    pub(crate) fn set_signalled(&self, signalled: bool) {
        self.signalled.store(signalled, Relaxed);
    }

    /// Whether the thread blocks a signal or its process ignores it.
    pub fn is_blocked_or_ignored(&self, signal: Signal) -> bool {
        self.signals.blocked().contains(signal)
            || self.process.shared().lock().actions.get(signal).is_ignore()
    }

    /// Whether the thread must end.
    #[inline]
    pub fn is_killed(&self) -> bool {
        self.killed.load(Relaxed)
    }

    pub(crate) fn set_killed(&self) {
        self.killed.store(true, Relaxed);
    }
}
