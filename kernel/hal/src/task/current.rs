//! The task that runs here.

use super::{Task, TaskHeader};
use alloc::sync::Arc;
use core::marker::PhantomData;
use core::ops::Deref;
use core::ptr::NonNull;

/// The current task. It can't leave the task it was made in, which lives as long as it runs.
/// Keep it on the stack: don't store or leak it.
pub struct CurrentRef<T> {
    task: NonNull<Task<T>>,
    /// Neither `Send` nor `Sync`.
    here: PhantomData<*const ()>,
}

impl<T> CurrentRef<T> {
    /// # Safety
    /// `header` is that of the current task, which is a `Task<T>`.
    #[inline(always)]
    pub(crate) unsafe fn from_header(header: *const TaskHeader) -> Self {
        // SAFETY: the current task's header is never null, and it is the first field of its task.
        let task = unsafe { NonNull::new_unchecked(header.cast::<Task<T>>().cast_mut()) };
        Self {
            task,
            here: PhantomData,
        }
    }

    /// A counted reference, that may be kept.
    pub fn arc(&self) -> Arc<Task<T>> {
        // SAFETY: every task lives in an `Arc`; the CPU's own reference keeps the count above zero.
        unsafe {
            Arc::increment_strong_count(self.task.as_ptr());
            Arc::from_raw(self.task.as_ptr())
        }
    }

    /// Whether `task` is the current one.
    pub fn is(&self, task: &Arc<Task<T>>) -> bool {
        core::ptr::eq(self.task.as_ptr(), Arc::as_ptr(task))
    }
}

impl<T> Deref for CurrentRef<T> {
    type Target = Task<T>;
    #[inline(always)]
    fn deref(&self) -> &Task<T> {
        // SAFETY: the CPU's reference keeps the current task alive.
        unsafe { self.task.as_ref() }
    }
}

/// The current task.
///
/// # Panics
/// If this CPU hasn't adopted a task of this kind yet.
pub fn current<T: 'static>() -> CurrentRef<T> {
    match try_current() {
        Some(current) => current,
        None => panic!("no task on this CPU yet"),
    }
}

/// The current task, if this CPU has adopted one of this kind.
pub fn try_current<T: 'static>() -> Option<CurrentRef<T>> {
    let header = super::switch::current_header();
    // SAFETY: the current header is valid as long as this code runs, and the kind is checked.
    unsafe { (*header).is::<T>().then(|| CurrentRef::from_header(header)) }
}
