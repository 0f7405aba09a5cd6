//! One-shot timers: each CPU keeps its own, and programs its hardware for the earliest need.

use super::cpu;
use super::entity::State;
use super::timer_heap::{Key, TimerHeap};
use super::wait_queue::{Interruption, WaitQueue};
use crate::errno::Result;
use crate::task::ThreadRef;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::cpu::MAX_CPUS;
use hal::sync::IrqSpinLock;
use hal::task::InterruptGuard;

/// What a timer does when its time comes. Runs in interrupt context: no sleeping, no spin lock that doesn't mask
/// interrupts.
pub trait TimerTarget: Send + Sync {
    /// The deadline passed; `now` in ns since boot.
    fn fire(&self, now: u64);
}

enum Target {
    /// Ends any sleep of this thread.
    Thread(ThreadRef),
    Callback(Arc<dyn TimerTarget>),
}

static TIMERS: [IrqSpinLock<TimerHeap<Target>>; MAX_CPUS] =
    [const { IrqSpinLock::new(TimerHeap::new()) }; MAX_CPUS];
/// For when (ns) each CPU's hardware timer is set; written by that CPU alone, with interrupts masked.
static PROGRAMMED: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(u64::MAX) }; MAX_CPUS];

/// An armed timer; dropping it disarms it. When it was dropped the target may still be running on another CPU.
#[must_use]
pub struct TimerHandle {
    cpu: usize,
    key: Key,
}

impl Drop for TimerHandle {
    fn drop(&mut self) {
        let removed = TIMERS[self.cpu].lock().remove(self.key);
        drop(removed);
    }
}

/// Arms a timer that calls `target` once at `deadline` (ns since boot).
///
/// # Errors
/// `ENOMEM`.
pub fn arm(deadline: u64, target: Arc<dyn TimerTarget>) -> Result<TimerHandle> {
    insert(deadline, Target::Callback(target))
}

/// Arms a timer that ends the sleep of `thread` at `deadline` (ns since boot).
pub(super) fn arm_wake(deadline: u64, thread: ThreadRef) -> Result<TimerHandle> {
    insert(deadline, Target::Thread(thread))
}

fn insert(deadline: u64, target: Target) -> Result<TimerHandle> {
    let _interrupts = InterruptGuard::new();
    let cpu = hal::cpu::id();
    let key = TIMERS[cpu].lock().insert(deadline, target)?;
    program(deadline);
    Ok(TimerHandle { cpu, key })
}

/// Sees to it that this CPU's timer interrupt comes no later than `deadline`; interrupts masked.
pub(super) fn program(deadline: u64) {
    let programmed = &PROGRAMMED[hal::cpu::id()];
    if deadline < programmed.load(Relaxed) {
        programmed.store(deadline, Relaxed);
        hal::time::set_deadline(Some(deadline));
    }
}

/// This CPU's timer interrupt.
pub fn interrupt() {
    let cpu = hal::cpu::id();
    let now = hal::time::now();
    PROGRAMMED[cpu].store(u64::MAX, Relaxed);
    cpu::look(now, hal::exception::interrupted_user());
    loop {
        let due = TIMERS[cpu].lock().pop_due(now);
        match due {
            Some(Target::Thread(thread)) => {
                cpu::wake(&thread, State::ANY_SLEEP);
            }
            Some(Target::Callback(target)) => target.fire(now),
            None => break,
        }
    }
    let earliest = TIMERS[cpu].lock().earliest().unwrap_or(u64::MAX);
    let next = cpu::slice_tick(now).map_or(earliest, |slice| slice.min(earliest));
    // Wake-ups above may have programmed a slice that `next` takes into account: what is noted must be what is set.
    PROGRAMMED[cpu].store(u64::MAX, Relaxed);
    if next == u64::MAX {
        hal::time::set_deadline(None);
    } else {
        program(next);
    }
}

/// Sleeps until `deadline` (ns since boot), whatever signals come.
///
/// # Errors
/// `ENOMEM`.
pub fn sleep_until(deadline: u64) -> Result<()> {
    let nobody = WaitQueue::new();
    nobody
        .wait_deadline(|| None::<()>, Some(deadline), Interruption::None)
        .map(drop)
}
