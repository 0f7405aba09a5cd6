//! One value per CPU.

use super::MAX_CPUS;
use crate::task::PreemptGuard;

/// A value on cache lines of its own.
#[repr(align(64))]
struct Aligned<T>(T);

/// One `T` per CPU, each on its own cache lines.
pub struct PerCpu<T> {
    values: [Aligned<T>; MAX_CPUS],
}

impl<T> PerCpu<T> {
    /// Each CPU's value, in order of the CPUs' numbers.
    pub const fn new(values: [T; MAX_CPUS]) -> Self {
        // An array can't be mapped in a constant; moving it element by element can be written without a drop.
        let values = core::mem::ManuallyDrop::new(values);
        // SAFETY: `Aligned<T>` has other strides than `T`, so each element is read by itself, once, and the source
        // is never dropped.
        unsafe {
            let source = core::ptr::from_ref(&values).cast::<T>();
            let mut target = core::mem::MaybeUninit::<[Aligned<T>; MAX_CPUS]>::uninit();
            let first = target.as_mut_ptr().cast::<Aligned<T>>();
            let mut index = 0;
            while index < MAX_CPUS {
                first.add(index).write(Aligned(source.add(index).read()));
                index += 1;
            }
            Self { values: target.assume_init() }
        }
    }

    /// This CPU's value; the guard keeps the task on it.
    #[inline(always)]
    pub fn get(&self, _preemption: &PreemptGuard) -> &T {
        let cpu = super::id();
        debug_assert!(cpu < MAX_CPUS);
        // SAFETY: CPU numbers are below `MAX_CPUS`.
        unsafe { &self.values.get_unchecked(cpu).0 }
    }

    /// The value of a CPU, which may be using it.
    ///
    /// # Panics
    /// If `cpu` isn't below [`MAX_CPUS`].
    pub fn of(&self, cpu: usize) -> &T {
        &self.values[cpu].0
    }
}
