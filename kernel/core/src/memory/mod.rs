//! User address spaces.

mod object;

pub use hal::page_table::Protection;
pub use object::{MemoryObject, SharedMemory};

/// Bytes in a page.
pub const PAGE_SIZE: u64 = 4096;
