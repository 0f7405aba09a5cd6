//! What a caller asks of an address space: mappings, limits, the program's layout.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering};

use hal::page_table::Protection;

use super::MemoryObject;
use super::area::{AreaFlags, Label};
use crate::vfs::File;

/// Where a mapping goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The highest free range below the mapping base.
    Anywhere,
    /// At this address if it is free there, else anywhere.
    Hint(u64),
    /// At this address, in place of whatever is there (MAP_FIXED).
    Fixed(u64),
    /// At this address; EEXIST if something is there (MAP_FIXED_NOREPLACE).
    FixedNoReplace(u64),
}

/// What a mapping shows.
#[derive(Clone)]
pub enum Backing {
    /// Zeroed memory.
    Anonymous,
    /// An open file's pages.
    File {
        /// The open file description; its operations must give a memory object (else ENODEV).
        file: Arc<File>,
        /// Byte offset of the first page, a multiple of the page size.
        offset: u64,
    },
    /// A kernel object's pages, from its first one.
    Object(Arc<dyn MemoryObject>),
}

/// A new mapping, as mmap(2), exec and the kernel itself ask for it.
#[derive(Clone)]
pub struct MapRequest {
    /// Where.
    pub placement: Placement,
    /// Bytes, rounded up to whole pages; not 0.
    pub length: u64,
    /// What user code may do.
    pub protection: Protection,
    /// Writes reach the object and are seen by children after fork.
    pub shared: bool,
    /// What is mapped.
    pub backing: Backing,
    /// NO_RESERVE, GROWS_DOWN, LOCKED as asked for; the others are derived.
    pub flags: AreaFlags,
    /// Take all pages now (MAP_POPULATE).
    pub populate: bool,
    /// Name in /proc/N/maps.
    pub label: Label,
}

impl MapRequest {
    /// Private zeroed memory anywhere; change the fields for anything else.
    pub fn anonymous(length: u64, protection: Protection) -> MapRequest {
        MapRequest {
            placement: Placement::Anywhere,
            length,
            protection,
            shared: false,
            backing: Backing::Anonymous,
            flags: AreaFlags::empty(),
            populate: false,
            label: Label::None,
        }
    }

    /// A private mapping of `file` from byte `offset` anywhere; change the fields for anything else.
    pub fn file(file: Arc<File>, offset: u64, length: u64, protection: Protection) -> MapRequest {
        MapRequest {
            backing: Backing::File { file, offset },
            ..MapRequest::anonymous(length, protection)
        }
    }
}

/// The resource limits an address space observes, in bytes; `u64::MAX` is unlimited.
///
/// setrlimit(2) and exec store them here, so that a fault needs no look at the process.
pub struct MemoryLimits {
    /// RLIMIT_AS.
    pub address_space: AtomicU64,
    /// RLIMIT_DATA.
    pub data: AtomicU64,
    /// RLIMIT_STACK.
    pub stack: AtomicU64,
    /// RLIMIT_MEMLOCK.
    pub locked: AtomicU64,
}

impl Default for MemoryLimits {
    /// Linux's defaults: 8 MiB of stack, 8 MiB locked, the rest unlimited.
    fn default() -> MemoryLimits {
        MemoryLimits {
            address_space: AtomicU64::new(u64::MAX),
            data: AtomicU64::new(u64::MAX),
            stack: AtomicU64::new(8 << 20),
            locked: AtomicU64::new(8 << 20),
        }
    }
}

impl MemoryLimits {
    /// The same limits for a child.
    pub fn copy(&self) -> MemoryLimits {
        let copy = |limit: &AtomicU64| AtomicU64::new(limit.load(Ordering::Relaxed));
        MemoryLimits {
            address_space: copy(&self.address_space),
            data: copy(&self.data),
            stack: copy(&self.stack),
            locked: copy(&self.locked),
        }
    }
}

/// Where exec put the parts of the program, for brk(2) and /proc.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Program text.
    pub code_start: u64,
    /// Behind the program text.
    pub code_end: u64,
    /// Initialised data.
    pub data_start: u64,
    /// Behind the data.
    pub data_end: u64,
    /// First address of the heap that brk(2) moves.
    pub heap_start: u64,
    /// The stack pointer at the program's start.
    pub stack_start: u64,
    /// First argument string.
    pub arguments_start: u64,
    /// Behind the last argument string.
    pub arguments_end: u64,
    /// First environment string.
    pub environment_start: u64,
    /// Behind the last environment string.
    pub environment_end: u64,
}

/// Sizes in pages, as /proc/N/statm and status report them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Mapped address space.
    pub total: u64,
    /// Largest `total` so far.
    pub peak_total: u64,
    /// Pages with a frame behind them.
    pub resident: u64,
    /// Largest `resident` seen.
    pub peak_resident: u64,
    /// Program text.
    pub text: u64,
    /// Private writable areas.
    pub data: u64,
    /// Areas that grow down.
    pub stack: u64,
    /// Locked areas.
    pub locked: u64,
}
