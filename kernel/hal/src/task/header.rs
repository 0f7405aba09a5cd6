//! The part of a task that the machine layer knows: what a switch saves, flags and the preempt count.

use super::float::FloatState;
#[cfg(target_os = "none")]
use crate::cpu::MAX_CPUS;
use crate::sync::ExecutionState;
use core::any::TypeId;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

/// Task flags: the return to user mode runs the kernel's hook while any is set.
pub mod flags {
    /// The scheduler wants the CPU.
    pub const RESCHEDULE: u32 = 1;
    /// A signal may be pending.
    pub const SIGNAL: u32 = 2;
    /// The kernel's own work before the return to user mode (and any higher bit).
    pub const WORK: u32 = 4;
}

/// First field of every task; TPIDR_EL1 points to the current one.
///
/// The preempt count and `cpu` are written by the CPU that runs the task alone; `saved_stack`,
/// `thread_pointer` and `float` belong to the switch: they are valid while the task isn't running, and
/// touched by others only under the rules of the functions that do so.
#[repr(C)]
pub struct TaskHeader {
    /// Not preempted while above zero.
    pub(super) preempt_count: AtomicU32,
    pub(super) flags: AtomicU32,
    /// The CPU it runs on, or ran on last.
    pub(super) cpu: AtomicU32,
    /// For [`crate::fault_injection`].
    pub(crate) allocations_to_refusal: AtomicU32,
    /// True from before a CPU switches to it until that CPU has saved its state again.
    pub(super) on_cpu: AtomicBool,
    /// Stack pointer while not running; its callee-saved registers are on the stack.
    pub(super) saved_stack: AtomicU64,
    /// TPIDR_EL0 while not running.
    pub(super) thread_pointer: AtomicU64,
    /// Kernel tasks have no floating-point state to keep.
    pub(super) user: bool,
    kind: TypeId,
    pub(super) float: UnsafeCell<FloatState>,
    pub(super) stack: Option<super::stack::Stack>,
}

// SAFETY: all fields but `float` are atomics or never change; `float` is accessed only by the switch, under
// `on_cpu`, and by the task itself while it runs.
unsafe impl Sync for TaskHeader {}
// SAFETY: nothing in it is tied to a thread of execution.
unsafe impl Send for TaskHeader {}

// The locks see the header as an `ExecutionState`.
const _: () = {
    assert!(offset_of!(TaskHeader, preempt_count) == offset_of!(ExecutionState, preempt_count));
    assert!(offset_of!(TaskHeader, flags) == offset_of!(ExecutionState, flags));
    assert!(offset_of!(TaskHeader, cpu) == offset_of!(ExecutionState, cpu));
    assert!(
        offset_of!(TaskHeader, allocations_to_refusal)
            == offset_of!(ExecutionState, allocations_to_refusal)
    );
    assert!(flags::RESCHEDULE == crate::sync::RESCHEDULE);
};

impl TaskHeader {
    /// For the vectors.
    #[cfg(target_os = "none")]
    pub(crate) const FLAGS_OFFSET: usize = offset_of!(TaskHeader, flags);
    #[cfg(target_os = "none")]
    pub(crate) const CPU_OFFSET: usize = offset_of!(TaskHeader, cpu);

    #[cfg(not(target_os = "none"))]
    pub(super) fn new<T: 'static>(user: bool, stack: Option<super::stack::Stack>) -> Self {
        Self {
            preempt_count: AtomicU32::new(0),
            on_cpu: AtomicBool::new(false),
            user,
            kind: TypeId::of::<T>(),
            stack,
            ..Self::boot(0)
        }
    }

    /// Writes a new task's header to its place. It may be preempted, and has no floating-point state.
    ///
    /// # Safety
    /// `place` is valid for writing, and what is there needs no drop.
    #[cfg(target_os = "none")]
    pub(super) unsafe fn write<T: 'static>(
        place: *mut Self,
        user: bool,
        stack: Option<super::stack::Stack>,
    ) {
        // SAFETY: as the caller promises; all bits zero are valid in every field but `kind` and `stack`, which
        // are written.
        unsafe {
            place.cast::<u8>().write_bytes(0, size_of::<Self>());
            (&raw mut (*place).user).write(user);
            (&raw mut (*place).kind).write(TypeId::of::<T>());
            (&raw mut (*place).stack).write(stack);
        }
    }

    /// A header for a CPU that has no task yet; its preempt count of one is never given back.
    pub(super) const fn boot(cpu: u32) -> Self {
        Self {
            preempt_count: AtomicU32::new(1),
            flags: AtomicU32::new(0),
            cpu: AtomicU32::new(cpu),
            allocations_to_refusal: AtomicU32::new(0),
            on_cpu: AtomicBool::new(true),
            saved_stack: AtomicU64::new(0),
            thread_pointer: AtomicU64::new(0),
            user: false,
            kind: TypeId::of::<BootTask>(),
            float: UnsafeCell::new(FloatState::ZERO),
            stack: None,
        }
    }

    /// Whether this is the header of a `Task<T>`.
    pub fn is<T: 'static>(&self) -> bool {
        self.kind == TypeId::of::<T>()
    }

    /// Sets flags; any CPU may.
    pub fn set_flag(&self, flag: u32) {
        self.flags.fetch_or(flag, Relaxed);
    }

    /// Clears flags.
    pub fn clear_flag(&self, flag: u32) {
        self.flags.fetch_and(!flag, Relaxed);
    }

    /// All flags.
    pub fn flags(&self) -> u32 {
        self.flags.load(Relaxed)
    }

    /// Whether a CPU is running this task, or still saving its state.
    pub fn is_on_cpu(&self) -> bool {
        self.on_cpu.load(Relaxed)
    }

    /// The CPU this task runs on or ran on last.
    pub fn cpu(&self) -> usize {
        self.cpu.load(Relaxed) as usize
    }
}

/// The kind of what runs on a CPU before it has adopted a task.
struct BootTask;

/// One header per CPU for the time before its first task.
#[cfg(target_os = "none")]
pub(super) static BOOT_HEADERS: [TaskHeader; MAX_CPUS] = [
    TaskHeader::boot(0),
    TaskHeader::boot(1),
    TaskHeader::boot(2),
    TaskHeader::boot(3),
    TaskHeader::boot(4),
    TaskHeader::boot(5),
    TaskHeader::boot(6),
    TaskHeader::boot(7),
];
