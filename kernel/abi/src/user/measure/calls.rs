//! Single system calls.
#![allow(unsafe_code)]

use crate::user::process::{self, Program};
use crate::user::{Errno, Result, kernel, syscall6};
use core::arch::asm;
use linux_raw_sys::general as number;

/// A number that no Linux kernel has a call for.
const UNKNOWN: usize = 4000;
const CLOCK_MONOTONIC: usize = 1;

/// getppid(2), the least that a system call can do.
pub fn parent_by_call() -> Result<usize> {
    kernel::call_with_numbers(number::__NR_getppid as usize, [0; 5])
}

/// A call that does not exist; its error.
pub fn unknown_call() -> Errno {
    let result = kernel::call_with_numbers(UNKNOWN, [0; 5]);
    result.err().unwrap_or(Errno::EIO)
}

/// clock_gettime(2) by the system call, without the vDSO: nanoseconds.
pub fn clock_by_call() -> Result<u64> {
    let mut time = [0u64; 2];
    let address = time.as_mut_ptr().expose_provenance();
    let arguments = [CLOCK_MONOTONIC, address, 0, 0, 0, 0];
    // SAFETY: the call writes the 16 bytes of a timespec, which outlives it.
    unsafe { syscall6(number::__NR_clock_gettime as usize, arguments)? };
    Ok(time[0] * 1_000_000_000 + time[1])
}

/// The processor's own time counter, which runs from the machine's start.
pub fn counter() -> u64 {
    let value: u64;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: reading the virtual counter changes nothing; Linux and we allow it to user programs.
    unsafe {
        asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nostack));
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: reading the time stamp counter changes nothing else than the two registers.
    unsafe {
        let (low, high): (u64, u64);
        asm!("rdtsc", out("rax") low, out("rdx") high, options(nostack, nomem));
        value = high << 32 | low;
    }
    value
}

/// How often [`counter`] counts in a second; 0 where the processor does not say.
pub fn counter_frequency() -> u64 {
    #[cfg(target_arch = "aarch64")]
    {
        let value: u64;
        // SAFETY: reading the register changes nothing.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) value, options(nostack, nomem)) };
        value
    }
    #[cfg(not(target_arch = "aarch64"))]
    0
}

/// Forks a child that exits at once, and waits for it.
pub fn fork_and_exit() -> Result<()> {
    match fork()? {
        0 => kernel::exit(0),
        child => process::wait(child).map(drop),
    }
}

/// Forks a child that executes a program, and waits for it. The program's wait status.
pub fn fork_and_execute(program: &Program) -> Result<i32> {
    match fork()? {
        0 => {
            program.execute();
            kernel::exit(127)
        }
        child => process::wait(child),
    }
}

/// As [`fork_and_exit`], with a child that borrows this program's memory (vfork(2)).
pub fn vfork_and_exit() -> Result<()> {
    let child = kernel::vfork(&mut || 0)?;
    process::wait(child).map(drop)
}

/// As [`fork_and_execute`], with a child that borrows this program's memory until it executes the program.
pub fn vfork_and_execute(program: &Program) -> Result<i32> {
    let child = kernel::vfork(&mut || {
        program.execute();
        127
    })?;
    process::wait(child)
}

/// fork(2) without the C library, whose record of the child's thread number stays the parent's: the child
/// may do no more than what the functions above do.
fn fork() -> Result<i32> {
    let arguments = [number::SIGCHLD as usize, 0, 0, 0, 0, 0];
    // SAFETY: the child goes on with a copy of this process's memory.
    let child = unsafe { syscall6(number::__NR_clone as usize, arguments)? };
    Ok(child as i32)
}
