//! Emergency stacks: where a CPU reports that its kernel stack has overflowed.

use super::MAX_CPUS;
use crate::task::Stack;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The top of each CPU's emergency stack, for the vectors; zero means the boot CPU's is used.
pub(crate) static EMERGENCY_STACKS: [AtomicU64; MAX_CPUS] = [const { AtomicU64::new(0) }; MAX_CPUS];

unsafe extern "C" {
    safe static __emergency_stack_top: u8;
}

/// Gives the boot CPU its emergency stack, which is part of the image.
pub(crate) fn provide_first() {
    EMERGENCY_STACKS[0].store((&raw const __emergency_stack_top).addr() as u64, Relaxed);
}

/// Gives a CPU its emergency stack, for good; false if there is no memory.
pub(super) fn provide(cpu: usize) -> bool {
    if EMERGENCY_STACKS[cpu].load(Relaxed) != 0 {
        return true;
    }
    let Ok(stack) = Stack::allocate() else {
        return false;
    };
    EMERGENCY_STACKS[cpu].store(stack.top() as u64, Relaxed);
    core::mem::forget(stack);
    true
}
