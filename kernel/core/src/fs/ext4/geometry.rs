//! How a volume is divided: what the super block says, checked.

use super::format::super_block::{
    COMPATIBLE_JOURNAL, INCOMPATIBLE_64_BIT, INCOMPATIBLE_CHECKSUM_SEED, INCOMPATIBLE_EXTENTS,
    INCOMPATIBLE_FILE_TYPES, INCOMPATIBLE_FLEXIBLE_GROUPS, INCOMPATIBLE_RECOVER, MAGIC,
    READ_ONLY_DIRECTORY_LINKS, READ_ONLY_EXTRA_SIZE, READ_ONLY_HUGE_FILE, READ_ONLY_LARGE_FILE,
    READ_ONLY_SPARSE, SUPER_BLOCK_OFFSET, SuperBlock,
};
use super::format::{group, inode};
use crate::block::{SECTOR, Volume};
use crate::log;
use crate::{Errno, Result};
use zerocopy::{FromZeros, IntoBytes};

/// Features that are understood; with an unknown one there is no mounting.
const KNOWN_INCOMPATIBLE: u32 = INCOMPATIBLE_FILE_TYPES
    | INCOMPATIBLE_RECOVER
    | INCOMPATIBLE_EXTENTS
    | INCOMPATIBLE_64_BIT
    | INCOMPATIBLE_FLEXIBLE_GROUPS
    | INCOMPATIBLE_CHECKSUM_SEED;
/// Features without which there would be no telling what a directory or a file holds.
const NEEDED_INCOMPATIBLE: u32 = INCOMPATIBLE_EXTENTS | INCOMPATIBLE_FILE_TYPES;
/// Features that are understood by who writes; with an unknown one the volume is read only.
const KNOWN_READ_ONLY: u32 = READ_ONLY_SPARSE
    | READ_ONLY_LARGE_FILE
    | READ_ONLY_HUGE_FILE
    | READ_ONLY_DIRECTORY_LINKS
    | READ_ONLY_EXTRA_SIZE;

/// Largest block size: a page.
const MAXIMUM_BLOCK_BITS: u32 = 2;

/// A place in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The block.
    pub block: u64,
    /// Bytes from its start.
    pub offset: usize,
}

/// The division of a volume. It doesn't change while it is mounted.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Bytes of a block: 1024, 2048 or 4096.
    pub block_size: usize,
    /// Blocks of the volume.
    pub blocks: u64,
    /// The first block of the first group.
    pub first_block: u64,
    pub blocks_per_group: u32,
    pub inodes_per_group: u32,
    pub groups: u32,
    pub inodes: u32,
    /// The first inode that isn't reserved.
    pub first_inode: u32,
    /// Bytes of an inode.
    pub inode_size: usize,
    /// Bytes beyond the first 128 that fields of a new inode take.
    pub extra_size: u16,
    descriptor_size: usize,
    /// Only some groups have copies of the super block and the descriptors.
    pub has_sparse_copies: bool,
    reserved_descriptor_blocks: u64,
    /// Blocks that only the administrator may take, and who else.
    pub reserved_blocks: u64,
    pub reserved_owner: u32,
    /// The inode of the journal, if there is one.
    pub journal: Option<u32>,
    /// There are features that forbid writing.
    pub must_not_write: bool,
}

/// Reads the super block.
///
/// # Errors
/// `EINVAL` if the volume is too small for one; `EIO`, `ENOMEM`.
pub fn read_super_block(volume: &Volume) -> Result<SuperBlock> {
    let mut super_block = SuperBlock::new_zeroed();
    volume.read_bytes(SUPER_BLOCK_OFFSET, super_block.as_mut_bytes())?;
    Ok(super_block)
}

impl Geometry {
    /// Understands a super block of a volume of so many bytes.
    ///
    /// # Errors
    /// `EINVAL` for what is no ext4, has features that are unknown, or makes no sense; the log says which.
    pub fn new(super_block: &SuperBlock, name: &str, volume_size: u64) -> Result<Self> {
        if super_block.magic.get() != MAGIC {
            return Err(Errno::EINVAL);
        }
        let incompatible = super_block.incompatible.get();
        let unknown = incompatible & !KNOWN_INCOMPATIBLE;
        if unknown != 0 || incompatible & NEEDED_INCOMPATIBLE != NEEDED_INCOMPATIBLE {
            log::warn!("ext4: {name}: features {incompatible:#x} can't be mounted");
            return Err(Errno::EINVAL);
        }
        let found = Self::divide(super_block).filter(|found| {
            found
                .blocks
                .checked_mul(found.block_size as u64)
                .is_some_and(|size| size <= volume_size)
        });
        let Some(mut found) = found else {
            log::warn!("ext4: {name}: the super block makes no sense");
            return Err(Errno::EINVAL);
        };
        let unwritable = super_block.read_only_compatible.get() & !KNOWN_READ_ONLY;
        if unwritable != 0 {
            log::warn!("ext4: {name}: features {unwritable:#x} can't be written: read only");
            found.must_not_write = true;
        }
        Ok(found)
    }

