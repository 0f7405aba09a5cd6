//! What the portable kernel provides to this layer, bound statically.
//!
//! The binary of a board says `hal::entry!(kernel_core::KernelHooks, board_main)`: the macro defines one
//! function per hook, which link-time optimisation inlines into the exception paths.

use crate::exception::{Access, Exception, Fault, Unresolved, UserRegisters};
use crate::task::{CurrentRef, Task};
use alloc::sync::Arc;
use core::fmt;

/// The portable kernel's side of exceptions, switches and interrupts.
pub trait Kernel: 'static {
    /// What the kernel keeps with each task.
    type Thread: Send + Sync + 'static;

    /// SVC from user mode; interrupts on. The result goes to `registers.x[0]`.
    fn syscall(current: &CurrentRef<Self::Thread>, registers: &mut UserRegisters);

    /// A user program's failed access to memory; interrupts on.
    fn user_fault(current: &CurrentRef<Self::Thread>, registers: &mut UserRegisters, fault: Fault);

    /// Any other exception of a user program; interrupts on.
    fn user_exception(
        current: &CurrentRef<Self::Thread>,
        registers: &mut UserRegisters,
        exception: Exception,
    );

    /// Before the return to user mode while the task's flags aren't zero; interrupts on. Called again until
    /// they are zero, so it must clear what it handled.
    fn user_return(current: &CurrentRef<Self::Thread>, registers: &mut UserRegisters);

    /// A copy routine of `hal::user` failed at `address`: bring the page in (the access is tried again), or say that
    /// it can't be.
    /// Interrupts are on if they were on in the copying code.
    fn kernel_user_copy_fault(address: u64, access: Access) -> Result<(), Unresolved>;

    /// The task should give way: preemption is allowed and `RESCHEDULE` is set. Interrupts are masked on
    /// entry and on return; the function schedules.
    fn preempt();

    /// On a new task's first run, in place of what follows `task::switch`: `previous` ran before it on this
    /// CPU. Interrupts masked.
    fn finish_switch(previous: Arc<Task<Self::Thread>>);

    /// This CPU's deadline has passed. Interrupt context.
    fn timer();

    /// Bytes received from the console. Interrupt context.
    fn console_input(bytes: &[u8]);

    /// A further CPU is up, on its own stack with interrupts masked and no task adopted.
    fn secondary_start(cpu: usize) -> !;

    /// In a panic: says in a few words which task this is. Takes no lock.
    fn describe(thread: &Self::Thread, writer: &mut dyn fmt::Write) -> fmt::Result;
}

/// The functions `entry!` defines.
#[cfg(target_os = "none")]
pub(crate) mod hooks {
    use crate::exception::{Access, Exception, Fault, Unresolved, UserRegisters};
    use crate::task::TaskHeader;
    use core::fmt;

    // SAFETY: the functions with these names are those `entry!` defines, with these types. Those not
    // declared safe want the current task's header, of the kernel's own kind of task.
    unsafe extern "Rust" {
        pub fn __gantry_user_fault(
            header: *const TaskHeader,
            registers: &mut UserRegisters,
            fault: Fault,
        );
        pub fn __gantry_user_exception(
            header: *const TaskHeader,
            registers: &mut UserRegisters,
            exception: Exception,
        );
        pub safe fn __gantry_user_copy_fault(
            address: u64,
            access: Access,
        ) -> Result<(), Unresolved>;
        pub safe fn __gantry_preempt();
        pub fn __gantry_finish_switch(previous: *const TaskHeader);
        pub safe fn __gantry_timer();
        pub safe fn __gantry_console_input(bytes: &[u8]);
        pub safe fn __gantry_secondary_start(cpu: usize) -> !;
        pub fn __gantry_describe(
            header: *const TaskHeader,
            writer: &mut dyn fmt::Write,
        ) -> fmt::Result;
        pub safe fn __gantry_board_main(boot: crate::boot::Boot) -> !;
    }
}

