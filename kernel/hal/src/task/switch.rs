//! The switch from one task to another on this CPU.

use super::header::BOOT_HEADERS;
use super::stack::{STACK_SIZE, Stack};
use super::{FloatState, InterruptGuard, OutOfMemory, Task, TaskHeader, UserState};
use crate::exception::UserRegisters;
use alloc::sync::Arc;
use core::arch::{asm, naked_asm};
use core::mem::offset_of;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// What the switch keeps on a task's stack: x19 to x30.
#[repr(C)]
struct SavedRegisters {
    x19_to_x29: [u64; 11],
    /// x30: where it goes on.
    link: u64,
}

/// The header of what runs here: a task's, or the CPU's boot header.
#[inline(always)]
pub(crate) fn current_header() -> *const TaskHeader {
    let header: *const TaskHeader;
    // SAFETY: reads this CPU's pointer to its current task.
    unsafe { asm!("mrs {}, tpidr_el1", out(reg) header, options(nomem, nostack, preserves_flags)) };
    header
}

/// Gives a CPU its boot header, before anything else runs on it.
///
/// # Safety
/// This is CPU number `cpu`, and it has no current task.
pub(crate) unsafe fn install_boot_header(cpu: usize) {
    // SAFETY: the boot headers are static.
    unsafe {
        asm!("msr tpidr_el1, {}", in(reg) &raw const BOOT_HEADERS[cpu], options(nostack, preserves_flags))
    };
}

impl<T: Send + Sync + 'static> Task<T> {
    /// A task that starts in user mode with `registers`.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn new_user(
        data: T,
        registers: UserRegisters,
        state: UserState,
    ) -> Result<Arc<Self>, OutOfMemory> {
        Self::on_user_stack(data, &registers, |header| {
            *header.float.get_mut() = state.float;
            *header.thread_pointer.get_mut() = state.thread_pointer;
        })
    }

    /// A task that starts in user mode with `registers` and the current task's floating-point state, and its thread
    /// pointer if none is given.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn fork_current(
        data: T,
        registers: &UserRegisters,
        thread_pointer: Option<u64>,
    ) -> Result<Arc<Self>, OutOfMemory> {
        Self::on_user_stack(data, registers, |header| {
            // SAFETY: the registers hold the state of the current task, if that is a user task; the new one's has
            // its place in the header.
            unsafe {
                if (*current_header()).user {
                    save_float(header.float.get());
                }
            }
            *header.thread_pointer.get_mut() = thread_pointer.unwrap_or_else(self::thread_pointer);
        })
    }

    /// A task that runs `entry` in the kernel, interrupts on; `entry` never returns.
    ///
    /// # Errors
    /// [`OutOfMemory`] if there is no memory for its stack.
    pub fn new_kernel(data: T, entry: fn()) -> Result<Arc<Self>, OutOfMemory> {
        let stack = Stack::allocate()?;
        let top = stack.top();
        let mut saved = SavedRegisters {
            x19_to_x29: [0; 11],
            link: start_kernel as *const () as u64,
        };
        saved.x19_to_x29[0] = entry as *const () as u64;
        Ok(Self::in_place(data, false, Some(stack), |header| {
            *header.saved_stack.get_mut() = saved.push(top)
        }))
    }

    fn on_user_stack(
        data: T,
        registers: &UserRegisters,
        prepare: impl FnOnce(&mut TaskHeader),
    ) -> Result<Arc<Self>, OutOfMemory> {
        let stack = Stack::allocate()?;
        let frame = core::ptr::with_exposed_provenance_mut::<UserRegisters>(
            stack.top() - size_of::<UserRegisters>(),
        );
        // SAFETY: the top of a new stack, which nobody else uses; aligned to 16 bytes.
        unsafe {
            frame.copy_from_nonoverlapping(registers, 1);
            (*frame).set_user_pstate(registers.pstate);
        }
        let saved = SavedRegisters {
            x19_to_x29: [0; 11],
            link: start_user as *const () as u64,
        };
        Ok(Self::in_place(data, true, Some(stack), |header| {
            *header.saved_stack.get_mut() = saved.push(frame.addr());
            prepare(header);
        }))
    }

    /// Makes a task where it will stay: its state is large.
    fn in_place(
        data: T,
        user: bool,
        stack: Option<Stack>,
        prepare: impl FnOnce(&mut TaskHeader),
    ) -> Arc<Self> {
        let task = Arc::<Self>::new_uninit();
        // SAFETY: nobody else has the new task; header and data are all of it.
        unsafe {
            let place = Arc::as_ptr(&task).cast_mut().cast::<Self>();
            (&raw mut (*place).data).write(data);
            let header = &raw mut (*place).header;
            TaskHeader::write::<T>(header, user, stack);
            prepare(&mut *header);
            task.assume_init()
        }
    }
}

