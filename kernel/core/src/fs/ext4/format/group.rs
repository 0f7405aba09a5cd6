//! Group descriptors: where a group's bitmaps and inodes are, and what is free in it.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The first half of a descriptor, all of it on a volume without 64-bit block numbers.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GroupLow {
    pub block_bitmap: U32,
    pub inode_bitmap: U32,
    pub inode_table: U32,
    pub free_blocks: U16,
    pub free_inodes: U16,
    pub directories: U16,
    pub flags: U16,
    pub exclusion_bitmap: U32,
    pub block_bitmap_checksum: U16,
    pub inode_bitmap_checksum: U16,
    pub unused_inodes: U16,
    pub checksum: U16,
}

/// The second half: upper parts of the numbers.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct GroupHigh {
    pub block_bitmap: U32,
    pub inode_bitmap: U32,
    pub inode_table: U32,
    pub free_blocks: U16,
    pub free_inodes: U16,
    pub directories: U16,
    pub unused_inodes: U16,
    pub exclusion_bitmap: U32,
    pub block_bitmap_checksum: U16,
    pub inode_bitmap_checksum: U16,
    pub reserved: U32,
}

/// Bytes of a half.
pub const HALF: usize = 32;

const _: () = assert!(size_of::<GroupLow>() == HALF && size_of::<GroupHigh>() == HALF);

/// What a descriptor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupFacts {
    pub block_bitmap: u64,
    pub inode_bitmap: u64,
    pub inode_table: u64,
    pub free_blocks: u32,
    pub free_inodes: u32,
    pub directories: u32,
}

fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

fn join_16(low: U16, high: U16) -> u32 {
    u32::from(low.get()) | u32::from(high.get()) << 16
}

/// Understands a descriptor; `None` if there are fewer than 32 bytes.
pub fn facts(bytes: &[u8]) -> Option<GroupFacts> {
    let (low, rest) = GroupLow::read_from_prefix(bytes).ok()?;
    let high = match GroupHigh::read_from_prefix(rest) {
        Ok((high, _)) => high,
        Err(_) => GroupHigh::read_from_bytes(&[0; HALF]).ok()?,
    };
    Some(GroupFacts {
        block_bitmap: join(low.block_bitmap.get(), high.block_bitmap.get()),
        inode_bitmap: join(low.inode_bitmap.get(), high.inode_bitmap.get()),
        inode_table: join(low.inode_table.get(), high.inode_table.get()),
        free_blocks: join_16(low.free_blocks, high.free_blocks),
        free_inodes: join_16(low.free_inodes, high.free_inodes),
        directories: join_16(low.directories, high.directories),
    })
}

/// Changes the counts of a descriptor; `None` if one would be negative, with nothing changed.
pub fn add(bytes: &mut [u8], blocks: i32, inodes: i32, directories: i32) -> Option<()> {
    let found = facts(bytes)?;
    let blocks = found.free_blocks.checked_add_signed(blocks)?;
    let inodes = found.free_inodes.checked_add_signed(inodes)?;
    let directories = found.directories.checked_add_signed(directories)?;
    let (low, rest) = GroupLow::mut_from_prefix(bytes).ok()?;
    low.free_blocks.set(blocks as u16);
    low.free_inodes.set(inodes as u16);
    low.directories.set(directories as u16);
    if let Ok((high, _)) = GroupHigh::mut_from_prefix(rest) {
        high.free_blocks.set((blocks >> 16) as u16);
        high.free_inodes.set((inodes >> 16) as u16);
        high.directories.set((directories >> 16) as u16);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_change_in_both_halves() {
        let mut bytes = [0; 64];
        add(&mut bytes, 70000, 5, 1).unwrap();
        let found = facts(&bytes).unwrap();
        assert_eq!((found.free_blocks, found.free_inodes), (70000, 5));
        assert_eq!(facts(&bytes[..32]).unwrap().free_blocks, 70000 - 65536);
        assert_eq!(add(&mut bytes, -70001, 0, 0), None);
        assert_eq!(facts(&bytes), Some(found));
    }
}
