//! The instructions that touch user memory, and where to go on when one of them faults.
//!
//! Each such instruction is noted in a table with the address of its fixup (both relative to the section's
//! start, sorted by nature). A fixup finds the registers as the faulting instruction left them. The bulk copies'
//! fixups fall back to single bytes, from the start of the block that faulted, so the count of bytes copied is
//! exact.

use super::string::StringResult;
use super::value::Loaded;
use core::arch::global_asm;

global_asm!(
    r#"
    .section .rodata.user_fixups, "a"
    .balign 4
__user_fixups:

    .section .text.user_copy, "ax"
    .balign 4
__user_copy_base:

    // Notes that the next instruction may fault and where to go on then.
    .macro may_fault fixup
7777:
    .pushsection .rodata.user_fixups, "a"
    .word 7777b - __user_copy_base, \fixup - __user_copy_base
    .popsection
    .endm

    // x0 = address; returns x0 = value, x1 = whether it failed.
    .macro load name, instruction
    .global \name
\name:
    mov x1, #0
    may_fault .Lload_failed
    \instruction, [x0]
    ret
    .endm

    load __user_load_1, "ldtrb w0"
    load __user_load_2, "ldtrh w0"
    load __user_load_4, "ldtr w0"
    load __user_load_8, "ldtr x0"
.Lload_failed:
    mov x0, #0
    mov x1, #1
    ret

    // x0 = address, x1 = value; returns x0 = whether it failed.
    .macro store name, instruction
    .global \name
\name:
    may_fault .Lstore_failed
    \instruction, [x0]
    mov x0, #0
    ret
    .endm

    store __user_store_1, "sttrb w1"
    store __user_store_2, "sttrh w1"
    store __user_store_4, "sttr w1"
    store __user_store_8, "sttr x1"
.Lstore_failed:
    mov x0, #1
    ret

    // x0 = target, x1 = user source, x2 = length up to 16; returns x0 = bytes missing.
    // The first and the last word may overlap.
    .global __user_copy_in_small
__user_copy_in_small:
    cmp x2, #8
    b.lo 2f
    sub x5, x2, #8
    add x6, x1, x5
    may_fault .Lcopy_in_bytes
    ldtr x3, [x1]
    may_fault .Lcopy_in_bytes
    ldtr x4, [x6]
    str x3, [x0]
    str x4, [x0, x5]
    mov x0, #0
    ret
2:
    tbz x2, #2, 3f
    sub x5, x2, #4
    add x6, x1, x5
    may_fault .Lcopy_in_bytes
    ldtr w3, [x1]
    may_fault .Lcopy_in_bytes
    ldtr w4, [x6]
    str w3, [x0]
    str w4, [x0, x5]
    mov x0, #0
    ret
3:
    cbz x2, .Lcopy_in_end
.Lcopy_in_bytes:
    may_fault .Lcopy_in_end
    ldtrb w3, [x1]
    strb w3, [x0], #1
    add x1, x1, #1
    subs x2, x2, #1
    b.ne .Lcopy_in_bytes
.Lcopy_in_end:
    mov x0, x2
    ret

    // x0 = target, x1 = user source, x2 = length above 16; returns x0 = bytes missing.
    .global __user_copy_in
__user_copy_in:
    subs x2, x2, #64
    b.lo 3f
2:
    may_fault .Lcopy_in_block
    ldp x5, x6, [x1, #16]
    may_fault .Lcopy_in_block
    ldp x7, x8, [x1, #32]
    may_fault .Lcopy_in_block
    ldp x9, x10, [x1, #48]
    may_fault .Lcopy_in_block
    ldp x3, x4, [x1], #64
    stp x5, x6, [x0, #16]
    stp x7, x8, [x0, #32]
    stp x9, x10, [x0, #48]
    stp x3, x4, [x0], #64
    subs x2, x2, #64
    b.hs 2b
3:
    adds x2, x2, #64
    b.eq .Lcopy_in_end
    tbz x2, #5, 4f
    may_fault .Lcopy_in_bytes
    ldp x5, x6, [x1, #16]
    may_fault .Lcopy_in_bytes
    ldp x3, x4, [x1], #32
    stp x5, x6, [x0, #16]
    stp x3, x4, [x0], #32
    subs x2, x2, #32
    b.eq .Lcopy_in_end
4:
    tbz x2, #4, 5f
    may_fault .Lcopy_in_bytes
    ldp x3, x4, [x1], #16
    stp x3, x4, [x0], #16
    subs x2, x2, #16
    b.eq .Lcopy_in_end
5:
    // The last 16 bytes once more, as a whole.
    sub x5, x2, #16
    add x6, x1, x5
    may_fault .Lcopy_in_bytes
    ldp x3, x4, [x6]
    add x6, x0, x5
    stp x3, x4, [x6]
    mov x0, #0
    ret
.Lcopy_in_block:
    add x2, x2, #64
    b .Lcopy_in_bytes

    // x0 = target, x1 = source, x2 = length, a multiple of 256 and not 0; returns x0 = bytes missing from the
    // block of 128 on that faulted. Uses the wide registers, which hold the running program's values and are kept on the
    // stack; the caller has masked interrupts, so that no switch sees them otherwise.
    .arch_extension fp
    .arch_extension simd
    .macro keep_wide
    stp q0, q1, [sp, #-128]!
    stp q2, q3, [sp, #32]
    stp q4, q5, [sp, #64]
    stp q6, q7, [sp, #96]
    .endm

    .macro load_block fixup
    may_fault \fixup
    ldp q2, q3, [x1, #32]
    may_fault \fixup
    ldp q4, q5, [x1, #64]
    may_fault \fixup
    ldp q6, q7, [x1, #96]
    may_fault \fixup
    ldp q0, q1, [x1], #128
    .endm
    .macro store_block fixup
    may_fault \fixup
    stp q2, q3, [x0, #32]
    may_fault \fixup
    stp q4, q5, [x0, #64]
    may_fault \fixup
    stp q6, q7, [x0, #96]
    may_fault \fixup
    stp q0, q1, [x0], #128
    .endm

    // One side is in user memory. The other side's instructions never fault: only a fault at a user address is
    // looked up.
    .global __user_copy_wide
__user_copy_wide:
    keep_wide
2:
    load_block .Lcopy_wide_end
    store_block .Lcopy_wide_end
    load_block .Lcopy_wide_second
    store_block .Lcopy_wide_second
    subs x2, x2, #256
    b.ne 2b
.Lcopy_wide_end:
    ldp q2, q3, [sp, #32]
    ldp q4, q5, [sp, #64]
    ldp q6, q7, [sp, #96]
    ldp q0, q1, [sp], #128
    mov x0, x2
    ret
.Lcopy_wide_second:
    sub x2, x2, #128
    b .Lcopy_wide_end
    .arch_extension nosimd
    .arch_extension nofp

    // x0 = user target, x1 = source, x2 = length up to 16; returns x0 = bytes missing.
    .global __user_copy_out_small
__user_copy_out_small:
    cmp x2, #8
    b.lo 2f
    sub x5, x2, #8
    add x6, x0, x5
    ldr x3, [x1]
    ldr x4, [x1, x5]
    may_fault .Lcopy_out_bytes
    sttr x3, [x0]
    may_fault .Lcopy_out_bytes
    sttr x4, [x6]
    mov x0, #0
    ret
2:
    tbz x2, #2, 3f
    sub x5, x2, #4
    add x6, x0, x5
    ldr w3, [x1]
    ldr w4, [x1, x5]
    may_fault .Lcopy_out_bytes
    sttr w3, [x0]
    may_fault .Lcopy_out_bytes
    sttr w4, [x6]
    mov x0, #0
    ret
3:
    cbz x2, .Lcopy_out_end
.Lcopy_out_bytes:
    ldrb w3, [x1]
    may_fault .Lcopy_out_end
    sttrb w3, [x0]
    add x0, x0, #1
    add x1, x1, #1
    subs x2, x2, #1
    b.ne .Lcopy_out_bytes
.Lcopy_out_end:
    mov x0, x2
    ret

    // x0 = user target, x1 = source, x2 = length above 16; returns x0 = bytes missing.
    .global __user_copy_out
__user_copy_out:
    subs x2, x2, #64
    b.lo 3f
2:
    ldp x5, x6, [x1, #16]
    ldp x7, x8, [x1, #32]
    ldp x9, x10, [x1, #48]
    ldp x3, x4, [x1], #64
    may_fault .Lcopy_out_block
    stp x5, x6, [x0, #16]
    may_fault .Lcopy_out_block
    stp x7, x8, [x0, #32]
    may_fault .Lcopy_out_block
    stp x9, x10, [x0, #48]
    may_fault .Lcopy_out_block
    stp x3, x4, [x0], #64
    subs x2, x2, #64
    b.hs 2b
3:
    adds x2, x2, #64
    b.eq .Lcopy_out_end
    tbz x2, #5, 4f
    ldp x5, x6, [x1, #16]
    ldp x3, x4, [x1]
    may_fault .Lcopy_out_bytes
    stp x5, x6, [x0, #16]
    may_fault .Lcopy_out_bytes
    stp x3, x4, [x0], #32
    add x1, x1, #32
    subs x2, x2, #32
    b.eq .Lcopy_out_end
4:
    tbz x2, #4, 5f
    ldp x3, x4, [x1]
    may_fault .Lcopy_out_bytes
    stp x3, x4, [x0], #16
    add x1, x1, #16
    subs x2, x2, #16
    b.eq .Lcopy_out_end
5:
    // The last 16 bytes once more, as a whole.
    sub x5, x2, #16
    add x6, x1, x5
    ldp x3, x4, [x6]
    add x6, x0, x5
    may_fault .Lcopy_out_bytes
    stp x3, x4, [x6]
    mov x0, #0
    ret
.Lcopy_out_block:
    sub x1, x1, #64
    add x2, x2, #64
    b .Lcopy_out_bytes

    // x0 = user target, x1 = length; returns x0 = bytes missing.
    .global __user_clear
__user_clear:
    subs x1, x1, #64
    b.lo 3f
2:
    may_fault .Lclear_block
    stp xzr, xzr, [x0, #16]
    may_fault .Lclear_block
    stp xzr, xzr, [x0, #32]
    may_fault .Lclear_block
    stp xzr, xzr, [x0, #48]
    may_fault .Lclear_block
    stp xzr, xzr, [x0], #64
    subs x1, x1, #64
    b.hs 2b
3:
    add x1, x1, #64
4:
    subs x1, x1, #8
    b.lo 5f
    may_fault .Lclear_word
    str xzr, [x0], #8
    b 4b
5:
    add x1, x1, #8
6:
    cbz x1, 7f
    may_fault 7f
    strb wzr, [x0], #1
    sub x1, x1, #1
    b 6b
7:
    mov x0, x1
    ret
.Lclear_block:
    add x1, x1, #64
    b 6b
.Lclear_word:
    add x1, x1, #8
    b 6b

    // x0 = target, x1 = user source, x2 = limit; returns x0 = length, x1 = 0 or 1 (fault) or 2 (too long).
    // Words are read where they don't cross a page, so that no page is touched beyond the string's last.
    .global __user_read_string
__user_read_string:
    mov x3, x0
    mov x9, #0x0101010101010101
    mov x10, #0x7f7f7f7f7f7f7f7f
2:
    cmp x2, #8
    b.lo 3f
    and x4, x1, #4095
    cmp x4, #4088
    b.hi 3f
    may_fault .Lstring_fault
    ldtr x5, [x1]
    sub x6, x5, x9
    orr x7, x5, x10
    str x5, [x0], #8
    bics x6, x6, x7
    b.ne 4f
    add x1, x1, #8
    sub x2, x2, #8
    b 2b
3:
    cbz x2, 5f
    may_fault .Lstring_fault
    ldtrb w5, [x1]
    cbz w5, 6f
    strb w5, [x0], #1
    add x1, x1, #1
    sub x2, x2, #1
    b 2b
4:
    // The lowest set bit is the top bit of the first zero byte.
    rbit x6, x6
    clz x6, x6
    sub x0, x0, #8
    add x0, x0, x6, lsr #3
6:
    sub x0, x0, x3
    mov x1, #0
    ret
5:
    sub x0, x0, x3
    mov x1, #2
    ret
.Lstring_fault:
    sub x0, x0, x3
    mov x1, #1
    ret

    // x0 = address, w1 = expected, w2 = new; returns x0 = word found, x1 = whether it failed.
    .global __user_compare_exchange
__user_compare_exchange:
2:
    may_fault .Lload_failed
    ldaxr w3, [x0]
    cmp w3, w1
    b.ne 3f
    may_fault .Lload_failed
    stlxr w4, w2, [x0]
    cbnz w4, 2b
3:
    dmb ish
    mov w0, w3
    mov x1, #0
    ret

__user_copy_top:

    .section .rodata.user_fixups, "a"
__user_fixups_end:
    .text
    "#
);

unsafe extern "C" {
    pub fn __user_load_1(address: u64) -> Loaded;
    pub fn __user_load_2(address: u64) -> Loaded;
    pub fn __user_load_4(address: u64) -> Loaded;
    pub fn __user_load_8(address: u64) -> Loaded;
    pub fn __user_store_1(address: u64, value: u64) -> u64;
    pub fn __user_store_2(address: u64, value: u64) -> u64;
    pub fn __user_store_4(address: u64, value: u64) -> u64;
    pub fn __user_store_8(address: u64, value: u64) -> u64;
    pub fn __user_copy_in_small(target: *mut u8, source: u64, length: usize) -> usize;
    pub fn __user_copy_in(target: *mut u8, source: u64, length: usize) -> usize;
    pub fn __user_copy_wide(target: u64, source: u64, length: usize) -> usize;
    pub fn __user_copy_out_small(target: u64, source: *const u8, length: usize) -> usize;
    pub fn __user_copy_out(target: u64, source: *const u8, length: usize) -> usize;
    pub fn __user_clear(target: u64, length: usize) -> usize;
    pub fn __user_read_string(target: *mut u8, source: u64, limit: usize) -> StringResult;
    pub fn __user_compare_exchange(address: u64, expected: u32, new: u32) -> Loaded;
    static __user_copy_base: u8;
    static __user_fixups: [u32; 2];
    static __user_fixups_end: [u32; 2];
}

/// Where to go on after a fault at `pc` that can't be mended; `None` if no routine of this module may fault there.
pub fn fixup(pc: u64) -> Option<u64> {
    let base = (&raw const __user_copy_base).expose_provenance() as u64;
    let first = &raw const __user_fixups;
    // SAFETY: the assembly above makes an array of pairs between the two symbols.
    let table = unsafe {
        let length = (&raw const __user_fixups_end).offset_from(first);
        core::slice::from_raw_parts(first, length as usize)
    };
    let offset = u32::try_from(pc.checked_sub(base)?).ok()?;
    let position = table.binary_search_by_key(&offset, |pair| pair[0]).ok()?;
    Some(base + u64::from(table[position][1]))
}
