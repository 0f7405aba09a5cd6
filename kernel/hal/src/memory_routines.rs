//! The memory routines the compiler calls: copying, filling and comparing without floating-point registers.
//!
//! Up to 64 bytes are loaded as a whole before anything is stored, with a first and a last part that may
//! overlap, so short lengths take a few instructions and no loop.

use core::arch::global_asm;

global_asm!(
    r#"
    .section .text.memory_routines, "ax"
    .balign 4

    // x0 = target, x1 = source, x2 = length; returns the target.
    .global memcpy
memcpy:
    add x4, x1, x2
    add x5, x0, x2
    cmp x2, #16
    b.hi 5f
    cmp x2, #8
    b.lo 2f
    ldr x6, [x1]
    ldr x7, [x4, #-8]
    str x6, [x0]
    str x7, [x5, #-8]
    ret
2:
    tbz x2, #2, 3f
    ldr w6, [x1]
    ldr w7, [x4, #-4]
    str w6, [x0]
    str w7, [x5, #-4]
    ret
3:
    cbz x2, 4f
    // One to three bytes: the first, the middle one and the last.
    lsr x8, x2, #1
    ldrb w6, [x1]
    ldrb w7, [x4, #-1]
    ldrb w9, [x1, x8]
    strb w6, [x0]
    strb w9, [x0, x8]
    strb w7, [x5, #-1]
4:
    ret
5:
    cmp x2, #32
    b.hi 6f
    ldp x6, x7, [x1]
    ldp x8, x9, [x4, #-16]
    stp x6, x7, [x0]
    stp x8, x9, [x5, #-16]
    ret
6:
    cmp x2, #64
    b.hi 7f
    ldp x6, x7, [x1]
    ldp x8, x9, [x1, #16]
    ldp x10, x11, [x4, #-32]
    ldp x12, x13, [x4, #-16]
    stp x6, x7, [x0]
    stp x8, x9, [x0, #16]
    stp x10, x11, [x5, #-32]
    stp x12, x13, [x5, #-16]
    ret
7:
    mov x3, x0
    sub x2, x2, #64
8:
    ldp x8, x9, [x1, #16]
    ldp x10, x11, [x1, #32]
    ldp x12, x13, [x1, #48]
    ldp x6, x7, [x1], #64
    stp x8, x9, [x3, #16]
    stp x10, x11, [x3, #32]
    stp x12, x13, [x3, #48]
    stp x6, x7, [x3], #64
    subs x2, x2, #64
    b.hi 8b
    // The last 64 bytes.
    ldp x6, x7, [x4, #-64]
    ldp x8, x9, [x4, #-48]
    ldp x10, x11, [x4, #-32]
    ldp x12, x13, [x4, #-16]
    stp x6, x7, [x5, #-64]
    stp x8, x9, [x5, #-48]
    stp x10, x11, [x5, #-32]
    stp x12, x13, [x5, #-16]
    ret

    // As memcpy, for ranges that may overlap.
    .global memmove
memmove:
    cmp x2, #64
    b.ls memcpy
    sub x3, x0, x1
    cmp x3, x2
    b.lo 4f
    neg x3, x3
    cmp x3, x2
    b.hs memcpy
    // The target begins before the source and overlaps it: forwards.
    mov x3, x0
    sub x2, x2, #16
2:
    ldp x6, x7, [x1], #16
    stp x6, x7, [x3], #16
    subs x2, x2, #16
    b.hs 2b
    add x2, x2, #16
3:
    cbz x2, 6f
    ldrb w6, [x1], #1
    strb w6, [x3], #1
    sub x2, x2, #1
    b 3b
4:
    // The target begins within the source: backwards.
    add x4, x1, x2
    add x5, x0, x2
    sub x2, x2, #16
5:
    ldp x6, x7, [x4, #-16]!
    stp x6, x7, [x5, #-16]!
    subs x2, x2, #16
    b.hs 5b
    add x2, x2, #16
7:
    cbz x2, 6f
    ldrb w6, [x4, #-1]!
    strb w6, [x5, #-1]!
    sub x2, x2, #1
    b 7b
6:
    ret

    // x0 = target, w1 = byte, x2 = length; returns the target.
    .global memset
memset:
    and w1, w1, #0xff
    mov x3, #0x0101010101010101
    mul x1, x1, x3
    add x5, x0, x2
    cmp x2, #16
    b.hi 4f
    cmp x2, #8
    b.lo 2f
    str x1, [x0]
    str x1, [x5, #-8]
    ret
2:
    tbz x2, #2, 3f
    str w1, [x0]
    str w1, [x5, #-4]
    ret
3:
    cbz x2, 9f
    lsr x8, x2, #1
    strb w1, [x0]
    strb w1, [x0, x8]
    strb w1, [x5, #-1]
    ret
4:
    mov x3, x0
    cmp x2, #64
    b.hi 6f
    // 17 to 64 bytes: all before the last 16, then these.
    sub x2, x2, #16
5:
    stp x1, x1, [x3], #16
    subs x2, x2, #16
    b.hi 5b
    stp x1, x1, [x5, #-16]
    ret
6:
    cmp x2, #256
    b.hs 10f
7:
    sub x2, x2, #64
8:
    stp x1, x1, [x3, #16]
    stp x1, x1, [x3, #32]
    stp x1, x1, [x3, #48]
    stp x1, x1, [x3], #64
    subs x2, x2, #64
    b.hi 8b
    stp x1, x1, [x5, #-64]
    stp x1, x1, [x5, #-48]
    stp x1, x1, [x5, #-32]
    stp x1, x1, [x5, #-16]
9:
    ret
10:
    // Many zeros: by cache blocks, where these have 64 bytes and the instruction is allowed.
    cbnz x1, 7b
    mrs x6, dczid_el0
    cmp x6, #4
    b.ne 7b
    stp xzr, xzr, [x3]
    stp xzr, xzr, [x3, #16]
    stp xzr, xzr, [x3, #32]
    stp xzr, xzr, [x3, #48]
    add x3, x3, #64
    and x3, x3, #~63
    sub x2, x5, #256
11:
    cmp x3, x2
    b.hi 12f
    dc zva, x3
    add x3, x3, #64
    dc zva, x3
    add x3, x3, #64
    dc zva, x3
    add x3, x3, #64
    dc zva, x3
    add x3, x3, #64
    b 11b
12:
    // Up to 255 bytes are left, and the 64 before the end are within the target.
    sub x2, x5, x3
    cmp x2, #64
    b.hi 7b
    stp xzr, xzr, [x5, #-64]
    stp xzr, xzr, [x5, #-48]
    stp xzr, xzr, [x5, #-32]
    stp xzr, xzr, [x5, #-16]
    ret

    // x0, x1 = two ranges, x2 = length; returns less than, equal to or greater than 0.
    .global memcmp
    .global bcmp
memcmp:
bcmp:
    subs x2, x2, #8
    b.lo 4f
    b.eq 3f
2:
    ldr x3, [x0], #8
    ldr x4, [x1], #8
    cmp x3, x4
    b.ne 7f
    subs x2, x2, #8
    b.hi 2b
3:
    // The last eight bytes, some of them for the second time.
    ldr x3, [x0, x2]
    ldr x4, [x1, x2]
    cmp x3, x4
    b.ne 7f
    mov w0, #0
    ret
4:
    add x2, x2, #8
    tbz x2, #2, 5f
    ldr w3, [x0]
    ldr w4, [x1]
    cmp w3, w4
    b.ne 7f
    sub x2, x2, #4
    ldr w3, [x0, x2]
    ldr w4, [x1, x2]
    cmp w3, w4
    b.ne 7f
    mov w0, #0
    ret
5:
    cbz x2, 6f
    ldrb w3, [x0], #1
    ldrb w4, [x1], #1
    sub x2, x2, #1
    cmp w3, w4
    b.eq 5b
    sub w0, w3, w4
    ret
6:
    mov w0, #0
    ret
7:
    // The first byte that differs decides: compare as big-endian numbers.
    rev x3, x3
    rev x4, x4
    cmp x3, x4
    cset w0, ne
    cneg w0, w0, lo
    ret

    .text
    "#
);
