// The kernel's entry from the boot loader, by the Linux arm64 boot protocol
// (Documentation/arch/arm64/booting.rst), and the entry of the further CPUs. Runs at the physical address with
// the MMU off until `enable_mmu` returns to the linked address.
//
// Registers kept through: x20 = device tree, x21 = physical address of the image, x19 = 0 on the boot CPU.

.section .head.text, "ax"
.global _start
_start:
    // Image header.
    b       primary_entry               // code0
    .long   0                           // code1
    .quad   0                           // text_offset
    .quad   __image_length              // image_size
    .quad   0b1010                      // flags: little endian, 4 KiB pages, anywhere in memory
    .quad   0
    .quad   0
    .quad   0
    .ascii  "ARM\x64"
    .long   0

.type primary_entry, %function
primary_entry:
    mov     x20, x0
    mov     x19, xzr
    bl      enter_el1
    adr     x21, _start

    // Clear the page tables. Stale cache lines over them are dropped when they are complete.
    adrp    x0, __early_tables_start
    adrp    x1, __early_tables_end
1:  stp     xzr, xzr, [x0], #16
    cmp     x0, x1
    b.lo    1b

    // Identity map: the 2 MiB that hold this code, read-only.
    adrp    x0, {identity_l0}
    adrp    x1, {identity_l1}
    adrp    x2, {identity_l2}
    ubfx    x3, x21, #39, #9
    orr     x4, x1, #3
    str     x4, [x0, x3, lsl #3]
    ubfx    x3, x21, #30, #9
    orr     x4, x2, #3
    str     x4, [x1, x3, lsl #3]
    ubfx    x3, x21, #21, #9
    ldr     x4, ={identity_block}
    orr     x4, x4, x21
    str     x4, [x2, x3, lsl #3]

    // The image at its linked address: tables ...
    adrp    x0, {root}
    adrp    x1, {upper}
    orr     x4, x1, #3
    str     x4, [x0, #{image_l0_offset}]
    adrp    x2, {image_l2}
    orr     x4, x2, #3
    str     x4, [x1, #{image_l1_offset}]
    adrp    x3, {image_l3}
    orr     x4, x3, #3
    mov     x5, #4
2:  str     x4, [x2], #8
    add     x4, x4, #4096
    subs    x5, x5, #1
    b.ne    2b
    // ... and pages: code, constants, data. x4 = physical address.
    mov     x4, x21
    ldr     x5, ={text_page}
    adrp    x6, __text_end
    bl      map_pages
    ldr     x5, ={rodata_page}
    adrp    x6, __rodata_end
    bl      map_pages
    ldr     x5, ={data_page}
    adrp    x6, __image_end
    bl      map_pages

    // The tables were written past the caches.
    dmb     sy
    adrp    x0, __early_tables_start
    adrp    x1, __early_tables_end
    mrs     x2, ctr_el0
    ubfx    x2, x2, #16, #4
    mov     x3, #4
    lsl     x3, x3, x2
3:  dc      ivac, x0
    add     x0, x0, x3
    cmp     x0, x1
    b.lo    3b
    dsb     sy

    ldr     x30, =primary_high
    b       enable_mmu

// Entry of the further CPUs: PSCI's and the spin table's.
.global __secondary_entry
.type __secondary_entry, %function
__secondary_entry:
    mov     x19, #1
    bl      enter_el1
    adr     x21, _start
    ldr     x30, =secondary_high
    b       enable_mmu

// Maps pages from x4 up to x6 with attributes x5; x3 = the next entry.
.type map_pages, %function
map_pages:
    cmp     x4, x6
    b.hs    5f
4:  orr     x7, x4, x5
    str     x7, [x3], #8
    add     x4, x4, #4096
    cmp     x4, x6
    b.lo    4b
5:  ret

// From EL2 or EL1 to EL1, MMU and caches off, all interrupts masked.
.type enter_el1, %function
enter_el1:
    msr     daifset, #0xf
    mrs     x0, currentel
    cmp     x0, #(2 << 2)
    ldr     x1, ={sctlr_off}
    b.eq    6f
    msr     sctlr_el1, x1
    isb
    ret
6:  msr     sctlr_el1, x1
    mov     x0, #(1 << 31)              // HCR_EL2.RW: EL1 is AArch64, nothing trapped
    msr     hcr_el2, x0
    mrs     x0, cnthctl_el2
    orr     x0, x0, #3                  // EL1 may use the physical counter and timer
    msr     cnthctl_el2, x0
    msr     cntvoff_el2, xzr
    mrs     x0, midr_el1
    msr     vpidr_el2, x0
    mrs     x0, mpidr_el1
    msr     vmpidr_el2, x0
    mov     x0, #0x33ff                 // no traps of floating point
    msr     cptr_el2, x0
    msr     hstr_el2, xzr
    msr     vttbr_el2, xzr
    mrs     x0, id_aa64dfr0_el1         // all performance counters belong to EL1
    ubfx    x0, x0, #8, #4
    cmp     x0, #1
    mov     x1, xzr
    b.lt    7f
    cmp     x0, #15
    b.eq    7f
    mrs     x1, pmcr_el0
    ubfx    x1, x1, #11, #5
7:  msr     mdcr_el2, x1
    mrs     x0, id_aa64pfr0_el1         // GICv3 registers
    ubfx    x0, x0, #24, #4
    cbz     x0, 8f
    mrs     x0, S3_4_C12_C9_5           // ICC_SRE_EL2
    orr     x0, x0, #1                  // SRE
    orr     x0, x0, #8                  // Enable
    msr     S3_4_C12_C9_5, x0
    isb
    mrs     x0, S3_4_C12_C9_5
    tbz     x0, #0, 8f
    msr     S3_4_C12_C11_0, xzr         // ICH_HCR_EL2
8:  mov     x0, #0x3c5                  // EL1 with its own stack, all masked
    msr     spsr_el2, x0
    msr     elr_el2, x30
    eret

// Turns the MMU on and goes to x30, an address of the linked image.
.type enable_mmu, %function
enable_mmu:
    ldr     x0, ={mair}
    msr     mair_el1, x0
    ldr     x0, ={tcr}
    mrs     x1, id_aa64mmfr0_el1
    and     x2, x1, #0xf                // physical address size, at most 48 bits
    cmp     x2, #5
    mov     x3, #5
    csel    x2, x2, x3, lo
    bfi     x0, x2, #32, #3
    ubfx    x2, x1, #4, #4              // ASIDs of 16 bits where there are
    cmp     x2, #2
    cset    x2, eq
    bfi     x0, x2, #36, #1
    msr     tcr_el1, x0
    adrp    x0, {identity_l0}
    msr     ttbr0_el1, x0
    adrp    x0, {root}
    msr     ttbr1_el1, x0
    mov     x0, #(3 << 20)              // CPACR_EL1: floating point for EL0 and EL1
    msr     cpacr_el1, x0
    mov     x0, #(1 << 12)              // MDSCR_EL1: the debug communication channel not from EL0
    msr     mdscr_el1, x0
    ic      iallu
    tlbi    vmalle1
    dsb     sy
    isb
    ldr     x0, ={sctlr_on}
    msr     sctlr_el1, x0
    isb
    br      x30
.ltorg

.section .text, "ax"
.type primary_high, %function
primary_high:
    ldr     x0, =__bss_start
    ldr     x1, =__bss_end
9:  cmp     x0, x1
    b.hs    10f
    stp     xzr, xzr, [x0], #16
    b       9b
10: ldr     x0, =__boot_stack_top
    mov     sp, x0
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x20
    mov     x1, x21
    b       {primary_main}

// Finds this CPU's record by its affinity; a CPU that nobody called waits for ever.
.type secondary_high, %function
secondary_high:
    mrs     x0, mpidr_el1
    ldr     x1, =0xff00ffffff
    and     x0, x0, x1
    ldr     x1, ={secondaries}
    mov     x2, xzr
11: ldp     x3, x4, [x1], #16
    cmp     x3, x0
    b.ne    12f
    cbnz    x4, 14f
12: add     x2, x2, #1
    cmp     x2, #{max_cpus}
    b.ne    11b
13: wfi
    b       13b
14: mov     sp, x4
    mov     x29, xzr
    mov     x30, xzr
    mov     x0, x2
    b       {secondary_main}
.ltorg
