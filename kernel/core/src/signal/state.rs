//! The signal state of a process, shared by its threads, and of a single thread.

use super::action::ActionTable;
use super::{Pending, Signal, SignalSet};
use crate::task::ThreadRef;
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use hal::sync::IrqSpinLock;
use smallvec::SmallVec;

/// How a process, or a thread's part in it, ended; as wait4(2) reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called exit with this code.
    Code(u8),
    /// This signal ended it.
    Signal(Signal),
}

impl ExitStatus {
    /// The status word of wait4(2).
    pub fn as_wait_status(self) -> u32 {
        match self {
            ExitStatus::Code(code) => u32::from(code) << 8,
            ExitStatus::Signal(signal) => u32::from(signal.number()),
        }
    }
}

/// Where a process stands in job control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Its threads run.
    Running,
    /// Its threads are on their way to standing still, because of this signal.
    Stopping(Signal),
    /// All its threads stand still.
    Stopped(Signal),
}

/// Why the threads of a process must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// They needn't.
    No,
    /// The whole process exits.
    Process(ExitStatus),
    /// All but the thread with this host number end: it runs a new program.
    Exec(u32),
}

/// What the threads of a process share, under one lock that masks interrupts.
pub struct Shared {
    /// The living threads, the oldest first.
    pub threads: SmallVec<[ThreadRef; 1]>,
    pub actions: ActionTable,
    /// Signals sent to the process as a whole.
    pub pending: Pending,
    pub job: JobState,
    /// How many threads stand still.
    pub stopped_threads: usize,
    /// It stopped and no wait with WUNTRACED has told of it.
    pub stop_unreported: bool,
    /// It was continued and no wait with WCONTINUED has told of it.
    pub continue_unreported: bool,
    pub ending: Ending,
    /// Its process list is frozen: every thread stands still on its way to user mode.
    pub frozen: bool,
    /// How many threads stand still because of that.
    pub frozen_threads: usize,
}

impl Shared {
    /// Without threads or pending signals.
    pub fn new(actions: ActionTable) -> Self {
        Self {
            threads: SmallVec::new(),
            actions,
            pending: Pending::new(),
            job: JobState::Running,
            stopped_threads: 0,
            stop_unreported: false,
            continue_unreported: false,
            ending: Ending::No,
            frozen: false,
            frozen_threads: 0,
        }
    }

    /// Whether the thread with this host number must end.
    pub fn ends(&self, tid: u32) -> bool {
        match self.ending {
            Ending::No => false,
            Ending::Process(_) => true,
            Ending::Exec(survivor) => survivor != tid,
        }
    }
}

/// The user stack that handlers with SA_ONSTACK run on (sigaltstack(2)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlternateStack {
    pub base: u64,
    pub size: u64,
    /// `SS_AUTODISARM`: forgotten while a handler runs.
    pub auto_disarm: bool,
}

impl AlternateStack {
    /// Whether there is one.
    pub fn is_enabled(&self) -> bool {
        self.size != 0
    }

    /// Whether a stack pointer lies on it; the stack grows down from its end, which belongs to it.
    pub fn contains(&self, stack_pointer: u64) -> bool {
        self.is_enabled() && stack_pointer > self.base && stack_pointer - self.base <= self.size
    }
}

/// A thread's own signals.
pub struct ThreadSignals {
    /// Changed by the thread alone.
    blocked: AtomicU64,
    /// What it blocks but for a wait for signals that goes on (rt_sigtimedwait).
    blocked_otherwise: AtomicU64,
    /// Which signals are in `pending`; written under its lock.
    pending_set: AtomicU64,
    pub pending: IrqSpinLock<Pending>,
    own: IrqSpinLock<Own>,
}

/// What only the thread itself uses.
#[derive(Clone, Copy, Default)]
struct Own {
    stack: AlternateStack,
    /// The mask to return to once a handler has run (rt_sigsuspend, ppoll, pselect6, epoll_pwait).
    saved_mask: Option<SignalSet>,
}

impl ThreadSignals {
    /// Nothing pending.
    pub fn new(blocked: SignalSet, stack: AlternateStack) -> Self {
        Self {
            blocked: AtomicU64::new(blocked.0),
            blocked_otherwise: AtomicU64::new(0),
            pending_set: AtomicU64::new(0),
            pending: IrqSpinLock::new(Pending::new()),
            own: IrqSpinLock::new(Own {
                stack,
                saved_mask: None,
            }),
        }
    }

    /// The signals the thread blocks.
    #[inline]
    pub fn blocked(&self) -> SignalSet {
        SignalSet(self.blocked.load(Relaxed))
    }

    /// The signals that become pending whatever their action is: those the thread blocks, or would but for its wait.
    #[inline]
    pub fn kept(&self) -> SignalSet {
        self.blocked()
            .union(SignalSet(self.blocked_otherwise.load(Relaxed)))
    }

    /// Notes the mask that a wait for signals is going to restore; the empty one when it has.
    pub(super) fn store_blocked_otherwise(&self, blocked: SignalSet) {
        self.blocked_otherwise.store(blocked.0, SeqCst);
    }

    /// The thread's own pending signals, without the lock: complete for what was sent before a fence both passed.
    #[inline]
    pub fn pending_set(&self) -> SignalSet {
        SignalSet(self.pending_set.load(Relaxed))
    }

    /// To be called with the changed `pending` still locked.
    pub fn note_pending(&self, pending: &Pending) {
        self.pending_set.store(pending.set().0, Relaxed);
    }

    /// Sets the blocked signals without looking at what they let through; see `deliver::set_blocked`.
    pub(super) fn store_blocked(&self, blocked: SignalSet) {
        self.blocked.store(blocked.0, SeqCst);
    }

    /// The stack for handlers.
    pub fn alternate_stack(&self) -> AlternateStack {
        self.own.lock().stack
    }

    /// Sets the stack for handlers.
    pub fn set_alternate_stack(&self, stack: AlternateStack) {
        self.own.lock().stack = stack;
    }

    /// Notes the mask to return to after a handler has run.
    pub fn save_mask(&self, mask: SignalSet) {
        self.own.lock().saved_mask = Some(mask);
    }

    /// Takes the mask to return to.
    pub fn take_saved_mask(&self) -> Option<SignalSet> {
        self.own.lock().saved_mask.take()
    }
}
