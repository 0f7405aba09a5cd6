//! The super block: what the volume as a whole is like.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where it is, in bytes from the start of the volume.
pub const SUPER_BLOCK_OFFSET: u64 = 1024;
/// Its length in bytes.
pub const SUPER_BLOCK_SIZE: usize = 1024;
/// Its magic number.
pub const MAGIC: u16 = 0xef53;

/// States of the volume (`s_state`).
pub const STATE_VALID: u16 = 1;
pub const STATE_ERRORS: u16 = 2;

/// Features that may be unknown.
pub const COMPATIBLE_JOURNAL: u32 = 0x4;
pub const COMPATIBLE_ATTRIBUTES: u32 = 0x8;

/// Features without which the volume can't be read.
pub const INCOMPATIBLE_FILE_TYPES: u32 = 0x2;
pub const INCOMPATIBLE_RECOVER: u32 = 0x4;
pub const INCOMPATIBLE_EXTENTS: u32 = 0x40;
pub const INCOMPATIBLE_64_BIT: u32 = 0x80;
pub const INCOMPATIBLE_FLEXIBLE_GROUPS: u32 = 0x200;
/// It says from what checksums are computed, for those that write them.
pub const INCOMPATIBLE_CHECKSUM_SEED: u32 = 0x2000;

/// Features without which the volume can't be written.
pub const READ_ONLY_SPARSE: u32 = 0x1;
pub const READ_ONLY_LARGE_FILE: u32 = 0x2;
pub const READ_ONLY_HUGE_FILE: u32 = 0x8;
pub const READ_ONLY_DIRECTORY_LINKS: u32 = 0x20;
pub const READ_ONLY_EXTRA_SIZE: u32 = 0x40;

/// The super block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SuperBlock {
    pub inodes: U32,
    pub blocks_low: U32,
    /// Blocks that only the administrator may take.
    pub reserved_blocks_low: U32,
    pub free_blocks_low: U32,
    pub free_inodes: U32,
    pub first_data_block: U32,
    /// Logarithm of the block size in KiB.
    pub block_bits: U32,
    pub cluster_bits: U32,
    pub blocks_per_group: U32,
    pub clusters_per_group: U32,
    pub inodes_per_group: U32,
    /// When it was mounted, seconds since 1970.
    pub mount_time: U32,
    /// When it was written.
    pub write_time: U32,
    pub mounts: U16,
    pub maximum_mounts: U16,
    pub magic: U16,
    pub state: U16,
    pub on_errors: U16,
    pub minor_revision: U16,
    pub check_time: U32,
    pub check_interval: U32,
    pub creator: U32,
    pub revision: U32,
    pub reserved_owner: U16,
    pub reserved_group: U16,
    /// The first inode that isn't reserved.
    pub first_inode: U32,
    pub inode_size: U16,
    pub group_number: U16,
    pub compatible: U32,
    pub incompatible: U32,
    pub read_only_compatible: U32,
    pub uuid: [u8; 16],
    pub volume_name: [u8; 16],
    pub last_mounted: [u8; 64],
    pub algorithms: U32,
    pub preallocated: [u8; 2],
    pub reserved_descriptor_blocks: U16,
    pub journal_uuid: [u8; 16],
    pub journal_inode: U32,
    pub journal_device: U32,
    /// The first of the inodes that are to be freed or cut.
    pub last_orphan: U32,
    pub hash_seed: [U32; 4],
    pub hash_version: u8,
    pub journal_backup: u8,
    pub descriptor_size: U16,
    pub mount_options: U32,
    pub first_meta_group: U32,
    pub creation_time: U32,
    pub journal_blocks: [U32; 17],
    pub blocks_high: U32,
    pub reserved_blocks_high: U32,
    pub free_blocks_high: U32,
    pub least_extra_size: U16,
    /// Bytes that new inodes have beyond the 128 of old.
    pub wanted_extra_size: U16,
    pub flags: U32,
    pub stride: U16,
    pub protection_interval: U16,
    pub protection_block: U64,
    pub stripe_width: U32,
    pub flexible_group_bits: u8,
    pub checksum_type: u8,
    pub reserved_1: U16,
    pub written: U64,
    pub rest: [u8; 636],
    pub checksum: U32,
}

impl SuperBlock {
    /// Blocks of the volume.
    pub fn blocks(&self) -> u64 {
        u64::from(self.blocks_low.get()) | u64::from(self.blocks_high.get()) << 32
    }

    /// Blocks that only the administrator may take.
    pub fn reserved_blocks(&self) -> u64 {
        u64::from(self.reserved_blocks_low.get()) | u64::from(self.reserved_blocks_high.get()) << 32
    }

    /// Notes how many blocks are free.
    pub fn set_free_blocks(&mut self, count: u64) {
        self.free_blocks_low.set(count as u32);
        self.free_blocks_high.set((count >> 32) as u32);
    }
}

const _: () = assert!(size_of::<SuperBlock>() == SUPER_BLOCK_SIZE);
