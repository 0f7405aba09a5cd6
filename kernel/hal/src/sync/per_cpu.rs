//! One value per CPU.

use super::preempt::{PreemptGuard, cpu_id};

/// The most CPUs the kernel uses.
pub const MAX_CPUS: usize = 8;

/// A value on cache lines of its own.
#[repr(align(64))]
#[derive(Debug)]
struct Aligned<T>(T);

/// One `T` per CPU, each on its own cache lines.
#[derive(Debug)]
pub struct PerCpu<T> {
    values: [Aligned<T>; MAX_CPUS],
}

impl<T> PerCpu<T> {
    /// Each CPU's value, in order of the CPUs' numbers.
    pub const fn new(values: [T; MAX_CPUS]) -> Self {
        let values = core::mem::ManuallyDrop::new(values);
        // SAFETY: `Aligned<T>` has another stride than `T`, so each element is read by itself, once, and the
        // source is never dropped.
        unsafe {
            let source = core::ptr::from_ref(&values).cast::<T>();
            let mut target = core::mem::MaybeUninit::<[Aligned<T>; MAX_CPUS]>::uninit();
            let first = target.as_mut_ptr().cast::<Aligned<T>>();
            let mut index = 0;
            while index < MAX_CPUS {
                first.add(index).write(Aligned(source.add(index).read()));
                index += 1;
            }
            Self {
                values: target.assume_init(),
            }
        }
    }

    /// This CPU's value; the guard keeps the task on it.
    #[inline(always)]
    pub fn get<'a>(&'a self, _preemption: &'a PreemptGuard) -> &'a T {
        self.current()
    }

    /// The value of the CPU that runs this code now.
    #[inline(always)]
    pub(crate) fn current(&self) -> &T {
        let cpu = cpu_id();
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

    /// All values, in order of the CPUs' numbers.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.values.iter().map(|value| &value.0)
    }
}
