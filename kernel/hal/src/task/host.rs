//! Tasks on the host: made and marked current, never run.

use super::{FloatState, InterruptGuard, OutOfMemory, Task, TaskHeader, UserState};
use crate::exception::UserRegisters;
use alloc::sync::Arc;
use core::cell::{Cell, RefCell};
use core::sync::atomic::Ordering::Relaxed;
use std::thread_local;

thread_local! {
    static BOOT: &'static TaskHeader = std::boxed::Box::leak(std::boxed::Box::new(TaskHeader::boot(0)));
    static CURRENT: Cell<*const TaskHeader> = const { Cell::new(core::ptr::null()) };
    static STATE: RefCell<UserState> = RefCell::new(UserState::default());
}

pub(super) fn current_header() -> *const TaskHeader {
    let current = CURRENT.get();
    if current.is_null() {
        BOOT.with(|boot| core::ptr::from_ref(*boot))
    } else {
        current
    }
}

impl<T: Send + Sync + 'static> Task<T> {
    /// A task that starts in user mode with `registers`.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn new_user(
        data: T,
        _registers: UserRegisters,
        _state: UserState,
    ) -> Result<Arc<Self>, OutOfMemory> {
        Ok(Arc::new(Self {
            header: TaskHeader::new::<T>(true, None),
            data,
        }))
    }

    /// A task that starts in user mode with the current task's floating-point state.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn fork_current(
        data: T,
        _registers: &UserRegisters,
        _thread_pointer: Option<u64>,
    ) -> Result<Arc<Self>, OutOfMemory> {
        Ok(Arc::new(Self {
            header: TaskHeader::new::<T>(true, None),
            data,
        }))
    }

    /// A task that runs `entry` in the kernel; `entry` never returns.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn new_kernel(data: T, _entry: fn()) -> Result<Arc<Self>, OutOfMemory> {
        Ok(Arc::new(Self {
            header: TaskHeader::new::<T>(false, None),
            data,
        }))
    }
}

/// Makes a task with `data` current in this thread, for ever alive, and goes on in `entry`.
pub fn begin<T: Send + Sync + 'static>(data: T, entry: fn() -> !) -> ! {
    adopt(data);
    entry()
}

/// Makes a task with `data` current in this thread of a test, for ever alive.
pub fn adopt<T: Send + Sync + 'static>(data: T) -> Arc<Task<T>> {
    let task = Arc::new(Task {
        header: TaskHeader::new::<T>(false, None),
        data,
    });
    make_current(&task);
    task
}

fn make_current<T>(task: &Arc<Task<T>>) {
    task.header.on_cpu.store(true, Relaxed);
    // References to the current task may outlive a simulated switch, so its memory is never freed.
    CURRENT.set(Arc::into_raw(task.clone()).cast());
}

/// Marks `next` current and gives back the task that was; nothing runs on another stack.
pub fn switch<T: Send + Sync + 'static>(
    next: Arc<Task<T>>,
    _interrupts: &InterruptGuard,
) -> Arc<Task<T>> {
    let previous = super::current::<T>().arc();
    previous.header.on_cpu.store(false, Relaxed);
    make_current(&next);
    previous
}

/// The current task's floating-point state and thread pointer.
pub fn capture_current() -> UserState {
    STATE.with_borrow(Clone::clone)
}

/// The current task's floating-point state.
pub fn float_state() -> FloatState {
    STATE.with_borrow(|state| state.float.clone())
}

/// Sets the current task's floating-point state.
pub fn set_float_state(float: &FloatState) {
    STATE.with_borrow_mut(|state| state.float = float.clone());
}

/// Clears the current task's floating-point state.
pub fn reset_float_state() {
    set_float_state(&FloatState::ZERO);
}

/// The current task's thread pointer (TPIDR_EL0).
pub fn thread_pointer() -> u64 {
    STATE.with_borrow(|state| state.thread_pointer)
}

/// Sets the current task's thread pointer (TPIDR_EL0).
pub fn set_thread_pointer(value: u64) {
    STATE.with_borrow_mut(|state| state.thread_pointer = value);
}