impl SavedRegisters {
    /// Puts the registers below `top`, the end of what is used of a new stack; gives the stack pointer.
    fn push(self, top: usize) -> u64 {
        let bottom = top - size_of::<Self>();
        // SAFETY: on a new stack, which nobody else uses; aligned to 16 bytes.
        unsafe { core::ptr::with_exposed_provenance_mut::<Self>(bottom).write(self) };
        bottom as u64
    }
}

/// Where a new user task begins: x0 = the header of the task before it. The user's registers are on the stack.
#[unsafe(naked)]
unsafe extern "C" fn start_user() -> ! {
    naked_asm!("mov x29, xzr", "bl {finish}", "b {exit}", finish = sym finish_first_switch, exit = sym crate::exception::vectors::__return_to_user)
}

/// Where a new kernel task begins: x0 = the header of the task before it, x19 = its function.
#[unsafe(naked)]
unsafe extern "C" fn start_kernel() -> ! {
    naked_asm!(
        "mov x29, xzr", "bl {finish}", "msr daifclr, #2", "blr x19", "b {returned}",
        finish = sym finish_first_switch, returned = sym kernel_task_returned
    )
}

extern "C" fn kernel_task_returned() -> ! {
    panic!("the function of a kernel task returned")
}

/// The second half of a switch, in the context of a new task.
extern "C" fn finish_first_switch(previous: *const TaskHeader) {
    // SAFETY: the CPU still holds its reference to the task it ran before.
    unsafe { (*previous).on_cpu.store(false, Release) };
    // SAFETY: all tasks that are switched between are of the kernel's kind; the reference is given up here.
    unsafe { crate::entry::hooks::__gantry_finish_switch(previous) };
}

/// Makes this CPU, since its boot without a task, run one: a kernel task with `data`, which goes on in `entry`, on
/// the same stack from its top, with interrupts on. Once per CPU.
///
/// # Panics
/// If this CPU runs a task already.
pub fn begin<T: Send + Sync + 'static>(data: T, entry: fn() -> !) -> ! {
    let boot = current_header();
    let cpu = BOOT_HEADERS
        .iter()
        .position(|header| core::ptr::eq(header, boot));
    let Some(cpu) = cpu else {
        panic!("this CPU runs a task already")
    };
    // The CPU's reference to the task.
    let task = Arc::into_raw(Task::in_place(data, false, None, |header| {
        *header.cpu.get_mut() = cpu as u32;
        *header.on_cpu.get_mut() = true;
    }));
    // SAFETY: the task is valid for as long as it runs, and nothing of what is on the stack is used again. No code
    // sees the current task change, as all of it is entered anew.
    unsafe {
        asm!(
            "msr tpidr_el1, x0",
            "mov x9, sp",
            "orr x9, x9, #({size} - 1)",
            "add x9, x9, #1",
            "mov sp, x9",
            "mov x29, xzr",
            "mov x30, xzr",
            "msr daifclr, #6",
            "br x1",
            in("x0") task, in("x1") entry, size = const STACK_SIZE,
            options(noreturn)
        )
    }
}

/// Switches this CPU to `next`, and returns when the calling task runs again: with the reference to the task
/// that ran just before it, on the CPU it then is on. See the rules in the module's description.
///
/// # Panics
/// If `next` is the current task, or what runs here isn't a task.
pub fn switch<T: Send + Sync + 'static>(
    next: Arc<Task<T>>,
    _interrupts: &InterruptGuard,
) -> Arc<Task<T>> {
    let current = current_header();
    // SAFETY: the current header is valid.
    let header = unsafe { &*current };
    assert!(
        header.is::<T>() && !core::ptr::eq(current, &next.header),
        "a switch to the running task, or from no task"
    );
    while next.header.on_cpu.swap(true, Acquire) {
        core::hint::spin_loop();
    }
    next.header.cpu.store(header.cpu.load(Relaxed), Relaxed);
    let next = Arc::into_raw(next).cast::<TaskHeader>();
    // SAFETY: both are tasks of the kernel's kind; `next` isn't running (its flag was clear and is ours now) and
    // its state was saved before the flag was cleared. This CPU's reference to it is the one taken here.
    let previous = unsafe {
        let upcoming = &*next;
        let pointer: u64;
        asm!("mrs {}, tpidr_el0", out(reg) pointer, options(nomem, nostack, preserves_flags));
        header.thread_pointer.store(pointer, Relaxed);
        if header.user {
            save_float(header.float.get());
        }
        if upcoming.user {
            restore_float(upcoming.float.get());
            asm!("msr tpidr_el0, {}", in(reg) upcoming.thread_pointer.load(Relaxed), options(nomem, nostack, preserves_flags));
        }
        switch_stacks(current, next)
    };
    // SAFETY: the task this CPU ran before, whose reference it still holds: its state is saved, and the reference
    // passes to the caller.
    unsafe {
        (*previous).on_cpu.store(false, Release);
        Arc::from_raw(previous.cast())
    }
}

