//! What the journal looks like on the disk (Documentation/filesystems/ext4/journal.rst, include/linux/jbd2.h; all
//! numbers big-endian).

use crate::fs::ext4::checksum::crc32c;
use crate::{Errno, Result};
use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of every block of the journal's own.
pub const MAGIC: u32 = 0xc03b_3998;

/// Kinds of blocks.
pub const DESCRIPTOR: u32 = 1;
pub const COMMIT: u32 = 2;
pub const SUPER_BLOCK_1: u32 = 3;
pub const SUPER_BLOCK_2: u32 = 4;
pub const REVOCATION: u32 = 5;

/// Features without which a journal can't be understood.
pub const REVOKES: u32 = 1;
pub const WIDE: u32 = 2;
pub const ASYNCHRONOUS_COMMIT: u32 = 4;
pub const CHECKSUM_2: u32 = 8;
pub const CHECKSUM_3: u32 = 0x10;
/// Those that are here.
pub const KNOWN_FEATURES: u32 = REVOKES | WIDE | ASYNCHRONOUS_COMMIT | CHECKSUM_2 | CHECKSUM_3;
/// The super block's `checksum_type`.
pub const CRC32C: u8 = 4;

/// Flags of a tag.
pub const TAG_ESCAPED: u32 = 1;
pub const TAG_SAME_UUID: u32 = 2;
pub const TAG_LAST: u32 = 8;

/// What every block of the journal's own begins with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    pub magic: U32,
    pub kind: U32,
    pub sequence: U32,
}

/// Bytes of a [`Header`].
pub const HEADER: usize = size_of::<Header>();

impl Header {
    /// That of a block of a transaction.
    pub fn new(kind: u32, sequence: u32) -> Self {
        Self {
            magic: MAGIC.into(),
            kind: kind.into(),
            sequence: sequence.into(),
        }
    }
}

/// The journal's super block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct SuperBlock {
    pub header: Header,
    pub block_size: U32,
    /// Blocks of the journal, this one included.
    pub length: U32,
    /// The first block of the log.
    pub first: U32,
    /// The first transaction that is expected in the log.
    pub sequence: U32,
    /// Where that one is; 0 if the log is empty.
    pub start: U32,
    /// The error for which the journal was aborted.
    pub error: U32,
    pub compatible: U32,
    pub incompatible: U32,
    pub read_only_compatible: U32,
    pub uuid: [u8; 16],
    pub users: U32,
    pub dynamic_super_block: U32,
    pub transaction_limit: U32,
    pub data_limit: U32,
    pub checksum_type: u8,
    pub padding: [u8; 3],
    pub fast_commit_blocks: U32,
    pub head: U32,
    pub padding_2: [U32; 40],
    pub checksum: U32,
    pub user_ids: [u8; 768],
}

/// What a commit block begins with.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Commit {
    pub header: Header,
    pub checksum_type: u8,
    pub checksum_size: u8,
    pub padding: [u8; 2],
    pub checksum: [U32; 8],
    pub seconds: U64,
    pub nanoseconds: U32,
}

/// What a block of revocations begins with; block numbers follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Revocation {
    pub header: Header,
    /// Bytes of the block that are used.
    pub used: U32,
}

const _: () = assert!(
    size_of::<SuperBlock>() == 1024
        && core::mem::offset_of!(SuperBlock, checksum) == 0xfc
        && size_of::<Commit>() == 60
        && size_of::<Revocation>() == 16
);

/// How blocks are written in a journal with these features.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub block_size: usize,
    /// Block numbers have 64 bits.
    pub wide: bool,
    pub checksums: Checksums,
    /// The sum that all sums of the journal's continue.
    pub seed: u32,
    /// The `uuid` of the journal, after the first tag of a descriptor.
    pub uuid: [u8; 16],
}

/// What has a sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksums {
    None,
    /// All blocks; of a data block's 16 bits.
    Version2,
    /// All blocks.
    Version3,
}

