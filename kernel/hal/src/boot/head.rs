//! Binds the entry code (head.s) to the tables, register values and functions it uses.

use crate::cpu::secondary;
use crate::kernel_map;
use crate::layout::IMAGE_BASE;
use core::arch::global_asm;

/// Little endian EL1, MMU and caches off: the bits that are one by definition.
const SCTLR_OFF: u64 = 0x30d0_0800;

/// M, C, SA, SA0, I; and for user programs cache maintenance (UCI), CTR_EL0 (UCT), DC ZVA (DZE) and WFE (nTWE).
const SCTLR_ON: u64 =
    SCTLR_OFF | 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 12 | 1 << 14 | 1 << 15 | 1 << 18 | 1 << 26;

/// 48-bit addresses, 4 KiB pages, tables cached and inner shareable on both sides, tagged user addresses (TBI0).
const TCR: u64 = {
    const SIDE: u64 = 16 | 1 << 8 | 1 << 10 | 3 << 12;
    SIDE | SIDE << 16 | 2 << 30 | 1 << 37
};

/// Index 0: Device-nGnRE, 1: Normal write-back, 2: Normal non-cacheable.
const MAIR: u64 = 0x44_ff_04;

global_asm!(
    include_str!("head.s"),
    identity_l0 = sym kernel_map::IDENTITY_L0,
    identity_l1 = sym kernel_map::IDENTITY_L1,
    identity_l2 = sym kernel_map::IDENTITY_L2,
    identity_block = const kernel_map::IDENTITY_BLOCK,
    root = sym kernel_map::ROOT,
    upper = sym kernel_map::UPPER,
    image_l2 = sym kernel_map::IMAGE_L2,
    image_l3 = sym kernel_map::IMAGE_L3,
    image_l0_offset = const (IMAGE_BASE >> 39 & 511) * 8,
    image_l1_offset = const (IMAGE_BASE >> 30 & 511) * 8,
    text_page = const kernel_map::Attributes::CODE.page(),
    rodata_page = const kernel_map::Attributes::CONSTANT.page(),
    data_page = const kernel_map::Attributes::DATA.page(),
    sctlr_off = const SCTLR_OFF,
    sctlr_on = const SCTLR_ON,
    tcr = const TCR,
    mair = const MAIR,
    primary_main = sym super::primary_main,
    secondaries = sym secondary::RECORDS,
    max_cpus = const crate::cpu::MAX_CPUS,
    secondary_main = sym secondary::secondary_main,
);