    /// The division; `None` if it is impossible.
    fn divide(super_block: &SuperBlock) -> Option<Self> {
        let bits = super_block.block_bits.get();
        if bits > MAXIMUM_BLOCK_BITS || super_block.revision.get() != 1 {
            return None;
        }
        let block_size = 1024 << bits;
        let blocks = super_block.blocks();
        let first_block = u64::from(super_block.first_data_block.get());
        let blocks_per_group = super_block.blocks_per_group.get();
        let inodes_per_group = super_block.inodes_per_group.get();
        let inode_size = usize::from(super_block.inode_size.get());
        let bitmap_bits = block_size as u32 * 8;
        let sensible = first_block == u64::from(block_size == 1024)
            && blocks > first_block
            && (8..=bitmap_bits).contains(&blocks_per_group)
            && blocks_per_group.is_multiple_of(8)
            && (8..=bitmap_bits).contains(&inodes_per_group)
            && inodes_per_group.is_multiple_of(8)
            && inode_size.is_power_of_two()
            && (inode::OLD_SIZE..=block_size).contains(&inode_size);
        if !sensible {
            return None;
        }
        let groups = (blocks - first_block).div_ceil(blocks_per_group.into());
        let groups = u32::try_from(groups).ok()?;
        let inodes = groups.checked_mul(inodes_per_group)?;
        let descriptor_size = if super_block.incompatible.get() & INCOMPATIBLE_64_BIT != 0 {
            usize::from(super_block.descriptor_size.get())
        } else if blocks > u32::MAX.into() {
            return None;
        } else {
            group::HALF
        };
        let descriptors_sensible = descriptor_size.is_power_of_two()
            && (group::HALF..=block_size).contains(&descriptor_size);
        let first_inode = super_block.first_inode.get();
        if inodes != super_block.inodes.get() || !descriptors_sensible || first_inode < 11 {
            return None;
        }
        let room = (inode_size - inode::OLD_SIZE).min(inode::EXTRA_SIZE) as u16;
        let has_journal = super_block.compatible.get() & COMPATIBLE_JOURNAL != 0;
        Some(Self {
            block_size,
            blocks,
            first_block,
            blocks_per_group,
            inodes_per_group,
            groups,
            inodes,
            first_inode,
            inode_size,
            extra_size: room,
            descriptor_size,
            has_sparse_copies: super_block.read_only_compatible.get() & READ_ONLY_SPARSE != 0,
            reserved_descriptor_blocks: super_block.reserved_descriptor_blocks.get().into(),
            reserved_blocks: super_block.reserved_blocks(),
            reserved_owner: super_block.reserved_owner.get().into(),
            journal: has_journal.then(|| super_block.journal_inode.get()),
            must_not_write: false,
        })
    }

    /// Where the super block is.
    pub fn super_block(&self) -> Place {
        Place {
            block: SUPER_BLOCK_OFFSET / self.block_size as u64,
            offset: SUPER_BLOCK_OFFSET as usize % self.block_size,
        }
    }

    /// Where the descriptor of a group is, and how long.
    pub fn descriptor(&self, group: u32) -> (Place, usize) {
        let per_block = (self.block_size / self.descriptor_size) as u32;
        let place = Place {
            block: self.first_block + 1 + u64::from(group / per_block),
            offset: (group % per_block) as usize * self.descriptor_size,
        };
        (place, self.descriptor_size)
    }

    /// Blocks of a copy of the descriptors, with those that are kept for more.
    pub fn descriptor_blocks(&self) -> u64 {
        let per_block = (self.block_size / self.descriptor_size) as u64;
        u64::from(self.groups).div_ceil(per_block) + self.reserved_descriptor_blocks
    }

    /// Blocks of an inode table.
    pub fn table_blocks(&self) -> u64 {
        (u64::from(self.inodes_per_group) * self.inode_size as u64).div_ceil(self.block_size as u64)
    }

    /// Whether this is a run of the volume's blocks, behind the super block.
    pub fn has_run(&self, start: u64, count: u64) -> bool {
        start > self.first_block
            && count > 0
            && start
                .checked_add(count)
                .is_some_and(|end| end <= self.blocks)
    }

    /// The group of a block, and its place in the group. The block is one of the volume's.
    pub fn group_of(&self, block: u64) -> (u32, u32) {
        let from_first = block.saturating_sub(self.first_block);
        let per_group = u64::from(self.blocks_per_group);
        (
            (from_first / per_group) as u32,
            (from_first % per_group) as u32,
        )
    }

    /// The first block of a group.
    pub fn group_start(&self, group: u32) -> u64 {
        self.first_block + u64::from(group) * u64::from(self.blocks_per_group)
    }

    /// Blocks of a group; the last one may have fewer.
    pub fn group_blocks(&self, group: u32) -> u32 {
        let left = self.blocks.saturating_sub(self.group_start(group));
        left.min(self.blocks_per_group.into()) as u32
    }

    /// The first sector of a block.
    pub fn sector(&self, block: u64) -> u64 {
        block * (self.block_size as u64 / SECTOR)
    }
}
