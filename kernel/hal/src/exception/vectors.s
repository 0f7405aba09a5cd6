// The exception vectors. A frame of all registers (`UserRegisters`) is saved on the kernel stack; from user mode
// it is at the very top of the task's stack.

.macro save_registers
    stp     x0, x1, [sp, #16 * 0]
    stp     x2, x3, [sp, #16 * 1]
    stp     x4, x5, [sp, #16 * 2]
    stp     x6, x7, [sp, #16 * 3]
    stp     x8, x9, [sp, #16 * 4]
    stp     x10, x11, [sp, #16 * 5]
    stp     x12, x13, [sp, #16 * 6]
    stp     x14, x15, [sp, #16 * 7]
    stp     x16, x17, [sp, #16 * 8]
    stp     x18, x19, [sp, #16 * 9]
    stp     x20, x21, [sp, #16 * 10]
    stp     x22, x23, [sp, #16 * 11]
    stp     x24, x25, [sp, #16 * 12]
    stp     x26, x27, [sp, #16 * 13]
    stp     x28, x29, [sp, #16 * 14]
.endm

.macro restore_registers
    ldp     x0, x1, [sp, #16 * 0]
    ldp     x2, x3, [sp, #16 * 1]
    ldp     x4, x5, [sp, #16 * 2]
    ldp     x6, x7, [sp, #16 * 3]
    ldp     x8, x9, [sp, #16 * 4]
    ldp     x10, x11, [sp, #16 * 5]
    ldp     x12, x13, [sp, #16 * 6]
    ldp     x14, x15, [sp, #16 * 7]
    ldp     x16, x17, [sp, #16 * 8]
    ldp     x18, x19, [sp, #16 * 9]
    ldp     x20, x21, [sp, #16 * 10]
    ldp     x22, x23, [sp, #16 * 11]
    ldp     x24, x25, [sp, #16 * 12]
    ldp     x26, x27, [sp, #16 * 13]
    ldp     x28, x29, [sp, #16 * 14]
.endm

// An exception from user mode; the chain of frame pointers begins here.
.macro enter_from_user
    sub     sp, sp, #{frame_size}
    save_registers
    mrs     x21, sp_el0
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #16 * 15]
    stp     x22, x23, [sp, #16 * 16]
    mov     x29, xzr
.endm

// An exception in the kernel: first makes sure that there is a stack. The frame's sp is the interrupted one.
.macro enter_from_kernel
    sub     sp, sp, #{frame_size}
    add     sp, sp, x0
    sub     x0, sp, x0
    tbz     x0, #{stack_bit}, kernel_stack_overflow
    sub     x0, sp, x0
    sub     sp, sp, x0
    save_registers
    add     x21, sp, #{frame_size}
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #16 * 15]
    stp     x22, x23, [sp, #16 * 16]
.endm

.macro vector target
    .balign 128
    b       \target
.endm

.macro unexpected_vector number
    .balign 128
    sub     sp, sp, #{frame_size}
    stp     x0, x1, [sp]
    mov     x0, #\number
    b       unexpected_exception
.endm

.section .text.vectors, "ax"
.balign 2048
.global __vectors
__vectors:
    unexpected_vector 0
    unexpected_vector 1
    unexpected_vector 2
    unexpected_vector 3

    vector  kernel_synchronous
    vector  kernel_interrupt
    unexpected_vector 6
    unexpected_vector 7

    vector  user_synchronous
    vector  user_interrupt
    unexpected_vector 10
    vector  user_system_error

    unexpected_vector 12
    unexpected_vector 13
    unexpected_vector 14
    unexpected_vector 15

.type user_synchronous, %function
user_synchronous:
    enter_from_user
    mrs     x2, esr_el1
    lsr     x3, x2, #26
    cmp     x3, #0x15
    b.ne    user_exception
    mrs     x0, tpidr_el1
    mov     x1, sp
    msr     daifclr, #6
    bl      __gantry_syscall

// The way back to user mode, from wherever: the frame is at sp.
.global __return_to_user
.type __return_to_user, %function
__return_to_user:
    msr     daifset, #2
    mrs     x0, tpidr_el1
    ldr     w1, [x0, #{flags}]
    cbnz    w1, user_work
resume_user:
    ldp     x22, x23, [sp, #16 * 16]
    ldp     x30, x21, [sp, #16 * 15]
    msr     elr_el1, x22
    msr     spsr_el1, x23
    msr     sp_el0, x21
    restore_registers
    add     sp, sp, #{frame_size}
    eret

.type user_work, %function
user_work:
    mov     x1, sp
    msr     daifclr, #2
    bl      __gantry_user_return
    b       __return_to_user

.type user_exception, %function
user_exception:
    mrs     x0, tpidr_el1
    mov     x1, sp
    mrs     x3, far_el1
    bl      {handle_user_exception}
    b       __return_to_user

.type user_interrupt, %function
user_interrupt:
    enter_from_user
    bl      {handle_interrupt}
    b       __return_to_user

.type user_system_error, %function
user_system_error:
    enter_from_user
    mrs     x0, tpidr_el1
    mov     x1, sp
    mrs     x2, esr_el1
    bl      {handle_user_system_error}
    b       __return_to_user

.type kernel_synchronous, %function
kernel_synchronous:
    enter_from_kernel
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      {handle_kernel_exception}
    b       resume_kernel

.type kernel_interrupt, %function
kernel_interrupt:
    enter_from_kernel
    bl      {handle_interrupt}
    mrs     x0, tpidr_el1
    ldp     w1, w2, [x0]
    cbnz    w1, resume_kernel
    tbz     w2, #0, resume_kernel
    bl      {preempt}
resume_kernel:
    ldp     x22, x23, [sp, #16 * 16]
    ldr     x30, [sp, #16 * 15]
    msr     elr_el1, x22
    msr     spsr_el1, x23
    restore_registers
    add     sp, sp, #{frame_size}
    eret

// The stack pointer has left its stack: x0 = where it is now, sp = that plus the interrupted x0. User registers
// keep what has no other place; no user program goes on after this.
.type kernel_stack_overflow, %function
kernel_stack_overflow:
    msr     tpidrro_el0, x0
    sub     x0, sp, x0
    msr     sp_el0, x0
    msr     tpidr_el0, x30
    mrs     x0, tpidr_el1
    ldr     w0, [x0, #{cpu}]
    lsl     x0, x0, #3
    adrp    x30, {emergency_stacks}
    add     x30, x30, :lo12:{emergency_stacks}
    ldr     x0, [x30, x0]
    mov     sp, x0
    sub     sp, sp, #{frame_size}
    mrs     x0, sp_el0
    mrs     x30, tpidr_el0
    save_registers
    mrs     x21, tpidrro_el0
    add     x21, x21, #{frame_size}
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #16 * 15]
    stp     x22, x23, [sp, #16 * 16]
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    bl      {handle_stack_overflow}

// An exception there is no use for: x0 = the vector's number, the interrupted x0 and x1 are in the frame.
.type unexpected_exception, %function
unexpected_exception:
    msr     sp_el0, x0
    ldp     x0, x1, [sp]
    save_registers
    add     x21, sp, #{frame_size}
    mrs     x22, elr_el1
    mrs     x23, spsr_el1
    stp     x30, x21, [sp, #16 * 15]
    stp     x22, x23, [sp, #16 * 16]
    mov     x0, sp
    mrs     x1, esr_el1
    mrs     x2, far_el1
    mrs     x3, sp_el0
    bl      {handle_unexpected}
