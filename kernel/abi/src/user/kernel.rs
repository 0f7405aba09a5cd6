//! The boundary to the kernel: the only unsafe code of this crate.
#![allow(unsafe_code)]

use super::{Errno, Result};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::arch::asm;
use core::ffi::CStr;
use linux_raw_sys::general as number;
use zerocopy::{FromBytes, IntoBytes};

/// Makes a system call with up to six arguments; unused ones are 0.
///
/// # Safety
/// Arguments that this call takes for addresses must be valid for what it reads and writes there, and the
/// call must not change memory, mappings or descriptors that safe code relies on.
pub unsafe fn syscall6(call: usize, arguments: [usize; 6]) -> Result<usize> {
    let [first, second, third, fourth, fifth, sixth] = arguments;
    let result: isize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the kernel changes no register but x0; what the call does to memory is the caller's promise.
    unsafe {
        asm!(
            "svc #0",
            in("x8") call,
            inlateout("x0") first => result,
            in("x1") second,
            in("x2") third,
            in("x3") fourth,
            in("x4") fifth,
            in("x5") sixth,
            options(nostack),
        );
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the kernel changes rax, rcx and r11 only; what the call does to memory is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") call => result,
            in("rdi") first,
            in("rsi") second,
            in("rdx") third,
            in("r10") fourth,
            in("r8") fifth,
            in("r9") sixth,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    decode(result)
}

fn decode(result: isize) -> Result<usize> {
    if (-4095..0).contains(&result) {
        Err(Errno::from_number(-result as i32))
    } else {
        Ok(result as usize)
    }
}

/// A call whose arguments are all numbers: none is an address.
///
/// Private to `user`: callers pick calls for which this holds.
pub(super) fn call_with_numbers(call: usize, numbers: [usize; 5]) -> Result<usize> {
    let [first, second, third, fourth, fifth] = numbers;
    // SAFETY: no argument is an address, and the callers in this crate use calls that leave memory alone.
    unsafe { syscall6(call, [first, second, third, fourth, fifth, 0]) }
}

/// close(2)
pub(super) fn close(descriptor: i32) -> Result<()> {
    call_with_numbers(
        number::__NR_close as usize,
        [descriptor as usize, 0, 0, 0, 0],
    )
    .map(drop)
}

/// ioctl(2) with a structure that the kernel reads or fills.
pub(super) fn ioctl_with<T: IntoBytes + FromBytes>(
    descriptor: i32,
    request: u32,
    argument: &mut T,
) -> Result<usize> {
    let address = core::ptr::from_mut(argument).addr();
    // SAFETY: the request's encoded size is that of T (its callers pair them), and any bytes make a T.
    unsafe {
        syscall6(
            number::__NR_ioctl as usize,
            [descriptor as usize, request as usize, address, 0, 0, 0],
        )
    }
}

/// ioctl(2) with a [`crate::ioctl::UserBuffer`] that describes `bytes`.
pub(super) fn ioctl_with_buffer(descriptor: i32, request: u32, bytes: &mut [u8]) -> Result<usize> {
    let mut buffer = crate::ioctl::UserBuffer {
        length: bytes.len() as u64,
        address: bytes.as_mut_ptr().expose_provenance() as u64,
    };
    ioctl_with(descriptor, request, &mut buffer)
}

/// A call that takes the address of a string as its argument `position`.
pub(super) fn call_with_strings(
    call: usize,
    mut arguments: [usize; 6],
    strings: &[(usize, &CStr)],
) -> Result<usize> {
    for (position, string) in strings {
        arguments[*position] = string.as_ptr().addr();
    }
    // SAFETY: the strings end in a NUL and outlive the call; the calls used here only read them.
    unsafe { syscall6(call, arguments) }
}

/// A call that only reads the structure or slice whose address is its argument `position`.
pub(super) fn call_reading<T: Copy>(
    call: usize,
    mut arguments: [usize; 6],
    position: usize,
    values: &[T],
) -> Result<usize> {
    arguments[position] = values.as_ptr().addr();
    // SAFETY: the slice outlives the call, which reads no more than the length its caller passes along.
    unsafe { syscall6(call, arguments) }
}

/// A call that only reads the structures whose addresses are its two arguments.
pub(super) fn call_reading_two<A: Copy, B: Copy>(
    call: usize,
    first: &A,
    second: &B,
) -> Result<usize> {
    let addresses = [
        core::ptr::from_ref(first).addr(),
        core::ptr::from_ref(second).addr(),
    ];
    // SAFETY: both outlive the call, which reads no more of each than its type has; its callers see to that.
    unsafe { syscall6(call, [addresses[0], addresses[1], 0, 0, 0, 0]) }
}

/// rt_sigprocmask(2): sets the mask and returns the old one.
pub(super) fn set_signal_mask(how: usize, mask: u64) -> Result<u64> {
    let mut old = 0u64;
    let addresses = (
        core::ptr::from_ref(&mask).addr(),
        core::ptr::from_mut(&mut old).addr(),
    );
    // SAFETY: both addresses are those of eight-byte sets that outlive the call.
    unsafe {
        syscall6(
            number::__NR_rt_sigprocmask as usize,
            [how, addresses.0, addresses.1, size_of::<u64>(), 0, 0],
        )?;
    }
    Ok(old)
}

/// rt_sigaction(2) with an all-zero action: the default one, no flags, no mask.
pub(super) fn reset_signal_action(signal: i32) -> Result<()> {
    // struct kernel_sigaction: handler, flags, restorer (x86_64; absent on aarch64) and mask.
    let action = [0u64; 4];
    // SAFETY: the default action runs no code of this program, and the structure outlives the call.
    unsafe {
        syscall6(
            number::__NR_rt_sigaction as usize,
            [
                signal as usize,
                action.as_ptr().addr(),
                0,
                size_of::<u64>(),
                0,
                0,
            ],
        )
        .map(drop)
    }
}

/// rt_sigaction(2): the address of the signal's handler, or `SIG_DFL` (0) or `SIG_IGN` (1).
pub(super) fn signal_handler(signal: i32) -> Result<u64> {
    let mut action = [0u64; 4];
    // SAFETY: nothing is set, and the structure, no shorter than the kernel's, outlives the call.
    unsafe {
        syscall6(
            number::__NR_rt_sigaction as usize,
            [
                signal as usize,
                0,
                action.as_mut_ptr().addr(),
                size_of::<u64>(),
                0,
                0,
            ],
        )?;
    }
    let [handler, ..] = action;
    Ok(handler)
}

/// rt_sigtimedwait(2): the signal and what siginfo_t's first bytes say: signal, errno, code, sender.
pub(super) fn wait_for_signal(mask: u64, timeout: Option<[i64; 2]>) -> Result<(i32, [i32; 32])> {
    let mut information = [0i32; 32];
    let time = timeout.as_ref().map_or(0, |time| time.as_ptr().addr());
    // SAFETY: the set, the 128 bytes of siginfo_t and the timespec outlive the call.
    let signal = unsafe {
        syscall6(
            number::__NR_rt_sigtimedwait as usize,
            [
                core::ptr::from_ref(&mask).addr(),
                information.as_mut_ptr().addr(),
                time,
                size_of::<u64>(),
                0,
                0,
            ],
        )?
    };
    Ok((signal as i32, information))
}

/// wait4(2) for one child, into a status of one element.
pub(super) fn wait(process: i32, status: &mut [i32; 1]) -> Result<usize> {
    let arguments = [process as usize, status.as_mut_ptr().addr(), 0, 0, 0, 0];
    // SAFETY: the status outlives the call, which writes its four bytes.
    unsafe { syscall6(number::__NR_wait4 as usize, arguments) }
}

/// signalfd4(2): a new descriptor from which the signals of a set are read.
pub(super) fn signal_descriptor(mask: u64, flags: u32) -> Result<usize> {
    let arguments = [
        -1isize as usize,
        core::ptr::from_ref(&mask).addr(),
        size_of::<u64>(),
        flags as usize,
        0,
        0,
    ];
    // SAFETY: the eight-byte set outlives the call, which reads it.
    unsafe { syscall6(number::__NR_signalfd4 as usize, arguments) }
}

/// Strings with the NULL-terminated array of their addresses, as execve(2) takes them.
pub(super) struct StringArray {
    addresses: Vec<usize>,
    // Owns what `addresses` points to; a CString's bytes do not move with it.
    strings: Vec<CString>,
}

impl StringArray {
    pub(super) fn new(strings: Vec<CString>) -> Self {
        let addresses = strings
            .iter()
            .map(|string| string.as_ptr().addr())
            .chain([0])
            .collect();
        Self { addresses, strings }
    }

    pub(super) fn strings(&self) -> &[CString] {
        &self.strings
    }
}

/// execve(2); returns on failure only.
pub(super) fn execute(program: &CStr, arguments: &StringArray, environment: &StringArray) -> Errno {
    // SAFETY: both arrays end in NULL, and they, their strings and the path outlive the call, which, when
    // it succeeds, ends the calling program (or, after vfork, gives back the parent's memory unchanged).
    let result = unsafe {
        syscall6(
            number::__NR_execve as usize,
            [
                program.as_ptr().addr(),
                arguments.addresses.as_ptr().addr(),
                environment.addresses.as_ptr().addr(),
                0,
                0,
                0,
            ],
        )
    };
    result.err().unwrap_or(Errno::EIO)
}

/// execveat(2) of the file that a descriptor refers to; returns on failure only.
pub(super) fn execute_file(
    descriptor: i32,
    arguments: &StringArray,
    environment: &StringArray,
) -> Errno {
    // SAFETY: as in `execute`; the path is empty, a constant.
    let result = unsafe {
        syscall6(
            number::__NR_execveat as usize,
            [
                descriptor as usize,
                c"".as_ptr().addr(),
                arguments.addresses.as_ptr().addr(),
                environment.addresses.as_ptr().addr(),
                number::AT_EMPTY_PATH as usize,
                0,
            ],
        )
    };
    result.err().unwrap_or(Errno::EIO)
}

/// exit_group(2)
pub(super) fn exit(status: i32) -> ! {
    loop {
        let _ = call_with_numbers(
            number::__NR_exit_group as usize,
            [status as usize, 0, 0, 0, 0],
        );
    }
}

/// Gives the pages of `stack` below the stack pointer back (madvise(2)), if that lies in it.
///
/// Private to `user`: callers know that all of it is one thread's stack, and are no signal handlers.
#[cfg(feature = "std")]
pub(super) fn discard_stack_within(stack: core::ops::Range<usize>) -> Result<()> {
    const PAGE_SIZE: usize = 4096;
    const MADV_DONTNEED: usize = 4;
    let end: usize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reads the stack pointer.
    unsafe {
        asm!("mov {}, sp", out(reg) end, options(nomem, nostack, preserves_flags));
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reads the stack pointer.
    unsafe {
        asm!("mov {}, rsp", out(reg) end, options(nomem, nostack, preserves_flags));
    }
    // What may lie below the stack pointer by the rules of calls ends within the next page.
    let unused = (end & !(PAGE_SIZE - 1)).saturating_sub(PAGE_SIZE);
    if !stack.contains(&end) || unused <= stack.start {
        return Ok(());
    }
    let length = unused - stack.start;
    // SAFETY: no frame is below the stack pointer, so nothing refers to what is there; its content may change.
    let result = unsafe {
        syscall6(
            number::__NR_madvise as usize,
            [stack.start, length, MADV_DONTNEED, 0, 0, 0],
        )
    };
    result.map(drop)
}

/// A child's work, called in the child and never returning.
type Work<'a> = &'a mut dyn FnMut() -> i32;

extern "C" fn run_child(work: *mut Work<'_>) -> ! {
    // SAFETY: `vfork` passes the address of its own argument, and is suspended until the child is done.
    let work = unsafe { &mut *work };
    exit(work())
}

/// Makes a child that shares this program's memory, as vfork(2), and runs `work` in it; its result is the
/// child's exit status. The caller goes on when the child has executed a program or exited, and returns
/// the child's process number.
///
/// The child works below the caller's stack frame, which stays untouched because the caller is suspended.
pub(super) fn vfork(mut work: Work<'_>) -> Result<i32> {
    let flags = (number::CLONE_VM | number::CLONE_VFORK) as usize
        | linux_raw_sys::general::SIGCHLD as usize;
    let argument = core::ptr::from_mut(&mut work);
    let result: isize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: without CLONE_SIGHAND, CLONE_FILES and CLONE_FS the child shares memory only. It never leaves
    // this block: it calls `run_child`, whose frames lie below this one. The parent sees x0 change alone.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x0, {argument}",
            "blr {entry}",
            "brk #1",
            "2:",
            argument = in(reg) argument,
            entry = in(reg) run_child as extern "C" fn(*mut Work<'_>) -> !,
            in("x8") number::__NR_clone as usize,
            inlateout("x0") flags => result,
            in("x1") 0usize,
            in("x2") 0usize,
            in("x3") 0usize,
            in("x4") 0usize,
        );
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above; the parent sees rax, rcx and r11 change.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov rdi, {argument}",
            "call {entry}",
            "ud2",
            "2:",
            argument = in(reg) argument,
            entry = in(reg) run_child as extern "C" fn(*mut Work<'_>) -> !,
            inlateout("rax") number::__NR_clone as usize => result,
            in("rdi") flags,
            in("rsi") 0usize,
            in("rdx") 0usize,
            in("r10") 0usize,
            in("r8") 0usize,
            out("rcx") _,
            out("r11") _,
        );
    }
    decode(result).map(|process| process as i32)
}

#[cfg(feature = "std")]
mod standard {
    use crate::user::OwnedDescriptor;
    use core::mem::ManuallyDrop;
    use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd};

    /// Borrows a descriptor the standard library's way.
    pub(in crate::user) fn borrow_descriptor(descriptor: &OwnedDescriptor) -> BorrowedFd<'_> {
        // SAFETY: the descriptor stays open as long as its owner is borrowed.
        unsafe { BorrowedFd::borrow_raw(descriptor.number()) }
    }

    /// Hands a descriptor over to the standard library.
    pub(in crate::user) fn into_owned_fd(descriptor: ManuallyDrop<OwnedDescriptor>) -> OwnedFd {
        // SAFETY: the former owner will never close it.
        unsafe { OwnedFd::from_raw_fd(descriptor.number()) }
    }

    /// fork(3) of the C library, which keeps its own record of the thread in step.
    pub(in crate::user) fn fork() -> i32 {
        // SAFETY: the child is a copy of this process. Locks that other threads hold stay held in it, which
        // may hang it but breaks no memory; the callers' documentation asks for a single-threaded process.
        unsafe { libc::fork() }
    }
}
#[cfg(feature = "std")]
pub(super) use standard::{borrow_descriptor, fork, into_owned_fd};
