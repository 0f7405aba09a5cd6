//! Keeping the CPU: guards against preemption and against interrupts.

use super::flags::RESCHEDULE;
use super::switch::{current_header, interrupts_mask, interrupts_restore, preempt_now};
use core::marker::PhantomData;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::compiler_fence;

/// Raises the current task's preempt count.
#[inline(always)]
pub fn preempt_disable() {
    // SAFETY: the current header is valid as long as this code runs.
    let count = unsafe { &(*current_header()).preempt_count };
    count.store(count.load(Relaxed) + 1, Relaxed);
    compiler_fence(core::sync::atomic::Ordering::SeqCst);
}

/// Lowers the current task's preempt count; gives way to a task that waits for this if it reaches zero and
/// interrupts are on.
#[inline(always)]
pub fn preempt_enable() {
    compiler_fence(core::sync::atomic::Ordering::SeqCst);
    // SAFETY: the current header is valid as long as this code runs.
    let header = unsafe { &*current_header() };
    let count = header.preempt_count.load(Relaxed) - 1;
    header.preempt_count.store(count, Relaxed);
    if count == 0 && header.flags.load(Relaxed) & RESCHEDULE != 0 {
        preempt_now();
    }
}

/// The current task's preempt count; zero means it may be preempted and may sleep.
pub fn preempt_count() -> u32 {
    // SAFETY: the current header is valid as long as this code runs.
    unsafe { (*current_header()).preempt_count.load(Relaxed) }
}

/// No preemption, and thus no change of CPU, while it lives. Interrupts stay on.
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
pub struct InterruptGuard {
    saved: u64,
    /// Neither `Send` nor `Sync`: it belongs to this CPU.
    here: PhantomData<*const ()>,
}

impl InterruptGuard {
    /// Masks interrupts until the guard is dropped.
    #[inline(always)]
    pub fn new() -> Self {
        Self { saved: interrupts_mask(), here: PhantomData }
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
        interrupts_restore(self.saved);
    }
}