/// Binds the kernel's hooks (a type that implements [`Kernel`]) and the board's main function
/// (`fn(hal::boot::Boot) -> !`, called once on the boot CPU).
#[macro_export]
macro_rules! entry {
    ($kernel:ty, $board_main:path) => {
        const _: () = {
            use $crate::Kernel;
            use $crate::entry::binding;
            use $crate::exception::{Access, Exception, Fault, Unresolved, UserRegisters};
            use $crate::task::{CurrentRef, TaskHeader};
            type Thread = <$kernel as Kernel>::Thread;

            /// From the vectors: a system call of the current task.
            #[unsafe(no_mangle)]
            extern "C" fn __gantry_syscall(
                header: *const TaskHeader,
                registers: &mut UserRegisters,
            ) {
                // SAFETY: the vectors give the current task, and only the kernel's own tasks enter user mode.
                let current = unsafe { binding::current::<Thread>(header) };
                <$kernel as Kernel>::syscall(&current, registers);
            }
            /// From the vectors: work before the return to user mode.
            #[unsafe(no_mangle)]
            extern "C" fn __gantry_user_return(
                header: *const TaskHeader,
                registers: &mut UserRegisters,
            ) {
                // SAFETY: the vectors give the current task, and only the kernel's own tasks enter user mode.
                let current = unsafe { binding::current::<Thread>(header) };
                <$kernel as Kernel>::user_return(&current, registers);
            }
            #[unsafe(no_mangle)]
            fn __gantry_user_fault(
                header: *const TaskHeader,
                registers: &mut UserRegisters,
                fault: Fault,
            ) {
                // SAFETY: the exception handler gives the current task, which was in user mode.
                let current = unsafe { binding::current::<Thread>(header) };
                <$kernel as Kernel>::user_fault(&current, registers, fault);
            }
            #[unsafe(no_mangle)]
            fn __gantry_user_exception(
                header: *const TaskHeader,
                registers: &mut UserRegisters,
                exception: Exception,
            ) {
                // SAFETY: the exception handler gives the current task, which was in user mode.
                let current = unsafe { binding::current::<Thread>(header) };
                <$kernel as Kernel>::user_exception(&current, registers, exception);
            }
            #[unsafe(no_mangle)]
            fn __gantry_user_copy_fault(address: u64, access: Access) -> Result<(), Unresolved> {
                <$kernel as Kernel>::kernel_user_copy_fault(address, access)
            }
            #[unsafe(no_mangle)]
            fn __gantry_preempt() {
                <$kernel as Kernel>::preempt();
            }
            #[unsafe(no_mangle)]
            fn __gantry_finish_switch(previous: *const TaskHeader) {
                // SAFETY: the task switched away from, whose reference the CPU held and now gives up.
                let previous = unsafe { binding::previous::<Thread>(previous) };
                <$kernel as Kernel>::finish_switch(previous);
            }
            #[unsafe(no_mangle)]
            fn __gantry_timer() {
                <$kernel as Kernel>::timer();
            }
            #[unsafe(no_mangle)]
            fn __gantry_console_input(bytes: &[u8]) {
                <$kernel as Kernel>::console_input(bytes);
            }
            #[unsafe(no_mangle)]
            fn __gantry_secondary_start(cpu: usize) -> ! {
                <$kernel as Kernel>::secondary_start(cpu)
            }
            #[unsafe(no_mangle)]
            fn __gantry_describe(
                header: *const TaskHeader,
                writer: &mut dyn ::core::fmt::Write,
            ) -> ::core::fmt::Result {
                // SAFETY: the panic handler gives the current task, or nothing is said about it.
                match unsafe { binding::try_current::<Thread>(header) } {
                    Some(current) => <$kernel as Kernel>::describe(&current, writer),
                    None => writer.write_str("no task"),
                }
            }
            #[unsafe(no_mangle)]
            fn __gantry_board_main(boot: $crate::boot::Boot) -> ! {
                $board_main(boot)
            }
        };
    };
}

/// For `entry!` alone: from raw task headers to typed references.
#[doc(hidden)]
#[cfg(target_os = "none")]
pub mod binding {
    use crate::task::{CurrentRef, Task, TaskHeader};
    use alloc::sync::Arc;

    /// The current task.
    ///
    /// # Safety
    /// `header` is that of the task running here, a `Task<T>`.
    #[inline(always)]
    pub unsafe fn current<T>(header: *const TaskHeader) -> CurrentRef<T> {
        // SAFETY: as the caller promises.
        unsafe { CurrentRef::from_header(header) }
    }

    /// The current task if it is a `Task<T>`.
    ///
    /// # Safety
    /// `header` is that of the task running here.
    pub unsafe fn try_current<T: 'static>(header: *const TaskHeader) -> Option<CurrentRef<T>> {
        // SAFETY: a valid header; the kind is checked before it is relied on.
        unsafe { (*header).is::<T>().then(|| CurrentRef::from_header(header)) }
    }

    /// The reference a CPU held to the task it ran before.
    ///
    /// # Safety
    /// `header` is that of a `Task<T>`, and the CPU's reference to it is given up by this call.
    pub unsafe fn previous<T>(header: *const TaskHeader) -> Arc<Task<T>> {
        // SAFETY: the header is the first field of the task, which was made from an `Arc`.
        unsafe { Arc::from_raw(header.cast()) }
    }
}
