//! What ext4's structures look like on the disk (Linux: Documentation/filesystems/ext4; all numbers little-endian).
//! Extent trees, directories and extended attributes are described where they are read and written.

pub mod group;
pub mod inode;
pub mod super_block;
mod time;
