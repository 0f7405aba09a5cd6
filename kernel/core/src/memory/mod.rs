//! User address spaces.
//!
//! An [`AddressSpace`] is a set of areas (what the program asked for) and a page table (what has been touched).
//! Areas say where pages come from: zeroed memory of their own, or a [`MemoryObject`] (a file's page cache,
//! shared memory). Pages come in at faults: `fault.rs` is the heart.
//!
//! Lock order: address space, then what a memory object locks to find a page. Nothing touches user memory or closes a
//! file with an address space locked.

mod access;
mod address_space;
mod advise;
mod area;
mod areas;
mod fault;
mod heap;
mod lock;
mod mapping;
mod mappings;
mod object;
mod protect;
mod remap;
mod request;
pub mod syscalls;
#[cfg(test)]
mod tests;
mod usage;

pub use address_space::{AddressSpace, LOWEST_ADDRESS, USER_END, WINDOW_END};
pub use advise::Advice;
pub use area::{Area, AreaFlags, Label, MappedObject, Source};
pub use areas::{GUARD_GAP, MAXIMUM_AREAS};
pub use fault::FaultSignal;
pub use hal::page_table::Protection;
pub use lock::LockMode;
pub use mappings::Mappings;
pub use object::{MemoryObject, SharedMemory};
pub use remap::RemapFlags;
pub use request::{Backing, Layout, MapRequest, MemoryLimits, Placement, Statistics};
pub use usage::Usage;

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;
