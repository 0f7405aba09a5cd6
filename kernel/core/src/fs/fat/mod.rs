//! FAT12, FAT16 and FAT32 with long names, as Linux's vfat (Documentation/filesystems/vfat.rst).
//!
//! * [`table`]: the file allocation table. [`clusters`]: the chain of a file or directory, and its pages. [`region`]:
//!   pages of the volume outside the clusters. [`transfer`]: from pages to requests.
//! * [`directory`]: entries. [`name`]: rules of names. [`time`]: times. Structures are read and written by the crate
//!   hadris-fat-raw.
//! * [`instance`]: a mounted volume, what it has to write. [`boot`]: the boot sector and the information sector.
//! * [`inode`], [`rename`], [`attributes`], [`super_block`], [`options`]: what the rest of the kernel sees.
//!
//! Entries, the table and content are in page caches; nothing is written before it is synced or some seconds old, and in
//! no particular order, as on Linux: until the volume is unmounted it is marked as one to be checked. What makes no sense
//! on a volume gives `EIO`, one line in the log, and refuses further writing.
//!
//! # Locks
//! Sleeping: an inode's `change`, [`Instance::entries`], a chain, the table; page caches' own between those of which
//! they are the content. One lock of all entries is enough: what holds it waits for a disk at most when a directory is
//! read for the first time.

mod attributes;
mod boot;
mod clusters;
mod directory;
mod inode;
mod instance;
mod name;
mod options;
mod region;
mod rename;
mod super_block;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod transfer;

use instance::Instance;

pub use super_block::VFAT;
