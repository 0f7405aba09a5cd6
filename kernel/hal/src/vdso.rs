//! Code of the kernel's that runs in user programs: the return from signal handlers and reading the clocks.
//!
//! It is position-independent and reads one data page: boot counter, nanoseconds per count times 2^32, and the wall
//! clock at boot (three u64). The kernel places it at [`CODE_OFFSET`] of a page and the data page right behind.

#[cfg(target_os = "none")]
use core::arch::global_asm;

/// Where in its page the code must lie.
pub const CODE_OFFSET: usize = 0x800;
/// Offset of `__kernel_rt_sigreturn` in the code.
pub const SIGNAL_RETURN: usize = 4;
/// Offset of `__kernel_clock_gettime`.
pub const CLOCK_GETTIME: usize = 0x40;
/// Offset of `__kernel_gettimeofday`.
pub const GETTIMEOFDAY: usize = 0x100;
/// Offset of `__kernel_clock_getres`.
pub const CLOCK_GETRES: usize = 0x180;

#[cfg(target_os = "none")]
global_asm!(
    r#"
    .pushsection .rodata.vdso, "a"
    .balign 4096
    .skip 0x800
    .global __vdso_code_start
__vdso_code_start:
    // Unwinders look one instruction before a return address, so that one must be the function's too.
    nop
    mov     x8, #139
    svc     #0

    .org    __vdso_code_start + 0x40
    // clock_gettime(clock: w0, timespec: x1). Clocks 0 and 5 are the wall clock, 1, 4, 6 and 7 the time since boot.
    cmp     w0, #7
    b.hi    2f
    mov     w9, #0xf3
    lsr     w9, w9, w0
    tbz     w9, #0, 2f
    adr     x9, __vdso_code_start + 0x800
    isb
    mrs     x10, cntvct_el0
    ldp     x11, x12, [x9]
    sub     x10, x10, x11
    mul     x13, x10, x12
    umulh   x14, x10, x12
    extr    x10, x14, x13, #32
    tst     w0, #3
    b.eq    3f
    cmp     w0, #5
    b.eq    4f
1:  mov     x12, #0xca00
    movk    x12, #0x3b9a, lsl #16
    udiv    x11, x10, x12
    msub    x13, x11, x12, x10
    stp     x11, x13, [x1]
    mov     w0, #0
    ret
2:  mov     x8, #113
    svc     #0
    ret
3:  cbnz    w0, 1b
4:  ldr     x11, [x9, #16]
    add     x10, x10, x11
    b       1b

    .org    __vdso_code_start + 0x100
    // gettimeofday(timeval: x0, timezone: x1)
    cbz     x0, 5f
    adr     x9, __vdso_code_start + 0x800
    isb
    mrs     x10, cntvct_el0
    ldp     x11, x12, [x9]
    sub     x10, x10, x11
    mul     x13, x10, x12
    umulh   x14, x10, x12
    extr    x10, x14, x13, #32
    ldr     x11, [x9, #16]
    add     x10, x10, x11
    mov     x12, #0xca00
    movk    x12, #0x3b9a, lsl #16
    udiv    x11, x10, x12
    msub    x13, x11, x12, x10
    mov     x12, #1000
    udiv    x13, x13, x12
    stp     x11, x13, [x0]
5:  cbz     x1, 6f
    str     xzr, [x1]
6:  mov     w0, #0
    ret

    .org    __vdso_code_start + 0x180
    // clock_getres(clock: w0, timespec: x1)
    cmp     w0, #7
    b.hi    7f
    mov     w9, #0xf3
    lsr     w9, w9, w0
    tbz     w9, #0, 7f
    cbz     x1, 8f
    mov     x9, #1
    stp     xzr, x9, [x1]
8:  mov     w0, #0
    ret
7:  mov     x8, #114
    svc     #0
    ret
    .global __vdso_code_end
__vdso_code_end:
    .popsection
    "#
);

/// The code; empty on the host.
pub fn code() -> &'static [u8] {
    #[cfg(target_os = "none")]
    {
        // SAFETY: both symbols delimit the read-only bytes assembled above.
        unsafe extern "C" {
            static __vdso_code_start: u8;
            static __vdso_code_end: u8;
        }
        let (start, end) = (&raw const __vdso_code_start, &raw const __vdso_code_end);
        // SAFETY: as above; the bytes never change.
        unsafe { core::slice::from_raw_parts(start, end.addr() - start.addr()) }
    }
    #[cfg(not(target_os = "none"))]
    &[]
}
