//! Fault injection: a task whose N-th refusable allocation from now on is refused, as `fail-nth` does in Linux.
//!
//! Every allocation that may be refused asks [`refuses`] first: frames for users here, and in the kernel's
//! core the growth of collections. What can't be refused (see [`crate::frame::headroom`]) isn't counted; the
//! question for headroom before it is. Without a countdown the cost is a load and a branch that isn't taken.

use crate::sync::execution_state;
use crate::task::Task;
use core::sync::atomic::Ordering::Relaxed;

/// Whether the allocation that the current task is about to make is to be refused. Counts it.
#[inline(always)]
pub fn refuses() -> bool {
    execution_state().allocations_to_refusal.load(Relaxed) != 0 && count()
}

/// Only the current task and who arms it write the countdown: a race between them may lose a count, no more.
#[cold]
#[inline(never)]
fn count() -> bool {
    let countdown = &execution_state().allocations_to_refusal;
    let left = countdown.load(Relaxed).saturating_sub(1);
    countdown.store(left, Relaxed);
    left == 0
}

/// Lets the `nth` allocation of a task from now on be refused, counted from 1; 0 disarms.
pub fn arm<T>(task: &Task<T>, nth: u32) {
    task.header.allocations_to_refusal.store(nth, Relaxed);
}

/// How many allocations of a task it is until one is refused; 0 if none will be, or the refusal has come.
pub fn remaining<T>(task: &Task<T>) -> u32 {
    task.header.allocations_to_refusal.load(Relaxed)
}

/// As [`arm`], for whoever calls: tests on the host.
#[cfg(not(target_os = "none"))]
pub fn arm_caller(nth: u32) {
    execution_state().allocations_to_refusal.store(nth, Relaxed);
}

/// As [`remaining`], for whoever calls: tests on the host.
#[cfg(not(target_os = "none"))]
pub fn remaining_for_caller() -> u32 {
    execution_state().allocations_to_refusal.load(Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Frame, headroom};

    #[test]
    fn the_nth_refusable_allocation_is_refused_once() {
        let countdown = &execution_state().allocations_to_refusal;
        countdown.store(3, Relaxed);
        let first = Frame::zeroed();
        assert!(first.is_ok() && headroom().is_ok());
        assert!(Frame::uninitialised().is_err());
        assert_eq!(countdown.load(Relaxed), 0);
        assert!(Frame::uninitialised().is_ok() && headroom().is_ok());
    }
}
