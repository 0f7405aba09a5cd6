//! The host as CPUs for tests: a thread that disables preemption leases one of [`MAX_CPUS`] virtual CPUs,
//! so what is per CPU is exclusive to it as on the machine.

use super::per_cpu::MAX_CPUS;
use super::preempt::ExecutionState;
use core::cell::Cell;
use core::sync::atomic::{
    AtomicBool, AtomicU32, Ordering::Acquire, Ordering::Relaxed, Ordering::Release,
};
use std::boxed::Box;
use std::thread_local;

/// Nothing to keep: masking interrupts counts as disabling preemption.
#[derive(Clone, Copy, Debug)]
pub struct InterruptState;

static LEASED: [AtomicBool; MAX_CPUS] = [const { AtomicBool::new(false) }; MAX_CPUS];

thread_local! {
    static OWN: &'static ExecutionState = Box::leak(Box::new(ExecutionState::new(0)));
    static CURRENT: Cell<Option<&'static ExecutionState>> = const { Cell::new(None) };
}

pub fn execution_state() -> &'static ExecutionState {
    CURRENT.get().unwrap_or_else(|| OWN.with(|state| *state))
}

/// The preempt count has risen from `before`.
pub fn entered(before: u32) {
    if before > 0 {
        return;
    }
    let cpu = &execution_state().cpu;
    let mut candidate = cpu.load(Relaxed) as usize % MAX_CPUS;
    while LEASED[candidate]
        .compare_exchange(false, true, Acquire, Relaxed)
        .is_err()
    {
        candidate = (candidate + 1) % MAX_CPUS;
        if candidate == 0 {
            std::thread::yield_now();
        }
    }
    cpu.store(candidate as u32, Relaxed);
}

/// The preempt count is about to fall to `after`.
pub fn leaving(after: u32) {
    if after == 0 {
        LEASED[execution_state().cpu.load(Relaxed) as usize].store(false, Release);
    }
}

pub fn preempt() {}

pub fn interrupts_mask() -> InterruptState {
    super::preempt_disable();
    InterruptState
}

pub fn interrupts_restore(_state: InterruptState) {
    super::preempt_enable();
}

/// Sets `word` from 0 to 1, waiting while it is not 0.
pub fn lock(word: &AtomicU32) {
    while word.compare_exchange(0, 1, Acquire, Relaxed).is_err() {
        std::thread::yield_now();
    }
}