/// Saves the callee-saved registers on this stack and goes on where `next` did the same; gives that context the
/// task before it (x0 stays).
#[unsafe(naked)]
unsafe extern "C" fn switch_stacks(
    current: *const TaskHeader,
    next: *const TaskHeader,
) -> *const TaskHeader {
    naked_asm!(
        "stp x19, x20, [sp, #-96]!",
        "stp x21, x22, [sp, #16]",
        "stp x23, x24, [sp, #32]",
        "stp x25, x26, [sp, #48]",
        "stp x27, x28, [sp, #64]",
        "stp x29, x30, [sp, #80]",
        "mov x9, sp",
        "str x9, [x0, #{saved}]",
        "ldr x9, [x1, #{saved}]",
        "mov sp, x9",
        "msr tpidr_el1, x1",
        "ldp x21, x22, [sp, #16]",
        "ldp x23, x24, [sp, #32]",
        "ldp x25, x26, [sp, #48]",
        "ldp x27, x28, [sp, #64]",
        "ldp x29, x30, [sp, #80]",
        "ldp x19, x20, [sp], #96",
        "ret",
        saved = const offset_of!(TaskHeader, saved_stack),
    )
}

/// The registers as the assembler names them, for a kernel that is compiled without them.
macro_rules! float_registers {
    ($instruction:literal) => {
        concat!(
            ".arch_extension fp\n.arch_extension simd\n",
            $instruction,
            " q0, q1, [x0]\n",
            $instruction,
            " q2, q3, [x0, #32]\n",
            $instruction,
            " q4, q5, [x0, #64]\n",
            $instruction,
            " q6, q7, [x0, #96]\n",
            $instruction,
            " q8, q9, [x0, #128]\n",
            $instruction,
            " q10, q11, [x0, #160]\n",
            $instruction,
            " q12, q13, [x0, #192]\n",
            $instruction,
            " q14, q15, [x0, #224]\n",
            $instruction,
            " q16, q17, [x0, #256]\n",
            $instruction,
            " q18, q19, [x0, #288]\n",
            $instruction,
            " q20, q21, [x0, #320]\n",
            $instruction,
            " q22, q23, [x0, #352]\n",
            $instruction,
            " q24, q25, [x0, #384]\n",
            $instruction,
            " q26, q27, [x0, #416]\n",
            $instruction,
            " q28, q29, [x0, #448]\n",
            $instruction,
            " q30, q31, [x0, #480]\n",
        )
    };
}

#[unsafe(naked)]
unsafe extern "C" fn save_float(state: *mut FloatState) {
    naked_asm!(
        float_registers!("stp"),
        "add x0, x0, #512",
        "mrs x1, fpsr",
        "mrs x2, fpcr",
        "stp w1, w2, [x0]",
        ".arch_extension nosimd",
        ".arch_extension nofp",
        "ret"
    )
}

#[unsafe(naked)]
unsafe extern "C" fn restore_float(state: *const FloatState) {
    naked_asm!(
        float_registers!("ldp"),
        "add x0, x0, #512",
        "ldp w1, w2, [x0]",
        "msr fpsr, x1",
        "msr fpcr, x2",
        ".arch_extension nosimd",
        ".arch_extension nofp",
        "ret"
    )
}

/// The current task's floating-point state and thread pointer.
pub fn capture_current() -> UserState {
    UserState {
        float: float_state(),
        thread_pointer: thread_pointer(),
    }
}

/// The current task's floating-point state; zero in a kernel task.
pub fn float_state() -> FloatState {
    let mut state = FloatState::ZERO;
    // SAFETY: the state of a user task stays in the registers while it runs. Preemption in between saves and
    // restores it.
    unsafe {
        if (*current_header()).user {
            save_float(&mut state);
        }
    }
    state
}

/// Sets the current task's floating-point state; nothing in a kernel task.
pub fn set_float_state(state: &FloatState) {
    // SAFETY: the registers hold the state of the current user task.
    unsafe {
        if (*current_header()).user {
            restore_float(state);
        }
    }
}

/// Clears the current task's floating-point state, as a new program begins with.
pub fn reset_float_state() {
    set_float_state(&FloatState::ZERO);
}

/// The current task's thread pointer (TPIDR_EL0).
pub fn thread_pointer() -> u64 {
    let value: u64;
    // SAFETY: the register belongs to the current task; the switch keeps it.
    unsafe { asm!("mrs {}, tpidr_el0", out(reg) value, options(nomem, nostack, preserves_flags)) };
    value
}

/// Sets the current task's thread pointer (TPIDR_EL0).
pub fn set_thread_pointer(value: u64) {
    // SAFETY: the register belongs to the current task; the switch keeps it.
    unsafe { asm!("msr tpidr_el0, {}", in(reg) value, options(nomem, nostack, preserves_flags)) };
}
