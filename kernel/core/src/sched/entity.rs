//! What the scheduler keeps with each thread.

use super::{policy, weight};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Bits of a thread's scheduling state; a wake-up names those it may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub struct State(pub u32);

impl State {
    /// Runs, or waits for a CPU.
    pub const RUNNABLE: State = State(0);
    /// Sleeps until woken or signalled.
    pub const INTERRUPTIBLE: State = State(1);
    /// Sleeps until woken.
    pub const UNINTERRUPTIBLE: State = State(2);
    /// Sleeps until woken or killed.
    pub const KILLABLE: State = State(4);
    /// Stopped by job control; ended by SIGCONT and by being killed.
    pub const STOPPED: State = State(8);
    /// Has exited: never runs again.
    pub const DEAD: State = State(0x80);
    /// Every kind of sleep.
    pub const ANY_SLEEP: State = State(1 | 2 | 4 | 8);
    /// What a signal that isn't blocked ends.
    pub const SIGNAL: State = State(1);
    /// What being killed ends.
    pub const KILL: State = State(1 | 4 | 8);
}

/// The affinity that allows every CPU.
pub const ALL_CPUS: u64 = u64::MAX;

/// A thread's part in scheduling. `on_queue`, `cpu` and the run times change only under the lock of the run queue of
/// the thread's CPU (or, `cpu` of a sleeper, under the lock of the queue it last belonged to).
pub struct Entity {
    pub(super) state: AtomicU32,
    /// Waits in a run queue or runs.
    pub(super) on_queue: AtomicBool,
    pub(super) cpu: AtomicU32,
    pub(super) virtual_runtime: AtomicU64,
    /// The queue's minimum when the thread left it, to translate `virtual_runtime` for another CPU.
    pub(super) queue_minimum: AtomicU64,
    pub(super) weight: AtomicU32,
    nice: AtomicI32,
    /// Scheduling policy number of sched(7); see [`super::policy`].
    policy: AtomicU32,
    io_priority: AtomicU32,
    affinity: AtomicU64,
    /// Whether its time counts as user time: what it did when the timer last looked.
    pub(super) in_user: AtomicBool,
    pub(super) user_time: AtomicU64,
    pub(super) system_time: AtomicU64,
    pub(super) voluntary_switches: AtomicU64,
    pub(super) involuntary_switches: AtomicU64,
}

impl Entity {
    /// A thread with this nice level that may run on the CPUs of `affinity`; asleep until it is started.
    pub fn new(nice: i32, affinity: u64) -> Self {
        Self {
            state: AtomicU32::new(State::UNINTERRUPTIBLE.0),
            on_queue: AtomicBool::new(false),
            cpu: AtomicU32::new(0),
            virtual_runtime: AtomicU64::new(0),
            queue_minimum: AtomicU64::new(0),
            weight: AtomicU32::new(weight::of_nice(nice)),
            nice: AtomicI32::new(nice),
            policy: AtomicU32::new(0),
            io_priority: AtomicU32::new(0),
            affinity: AtomicU64::new(affinity),
            in_user: AtomicBool::new(true),
            user_time: AtomicU64::new(0),
            system_time: AtomicU64::new(0),
            voluntary_switches: AtomicU64::new(0),
            involuntary_switches: AtomicU64::new(0),
        }
    }

    /// What the thread does.
    pub fn state(&self) -> State {
        State(self.state.load(Relaxed))
    }

    /// The nice level, -20 to 19.
    pub fn nice(&self) -> i32 {
        self.nice.load(Relaxed)
    }

    /// Changes the nice level, from its next slice on.
    pub fn set_nice(&self, nice: i32) {
        self.set_policy_and_nice(self.policy(), nice);
    }

    /// The policy's number, with the flag that children don't inherit it.
    pub fn policy(&self) -> u32 {
        self.policy.load(Relaxed)
    }

    /// Changes policy and nice level, from its next slice on.
    pub fn set_policy_and_nice(&self, policy: u32, nice: i32) {
        let nice = nice.clamp(-20, 19);
        self.policy.store(policy, Relaxed);
        self.nice.store(nice, Relaxed);
        let weight = match policy & !policy::RESET_ON_FORK {
            policy::IDLE => weight::IDLE,
            _ => weight::of_nice(nice),
        };
        self.weight.store(weight, Relaxed);
    }

    /// Begins as a child of `parent` does.
    pub fn inherit(&self, parent: &Self) {
        let policy = parent.policy();
        if policy & policy::RESET_ON_FORK != 0 {
            self.set_policy_and_nice(policy & !policy::RESET_ON_FORK, parent.nice().max(0));
        } else if policy != 0 {
            self.set_policy_and_nice(policy, parent.nice());
        }
        self.set_io_priority(parent.io_priority());
    }

    /// The I/O priority that was set, in the form of ioprio_set(2).
    pub fn io_priority(&self) -> u32 {
        self.io_priority.load(Relaxed)
    }

    /// Notes the I/O priority.
    pub fn set_io_priority(&self, priority: u32) {
        self.io_priority.store(priority, Relaxed);
    }

    /// The CPUs it may run on, one bit each.
    pub fn affinity(&self) -> u64 {
        self.affinity.load(Relaxed)
    }

    pub(super) fn set_affinity(&self, affinity: u64) {
        self.affinity.store(affinity, Relaxed);
    }

    /// Whether it may run on a CPU.
    #[inline]
    pub fn allows(&self, cpu: usize) -> bool {
        self.affinity() >> cpu & 1 != 0
    }

    /// The CPU it runs on or ran on last.
    pub fn cpu(&self) -> usize {
        self.cpu.load(Relaxed) as usize
    }

    /// Adds run time (ns); to user or system time by what the thread did when the timer last looked, so that the
    /// two are true on average while their sum is exact.
    #[inline]
    pub(super) fn charge(&self, ran: u64) {
        let time = if self.in_user.load(Relaxed) {
            &self.user_time
        } else {
            &self.system_time
        };
        time.store(time.load(Relaxed) + ran, Relaxed);
    }

    /// Whether run time counts as user time at present.
    pub fn is_in_user(&self) -> bool {
        self.in_user.load(Relaxed)
    }

    /// Time (ns) in user mode and in the kernel, up to its last switch or look of the timer.
    pub fn times(&self) -> (u64, u64) {
        (self.user_time.load(Relaxed), self.system_time.load(Relaxed))
    }

    /// How often it gave the CPU up by itself, and how often it was made to.
    pub fn switches(&self) -> (u64, u64) {
        (
            self.voluntary_switches.load(Relaxed),
            self.involuntary_switches.load(Relaxed),
        )
    }

    /// Says what the thread is about to do; followed by a fence, the test of its condition and `schedule`.
    #[inline]
    pub(crate) fn set_state(&self, state: State) {
        self.state.store(state.0, Relaxed);
    }
}
