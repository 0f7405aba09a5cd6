//! ext4 (Documentation/filesystems/ext4).
//!
//! * [`journal`]: what makes changes of metadata atomic, and the cache of metadata blocks. [`checksum`]: CRC32C.

pub mod checksum;
pub mod journal;
