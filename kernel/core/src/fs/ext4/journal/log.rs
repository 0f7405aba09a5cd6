//! The log: a ring of blocks behind the journal's super block.

use super::format::{
    self, CRC32C, Checksums, KNOWN_FEATURES, Layout, MAGIC, REVOKES, SUPER_BLOCK_1, SUPER_BLOCK_2,
    SuperBlock,
};
use super::medium::{Medium, Slot};
use super::{MINIMUM_CAPACITY, TransactionId};
use crate::fs::ext4::checksum::crc32c;
use crate::heap::MakeRoom;
use crate::{Errno, Result, log};
use alloc::vec::Vec;
use core::ops::Range;
use zerocopy::{FromZeros, IntoBytes};

/// A feature of journals whose end may hold changes of another form, while they aren't empty.
const FAST_COMMITS: u32 = 0x20;

/// Where the log is, and which part of it holds transactions.
pub struct Log {
    /// The journal's blocks on the volume, in order.
    place: Vec<Range<u64>>,
    super_block: SuperBlock,
    /// The super block's block.
    slot: Slot,
    pub layout: Layout,
    /// The first block of the ring, and the one behind its last.
    first: u32,
    end: u32,
    /// The block that is written next.
    head: u32,
    /// Blocks before the head that hold transactions whose blocks aren't all home.
    used: u32,
    /// The super block on the volume says that there are transactions.
    is_started: bool,
}

impl Log {
    /// Reads and checks the super block.
    ///
    /// # Errors
    /// `EUCLEAN` for one that makes no sense; `EINVAL` for a journal that is too small, or has unknown features;
    /// `EIO`, `ENOMEM`.
    pub fn open(medium: &Medium, place: Vec<Range<u64>>) -> Result<Self> {
        let name = medium.name();
        let mut total = 0_u64;
        for range in &place {
            if range.is_empty() || range.end > medium.blocks() {
                log::error!("ext4: {name}: the journal is not within the volume; run e2fsck");
                return Err(Errno::EUCLEAN);
            }
            total += range.end - range.start;
        }
        let start = place.first().ok_or(Errno::EUCLEAN)?.start;
        let slot = medium.slots(1)?.pop().ok_or(Errno::ENOMEM)?;
        medium.read([(start, &slot)].into_iter())?;
        let mut super_block = SuperBlock::new_zeroed();
        slot.read(super_block.as_mut_bytes());
        let length = super_block.length.get();
        let (first, kind) = (super_block.first.get(), super_block.header.kind.get());
        let in_log = |block: u32| (first..length).contains(&block);
        let start = super_block.start.get();
        let sensible = super_block.header.magic.get() == MAGIC
            && [SUPER_BLOCK_1, SUPER_BLOCK_2].contains(&kind)
            && super_block.block_size.get() as usize == medium.block_size()
            && u64::from(length) <= total
            && first > 0
            && in_log(first)
            && (start == 0 || in_log(start));
        if !sensible {
            log::error!("ext4: {name}: the journal's super block is damaged; run e2fsck");
            return Err(Errno::EUCLEAN);
        }
        let layout = Self::layout(medium, &mut super_block)?;
        let log = Self {
            place,
            super_block,
            slot,
            layout,
            first,
            end: length,
            head: first,
            used: 0,
            is_started: start != 0,
        };
        if log.capacity() < MINIMUM_CAPACITY {
            log::error!("ext4: {name}: the journal has only {length} blocks, which is too few");
            return Err(Errno::EINVAL);
        }
        Ok(log)
    }

    /// How blocks are written, from the features.
    fn layout(medium: &Medium, super_block: &mut SuperBlock) -> Result<Layout> {
        let name = medium.name();
        let mut features = super_block.incompatible.get();
        if super_block.header.kind.get() == SUPER_BLOCK_1 {
            log::error!(
                "ext4: {name}: the journal is of version 1: make a new one by tune2fs -O ^has_journal and -O has_journal"
            );
            return Err(Errno::EINVAL);
        }
        if features & FAST_COMMITS != 0 && super_block.start.get() == 0 {
            // An empty journal has none, and none are made.
            features &= !FAST_COMMITS;
            super_block.incompatible = features.into();
        }
        let version_2 = features & format::CHECKSUM_2 != 0;
        let version_3 = features & format::CHECKSUM_3 != 0;
        let has_sums = version_2 || version_3;
        let unknown = features & !KNOWN_FEATURES | super_block.read_only_compatible.get();
        if unknown != 0 || version_2 && version_3 {
            log::error!(
                "ext4: {name}: the journal has unknown features ({unknown:#x} of {features:#x}); let e2fsck empty it"
            );
            return Err(Errno::EINVAL);
        }
        let is_damaged =
            super_block.checksum_type != CRC32C || super_block.checksum.get() != super_block.sum();
        if has_sums && is_damaged {
            log::error!("ext4: {name}: the journal's super block has a wrong checksum; run e2fsck");
            return Err(Errno::EUCLEAN);
        }
        Ok(Layout {
            block_size: medium.block_size(),
            wide: features & format::WIDE != 0,
            checksums: match (version_2, version_3) {
                (_, true) => Checksums::Version3,
                (true, false) => Checksums::Version2,
                (false, false) => Checksums::None,
            },
            seed: crc32c(u32::MAX, &super_block.uuid),
            uuid: super_block.uuid,
        })
    }

