//! A thread that ends at once.
#![allow(unsafe_code)]

use crate::user::{Errno, Result, syscall6};
use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};
use linux_raw_sys::general as number;

const FUTEX_WAIT: usize = 0;

/// Starts a thread of this process that does nothing but exit, and waits for its end.
pub fn start_and_join() -> Result<()> {
    let flags = number::CLONE_VM
        | number::CLONE_FS
        | number::CLONE_FILES
        | number::CLONE_SIGHAND
        | number::CLONE_THREAD
        | number::CLONE_SYSVSEM
        | number::CLONE_CHILD_CLEARTID;
    // The kernel clears this when the thread has gone, and wakes whoever waits for it.
    let running = AtomicU32::new(1);
    let address = core::ptr::from_ref(&running).expose_provenance();
    start(flags as usize, address)?;
    while running.load(Ordering::Acquire) != 0 {
        // SAFETY: the word outlives the call, which only reads it.
        let waited = unsafe {
            syscall6(
                number::__NR_futex as usize,
                [address, FUTEX_WAIT, 1, 0, 0, 0],
            )
        };
        match waited {
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// clone(2) of a thread that shares the caller's stack pointer and leaves the stack alone: its only
/// instructions are those that end it.
fn start(flags: usize, clear: usize) -> Result<()> {
    let result: isize;
    #[cfg(target_arch = "aarch64")]
    // SAFETY: the new thread touches no memory. The caller waits until the kernel has cleared the word at
    // `clear`, so the word is there when that happens.
    unsafe {
        asm!(
            "svc #0",
            "cbnz x0, 2f",
            "mov x8, {exit}",
            "svc #0",
            "brk #1",
            "2:",
            exit = const number::__NR_exit,
            in("x8") number::__NR_clone as usize,
            inlateout("x0") flags => result,
            in("x1") 0usize,
            in("x2") 0usize,
            in("x3") 0usize,
            in("x4") clear,
            options(nostack),
        );
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "mov edi, 0",
            "mov eax, {exit}",
            "syscall",
            "ud2",
            "2:",
            exit = const number::__NR_exit,
            inlateout("rax") number::__NR_clone as usize => result,
            in("rdi") flags,
            in("rsi") 0usize,
            in("rdx") 0usize,
            in("r10") clear,
            in("r8") 0usize,
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    if result < 0 {
        Err(Errno::from_number(-result as i32))
    } else {
        Ok(())
    }
}
