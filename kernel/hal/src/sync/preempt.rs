//! Keeping the CPU: guards against preemption and against interrupts.

use super::machine;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed, Ordering::SeqCst, compiler_fence};

/// The task flag that asks for the CPU (bit 0 of the flags).
pub const RESCHEDULE: u32 = 1;

/// What begins the header of every task: the part that locks need. TPIDR_EL1 points to the current one.
#[repr(C)]
#[derive(Debug)]
pub struct ExecutionState {
    /// The task isn't preempted while this is above zero. Only the task itself changes it.
    pub preempt_count: AtomicU32,
    /// The task's flags; [`RESCHEDULE`] matters here.
    pub flags: AtomicU32,
    /// The CPU it runs on. Written by the switch before the task runs.
    pub cpu: AtomicU32,
    /// Counts allocations down to the one that is refused; 0 for none (see [`crate::fault_injection`]).
    pub allocations_to_refusal: AtomicU32,
}

impl ExecutionState {
    /// A task that runs on `cpu` and may be preempted.
    pub const fn new(cpu: u32) -> Self {
        Self {
            preempt_count: AtomicU32::new(0),
            flags: AtomicU32::new(0),
            cpu: AtomicU32::new(cpu),
            allocations_to_refusal: AtomicU32::new(0),
        }
    }
}

/// The current task's state; for the running code it is the same one all the time.
#[inline(always)]
pub fn execution_state() -> &'static ExecutionState {
    machine::execution_state()
}

/// This CPU's number, below [`super::MAX_CPUS`]. It stays true while preemption is off.
#[inline(always)]
pub fn cpu_id() -> usize {
    execution_state().cpu.load(Relaxed) as usize
}

/// Raises the current task's preempt count.
#[inline(always)]
pub fn preempt_disable() {
    let count = &execution_state().preempt_count;
    let before = count.load(Relaxed);
    count.store(before + 1, Relaxed);
    machine::entered(before);
    compiler_fence(SeqCst);
}

/// Lowers the current task's preempt count. When it reaches zero with [`RESCHEDULE`] set and interrupts on,
/// another task may run before this returns.
#[inline(always)]
pub fn preempt_enable() {
    compiler_fence(SeqCst);
    let state = execution_state();
    let count = state.preempt_count.load(Relaxed).wrapping_sub(1);
    machine::leaving(count);
    state.preempt_count.store(count, Relaxed);
    if state.flags.load(Relaxed) & RESCHEDULE != 0 {
        machine::preempt();
    }
}

/// The current task's preempt count; zero means that it may be preempted and may sleep.
#[inline(always)]
pub fn preempt_count() -> u32 {
    execution_state().preempt_count.load(Relaxed)
}

/// No preemption, and thus no change of CPU, while it lives. Interrupts stay on.
#[derive(Debug)]
pub struct PreemptGuard {
    /// Neither `Send` nor `Sync`: it belongs to the task that made it.
    here: PhantomData<*const ()>,
}

impl PreemptGuard {
    /// Disables preemption until the guard is dropped.
    #[inline(always)]
    pub fn new() -> Self {
        preempt_disable();
        Self { here: PhantomData }
    }
}

impl Default for PreemptGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for PreemptGuard {
    #[inline(always)]
    fn drop(&mut self) {
        preempt_enable();
    }
}

/// Interrupts masked on this CPU while it lives; dropping it restores what was before. Guards nest: drop
/// them in the reverse order of their making.
///
/// It keeps the task on its CPU like a [`PreemptGuard`]. Dropping it doesn't look at [`RESCHEDULE`]: the
/// next preempt guard, interrupt or return to user mode does.
#[derive(Debug)]
pub struct InterruptGuard {
    saved: machine::InterruptState,
    /// Neither `Send` nor `Sync`: it belongs to this CPU.
    here: PhantomData<*const ()>,
}

impl InterruptGuard {
    /// Masks interrupts until the guard is dropped.
    #[inline(always)]
    pub fn new() -> Self {
        Self {
            saved: machine::interrupts_mask(),
            here: PhantomData,
        }
    }
}

impl Default for InterruptGuard {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for InterruptGuard {
    #[inline(always)]
    fn drop(&mut self) {
        machine::interrupts_restore(self.saved);
    }
}