    /// Whether there may be transactions to be replayed.
    pub fn is_dirty(&self) -> bool {
        self.is_started
    }

    /// Whether commits of transactions may have been written before the rest of them.
    pub fn has_asynchronous_commits(&self) -> bool {
        self.super_block.incompatible.get() & format::ASYNCHRONOUS_COMMIT != 0
    }

    /// The sequence number of the first transaction that is in the log, or comes into it.
    pub fn sequence(&self) -> u32 {
        self.super_block.sequence.get()
    }

    /// Where that one is, if there is one.
    pub fn start(&self) -> u32 {
        self.super_block.start.get()
    }

    /// Blocks of the ring.
    pub fn length(&self) -> u32 {
        self.end - self.first
    }

    /// Blocks that can be written before some are written home.
    pub fn free(&self) -> u32 {
        self.length() - self.used
    }

    /// The most blocks that a transaction changes.
    pub fn capacity(&self) -> usize {
        self.length() as usize / 4
    }

    /// How many blocks of the log a transaction takes.
    pub fn needed(&self, blocks: usize, revocations: usize) -> usize {
        blocks
            + blocks.div_ceil(self.layout.tags_per_block())
            + revocations.div_ceil(self.layout.revocations_per_block())
            + 1
    }

    /// The block of the ring that is so many behind another one.
    pub fn behind(&self, block: u32, count: u32) -> u32 {
        let offset = (u64::from(block - self.first) + u64::from(count)) % u64::from(self.length());
        self.first + offset as u32
    }

    /// Where a block of the journal is on the volume.
    ///
    /// # Errors
    /// `EUCLEAN` beyond its end.
    pub fn physical(&self, block: u32) -> Result<u64> {
        let mut left = u64::from(block);
        for range in &self.place {
            let length = range.end - range.start;
            if left < length {
                return Ok(range.start + left);
            }
            left -= length;
        }
        Err(Errno::EUCLEAN)
    }

    /// Whether a block of the volume is one of the journal's.
    pub fn contains(&self, number: u64) -> bool {
        self.place.iter().any(|range| range.contains(&number))
    }

    /// Where the next block of the log comes on the volume; it counts as used.
    ///
    /// # Errors
    /// `ENOSPC` if the log is full.
    pub fn take(&mut self) -> Result<u64> {
        if self.free() == 0 {
            return Err(Errno::ENOSPC);
        }
        let physical = self.physical(self.head)?;
        self.head = self.behind(self.head, 1);
        self.used += 1;
        Ok(physical)
    }

    /// The super block's block, to be written with the first transaction `id` so that it is found, unless one is already.
    pub fn begin(&mut self, id: TransactionId) -> Option<(u64, Slot)> {
        if self.is_started {
            return None;
        }
        self.is_started = true;
        self.describe(self.head, id);
        let place = self.place.first()?.start;
        Some((place, self.slot.clone()))
    }

    /// Makes the super block say where the first transaction is (0: nowhere) and which comes there.
    fn describe(&mut self, start: u32, id: TransactionId) {
        let super_block = &mut self.super_block;
        super_block.start = start.into();
        super_block.sequence = id.sequence().into();
        super_block.incompatible = (super_block.incompatible.get() | REVOKES).into();
        if self.layout.checksums != Checksums::None {
            super_block.checksum = super_block.sum().into();
        }
        self.slot.write(super_block.as_bytes());
    }

    /// Notes that the blocks of all transactions are home, and on the medium: the next one, `id`, is the first in the log.
    /// Returns when that is on the medium.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn free_all(&mut self, medium: &Medium, id: TransactionId) -> Result<()> {
        self.used = 0;
        self.write_super_block(medium, self.head, id)
    }

    /// Notes that the log is empty, and that the next transaction in it will be `id`.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn mark_empty(&mut self, medium: &Medium, id: TransactionId) -> Result<()> {
        self.used = 0;
        self.head = self.first;
        self.write_super_block(medium, 0, id)?;
        self.is_started = false;
        Ok(())
    }

    fn write_super_block(&mut self, medium: &Medium, start: u32, id: TransactionId) -> Result<()> {
        self.describe(start, id);
        let place = self.physical(0)?;
        medium.write_insistently([(place, &self.slot)].into_iter())?;
        medium.flush()
    }
}

/// Slots with the places they go to, which are given to the device together.
#[derive(Default)]
pub struct Plan {
    blocks: Vec<(u64, Slot)>,
}

impl Plan {
    /// An empty one with room for so many blocks.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn with_room(count: usize) -> Result<Self> {
        let mut blocks = Vec::new();
        blocks.make_room_exact(count)?;
        Ok(Self { blocks })
    }

    /// Adds a block, for which there is room.
    ///
    /// # Errors
    /// `ENOMEM` if there isn't.
    pub fn add(&mut self, place: u64, slot: &Slot) -> Result<()> {
        self.blocks.make_room(1)?;
        self.blocks.push((place, slot.clone()));
        Ok(())
    }

    /// Writes all.
    ///
    /// # Errors
    /// `EIO`, `EUCLEAN`, `ENOMEM`.
    pub fn write(&self, medium: &Medium) -> Result<()> {
        medium.write_insistently(self.blocks.iter().map(|(place, slot)| (*place, slot)))
    }
}
