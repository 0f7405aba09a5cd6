//! What EROFS structures look like in an image (Documentation/filesystems/erofs.rst; all numbers little-endian).

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Where the super block is.
pub const SUPER_BLOCK_OFFSET: u64 = 1024;
/// The super block's first field (`EROFS_SUPER_MAGIC_V1`).
pub const MAGIC: u32 = 0xe0f5_e1e2;
/// The super block has a checksum.
pub const HAS_CHECKSUM: u32 = 1;
/// Features without which the image can't be understood, as far as they are here: padding of compressed data (which an
/// image without compressed files may announce), and files in chunks.
pub const KNOWN_FEATURES: u32 = 1 | 4;

/// Bytes of the unit that inode numbers count.
pub const SLOT: u64 = 32;
/// An address of a block that isn't there: a hole.
pub const NO_BLOCK: u32 = u32::MAX;
/// Longest name of a directory entry.
pub const NAME_LIMIT: usize = 255;

/// The super block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct SuperBlock {
    pub magic: U32,
    pub checksum: U32,
    pub compatible_features: U32,
    /// Logarithm of the block size.
    pub block_bits: u8,
    pub extension_slots: u8,
    pub root: U16,
    pub inodes: U64,
    /// Modification time of compact inodes.
    pub build_time: U64,
    pub build_time_nanoseconds: U32,
    pub blocks: U32,
    /// The block from which on inodes are counted.
    pub metadata_block: U32,
    /// The block from which on shared attributes are counted.
    pub attribute_block: U32,
    pub uuid: [u8; 16],
    pub volume_name: [u8; 16],
    pub incompatible_features: U32,
    pub compression: U16,
    pub extra_devices: U16,
    pub device_slot: U16,
    /// Logarithm of the directory block's size in blocks.
    pub directory_block_bits: u8,
    pub attribute_prefixes: u8,
    pub attribute_prefix_start: U32,
    pub packed_inode: U64,
    pub reserved: [u8; 24],
}

/// An inode of 32 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct CompactInode {
    pub format: U16,
    pub attribute_count: U16,
    pub mode: U16,
    pub links: U16,
    pub size: U32,
    pub reserved: U32,
    /// First block, device number or chunk format.
    pub union: U32,
    pub number: U32,
    pub owner: U16,
    pub group: U16,
    pub reserved_2: U32,
}

/// An inode of 64 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ExtendedInode {
    pub format: U16,
    pub attribute_count: U16,
    pub mode: U16,
    pub reserved: U16,
    pub size: U64,
    /// First block, device number or chunk format.
    pub union: U32,
    pub number: U32,
    pub owner: U32,
    pub group: U32,
    pub modified: U64,
    pub modified_nanoseconds: U32,
    pub links: U32,
    pub reserved_2: [u8; 16],
}

/// Bits of an inode's `format`.
pub const FORMAT_EXTENDED: u16 = 1;
pub const FORMAT_LAYOUT_SHIFT: u16 = 1;
pub const FORMAT_LAYOUT_MASK: u16 = 7;
pub const FORMAT_KNOWN: u16 = 0xf;

/// Layouts of a file's content.
pub const LAYOUT_PLAIN: u16 = 0;
pub const LAYOUT_INLINE: u16 = 2;
pub const LAYOUT_CHUNKS: u16 = 4;

/// Bits of a chunk format.
pub const CHUNK_BITS_MASK: u32 = 0x1f;
pub const CHUNK_HAS_INDEX: u32 = 0x20;

/// Where a chunk is, in full.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct ChunkIndex {
    pub advice: U16,
    pub device: U16,
    pub block: U32,
}

/// An entry of a directory; the names come after all entries of the block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Entry {
    pub inode: U64,
    /// Where the name begins in the block.
    pub name: U16,
    pub kind: u8,
    pub reserved: u8,
}

/// What is before the extended attributes of an inode.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AttributeHeader {
    pub filter: U32,
    pub shared_count: u8,
    pub reserved: [u8; 7],
}

/// What is before the name and value of an extended attribute.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct AttributeEntry {
    pub name_length: u8,
    pub namespace: u8,
    pub value_length: U16,
}

/// Bytes that attributes and their shared references begin at multiples of.
pub const ATTRIBUTE_UNIT: u64 = 4;

/// The namespaces that are read.
pub const NAMESPACES: [(u8, &[u8]); 3] = [(1, b"user."), (4, b"trusted."), (6, b"security.")];

/// crc32c without the final inversion, as the super block's checksum is computed.
pub fn checksum(bytes: impl Iterator<Item = u8>) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    bytes.fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    })
}

const _: () = assert!(
    size_of::<SuperBlock>() == 128
        && size_of::<CompactInode>() == 32
        && size_of::<ExtendedInode>() == 64
        && size_of::<Entry>() == 12
        && size_of::<AttributeHeader>() == 12
);

#[cfg(test)]
mod tests {
    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of CRC-32C for "123456789" is its inversion.
        assert_eq!(super::checksum(b"123456789".iter().copied()), !0xe306_9283);
    }
}