/// What a descriptor says of a block that follows it.
#[derive(Clone, Copy, Debug)]
pub struct Tag {
    pub number: u64,
    /// The lower bits of it, as far as there is one.
    pub checksum: u32,
    pub flags: u32,
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) -> Option<()> {
    *bytes.get_mut(at..)?.first_chunk_mut()? = value;
    Some(())
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Layout {
    /// Bytes of a tag, without the UUID that may follow it.
    fn tag_size(&self) -> usize {
        let wide = if self.wide { 12 } else { 8 };
        match self.checksums {
            Checksums::Version3 => 16,
            // Two bytes of no meaning at the end.
            Checksums::Version2 => wide + 2,
            Checksums::None => wide,
        }
    }

    /// Bytes at the end of a descriptor or of revocations that hold its sum.
    fn tail(&self) -> usize {
        if self.checksums == Checksums::None {
            0
        } else {
            4
        }
    }

    fn number_size(&self) -> usize {
        if self.wide { 8 } else { 4 }
    }

    /// How many tags a descriptor holds.
    pub fn tags_per_block(&self) -> usize {
        (self.block_size - HEADER - self.tail() - self.uuid.len()) / self.tag_size()
    }

    /// How many block numbers a block of revocations holds.
    pub fn revocations_per_block(&self) -> usize {
        (self.block_size - size_of::<Revocation>() - self.tail()) / self.number_size()
    }

    /// The tags of a descriptor, of which the last may lack its mark.
    pub fn tags<'a>(&'a self, block: &'a [u8]) -> impl Iterator<Item = Tag> + 'a {
        let mut at = HEADER;
        let end = block.len() - self.tail();
        let mut done = false;
        core::iter::from_fn(move || {
            if done || at + self.tag_size() > end {
                return None;
            }
            let tag = self.tag(block, at)?;
            at += self.tag_size();
            if tag.flags & TAG_SAME_UUID == 0 {
                at += self.uuid.len();
            }
            done = tag.flags & TAG_LAST != 0;
            Some(tag)
        })
    }

    fn tag(&self, block: &[u8], at: usize) -> Option<Tag> {
        let low = word(block, at)?;
        let high = if self.wide { word(block, at + 8)? } else { 0 };
        let (checksum, flags) = if self.checksums == Checksums::Version3 {
            (word(block, at + 12)?, word(block, at + 4)?)
        } else {
            (half(block, at + 4)?.into(), half(block, at + 6)?.into())
        };
        Some(Tag {
            number: u64::from(high) << 32 | u64::from(low),
            checksum,
            flags,
        })
    }

    /// Makes a descriptor of blocks, at most [`Self::tags_per_block`]; `block` is all zeros. Marks the first and the last
    /// tag by itself.
    pub fn write_descriptor(&self, block: &mut [u8], sequence: u32, tags: &[Tag]) -> Result<()> {
        self.try_write_descriptor(block, sequence, tags)
            .ok_or(Errno::EIO)
    }

    fn try_write_descriptor(&self, block: &mut [u8], sequence: u32, tags: &[Tag]) -> Option<()> {
        let header = Header::new(DESCRIPTOR, sequence);
        header.write_to_prefix(block).ok()?;
        let mut at = HEADER;
        for (index, tag) in tags.iter().enumerate() {
            let mut flags = tag.flags;
            if index > 0 {
                flags |= TAG_SAME_UUID;
            }
            if index + 1 == tags.len() {
                flags |= TAG_LAST;
            }
            put(block, at, (tag.number as u32).to_be_bytes())?;
            if self.checksums == Checksums::Version3 {
                put(block, at + 4, flags.to_be_bytes())?;
                put(block, at + 12, tag.checksum.to_be_bytes())?;
            } else {
                put(block, at + 4, (tag.checksum as u16).to_be_bytes())?;
                put(block, at + 6, (flags as u16).to_be_bytes())?;
            }
            if self.wide {
                put(block, at + 8, ((tag.number >> 32) as u32).to_be_bytes())?;
            }
            at += self.tag_size();
            if index == 0 {
                put(block, at, self.uuid)?;
                at += self.uuid.len();
            }
        }
        self.seal(block)
    }

    /// Makes a block of revocations, at most [`Self::revocations_per_block`]; `block` is all zeros.
    pub fn write_revocations(
        &self,
        block: &mut [u8],
        sequence: u32,
        numbers: &[u64],
    ) -> Result<()> {
        self.try_write_revocations(block, sequence, numbers)
            .ok_or(Errno::EIO)
    }

    fn try_write_revocations(
        &self,
        block: &mut [u8],
        sequence: u32,
        numbers: &[u64],
    ) -> Option<()> {
        let used = size_of::<Revocation>() + numbers.len() * self.number_size();
        let revocation = Revocation {
            header: Header::new(REVOCATION, sequence),
            used: (used as u32).into(),
        };
        revocation.write_to_prefix(block).ok()?;
        let mut at = size_of::<Revocation>();
        for &number in numbers {
            if self.wide {
                put(block, at, number.to_be_bytes())?;
            } else {
                put(block, at, (number as u32).to_be_bytes())?;
            }
            at += self.number_size();
        }
        self.seal(block)
    }

    /// The block numbers of a block of revocations.
    ///
    /// # Errors
    /// `EUCLEAN` if it uses more than there is.
    pub fn revocations<'a>(&'a self, block: &'a [u8]) -> Result<impl Iterator<Item = u64> + 'a> {
        let (head, _) = Revocation::ref_from_prefix(block).map_err(|_| Errno::EUCLEAN)?;
        let used = head.used.get() as usize;
        if used > block.len() - self.tail() {
            return Err(Errno::EUCLEAN);
        }
        let numbers = block
            .get(size_of::<Revocation>()..used)
            .unwrap_or_default()
            .chunks_exact(self.number_size());
        Ok(numbers.map(|bytes| {
            bytes
                .iter()
                .fold(0, |number, &byte| number << 8 | u64::from(byte))
        }))
    }

    /// Makes a commit block; `block` is all zeros. `time` is ns since 1970.
    pub fn write_commit(&self, block: &mut [u8], sequence: u32, time: u64) -> Result<()> {
        let mut commit = Commit {
            header: Header::new(COMMIT, sequence),
            checksum_type: 0,
            checksum_size: 0,
            padding: [0; 2],
            checksum: [0.into(); 8],
            seconds: (time / 1_000_000_000).into(),
            nanoseconds: ((time % 1_000_000_000) as u32).into(),
        };
        commit.write_to_prefix(block).map_err(|_| Errno::EIO)?;
        if self.checksums != Checksums::None {
            commit.checksum = [0.into(); 8];
            let sum = crc32c(self.seed, block);
            if let Some(first) = commit.checksum.first_mut() {
                *first = sum.into();
            }
            commit.write_to_prefix(block).map_err(|_| Errno::EIO)?;
        }
        Ok(())
    }

    /// Whether the sum of a commit block is right.
    pub fn commit_is_valid(&self, block: &[u8]) -> bool {
        const SUM: usize = core::mem::offset_of!(Commit, checksum);
        self.checksums == Checksums::None || self.has_sum(block, SUM)
    }

    /// Whether the sum at the end of a descriptor or of revocations is right.
    pub fn is_sealed(&self, block: &[u8]) -> bool {
        self.checksums == Checksums::None || self.has_sum(block, block.len() - 4)
    }

    /// Whether the sum at `at` is that of the block with zeros in its place.
    fn has_sum(&self, block: &[u8], at: usize) -> bool {
        let (Some(sum), Some((before, rest))) = (word(block, at), block.split_at_checked(at))
        else {
            return false;
        };
        let behind = rest.get(4..).unwrap_or_default();
        let start = crc32c(crc32c(self.seed, before), &[0; 4]);
        crc32c(start, behind) == sum
    }

    /// Puts the sum at the end.
    fn seal(&self, block: &mut [u8]) -> Option<()> {
        if self.checksums == Checksums::None {
            return Some(());
        }
        let sum = crc32c(self.seed, block);
        put(block, block.len() - 4, sum.to_be_bytes())
    }

    /// The sum of a data block, as it stands in the log, for its tag.
    pub fn data_checksum(&self, sequence: u32, block: &[u8]) -> u32 {
        let start = crc32c(self.seed, &sequence.to_be_bytes());
        match self.checksums {
            Checksums::None => 0,
            Checksums::Version2 => crc32c(start, block) & 0xffff,
            Checksums::Version3 => crc32c(start, block),
        }
    }
}

impl SuperBlock {
    /// The sum of it with zeros in the place of the sum.
    pub fn sum(&self) -> u32 {
        let mut copy = *self;
        copy.checksum = 0.into();
        crc32c(u32::MAX, copy.as_bytes())
    }
}

/// The header of a block, if it is one of the journal's own.
pub fn header(block: &[u8]) -> Option<Header> {
    let (header, _) = Header::read_from_prefix(block).ok()?;
    (header.magic.get() == MAGIC).then_some(header)
}

/// The time of a commit block, s since 1970.
pub fn commit_seconds(block: &[u8]) -> u64 {
    Commit::read_from_prefix(block).map_or(0, |(commit, _)| commit.seconds.get())
}
