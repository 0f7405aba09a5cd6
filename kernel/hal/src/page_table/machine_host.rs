//! The host has no translations to look after.

/// Bits of an ASID.
pub fn asid_bits() -> u32 {
    8
}

/// Runs this CPU in the address space with a root table (physical address) under an ASID.
pub fn set_user_table(_root: u64, _asid: u64) {}

/// Runs this CPU in no user address space.
pub fn set_no_user_table() {}

/// Makes earlier changes of entries visible to table walks.
pub fn publish() {}

/// Drops all translations of this CPU.
pub fn invalidate_this_cpu() {}

/// Drops all CPUs' translations for an ASID.
pub fn invalidate_asid(_asid: u64) {}

/// Drops all CPUs' translations of pages from `start` to `end` for an ASID.
pub fn invalidate_pages(_asid: u64, _start: u64, _end: u64) {}
