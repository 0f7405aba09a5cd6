//! Groups: where their bitmaps and inodes are, and what is free in them.

use super::super::format::group::{self, GroupFacts};
use super::super::geometry::{Geometry, Place};
use super::super::journal::{Journal, MetadataBlock, TransactionId};
use super::super::update::Update;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Blocks that must not be taken although their bits are clear.
#[derive(Clone, Copy, Debug)]
pub(super) struct Withheld {
    /// Place in the group.
    pub start: u32,
    pub count: u32,
    /// For blocks that were freed: once this transaction is on the medium they are free for good. Without one, somebody is
    /// about to take them.
    pub freed_in: Option<TransactionId>,
}

/// A group of blocks and inodes.
pub struct Group {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    pub(super) free_blocks: AtomicU32,
    pub(super) free_inodes: AtomicU32,
    /// Held while the bitmaps are searched or changed.
    pub(super) withheld: Mutex<Vec<Withheld>>,
}

/// All groups of a volume, with what is free in all of them.
pub struct Groups {
    pub(super) groups: Vec<Group>,
    /// Free blocks, without those that somebody is about to take.
    pub(super) free_blocks: AtomicU64,
    pub(super) free_inodes: AtomicU64,
    /// Of the free blocks, those that can't be taken before a transaction is on the medium.
    pub(super) pending: AtomicU64,
}

impl Groups {
    /// Reads the descriptors of all groups.
    ///
    /// # Errors
    /// `EUCLEAN` for one that makes no sense; `EIO`, `ENOMEM`.
    pub fn read(journal: &Journal, geometry: &Geometry) -> Result<Self> {
        let mut all = Self {
            groups: Vec::new(),
            free_blocks: AtomicU64::new(0),
            free_inodes: AtomicU64::new(0),
            pending: AtomicU64::new(0),
        };
        all.groups.make_room_exact(geometry.groups as usize)?;
        for number in 0..geometry.groups {
            let (place, size) = geometry.descriptor(number);
            let block = journal.block(place.block)?;
            let facts = block.read(|bytes| {
                let bytes = bytes.get(place.offset..place.offset + size)?;
                group::facts(bytes)
            });
            let facts = facts
                .filter(|facts| is_sensible(geometry, number, facts))
                .ok_or(Errno::EUCLEAN)?;
            *all.free_blocks.get_mut() += u64::from(facts.free_blocks);
            *all.free_inodes.get_mut() += u64::from(facts.free_inodes);
            all.groups.push(Group {
                block_bitmap: facts.block_bitmap,
                inode_bitmap: facts.inode_bitmap,
                inode_table: facts.inode_table,
                free_blocks: AtomicU32::new(facts.free_blocks),
                free_inodes: AtomicU32::new(facts.free_inodes),
                withheld: Mutex::new(Vec::new()),
            });
        }
        Ok(all)
    }

    /// A group.
    ///
    /// # Errors
    /// `EUCLEAN` if there is none of this number.
    pub(super) fn get(&self, number: u32) -> Result<&Group> {
        self.groups.get(number as usize).ok_or(Errno::EUCLEAN)
    }

    /// Free blocks, without those that somebody is about to take.
    pub fn free_blocks(&self) -> u64 {
        self.free_blocks.load(Relaxed)
    }

    /// Of the free blocks, those that can't be taken before a commit.
    pub fn pending(&self) -> u64 {
        self.pending.load(Relaxed)
    }

    /// Free inodes.
    pub fn free_inodes(&self) -> u64 {
        self.free_inodes.load(Relaxed)
    }

    /// Where an inode is in its table.
    ///
    /// # Errors
    /// `EUCLEAN` if there is none of this number.
    pub fn inode_place(&self, geometry: &Geometry, number: u32) -> Result<Place> {
        if number == 0 || number > geometry.inodes {
            return Err(Errno::EUCLEAN);
        }
        let group = self.get((number - 1) / geometry.inodes_per_group)?;
        let index = u64::from((number - 1) % geometry.inodes_per_group);
        let offset = index * geometry.inode_size as u64;
        let block_size = geometry.block_size as u64;
        Ok(Place {
            block: group.inode_table + offset / block_size,
            offset: (offset % block_size) as usize,
        })
    }
}

/// Whether a group can be as its descriptor says.
fn is_sensible(geometry: &Geometry, number: u32, facts: &GroupFacts) -> bool {
    facts.free_blocks <= geometry.group_blocks(number)
        && facts.free_inodes <= geometry.inodes_per_group
        && facts.directories <= geometry.inodes_per_group
        && geometry.has_run(facts.block_bitmap, 1)
        && geometry.has_run(facts.inode_bitmap, 1)
        && geometry.has_run(facts.inode_table, geometry.table_blocks())
}

/// A group's descriptor, read before anything is changed, so that counting can't fail half-way.
pub(super) struct Counts {
    block: Arc<MetadataBlock>,
    place: Place,
    size: usize,
}

impl Counts {
    /// Those of a group.
    ///
    /// # Errors
    /// What reading says.
    pub fn of(journal: &Journal, geometry: &Geometry, number: u32) -> Result<Self> {
        let (place, size) = geometry.descriptor(number);
        let block = journal.block(place.block)?;
        Ok(Self { block, place, size })
    }

    /// Changes the free blocks, the free inodes and the directories: one block.
    ///
    /// # Errors
    /// `EUCLEAN` for counts that would be negative; `EROFS`.
    pub fn add(&self, update: &Update, blocks: i32, inodes: i32, directories: i32) -> Result<()> {
        let (start, end) = (self.place.offset, self.place.offset + self.size);
        update
            .modify(&self.block, |bytes| {
                group::add(bytes.get_mut(start..end)?, blocks, inodes, directories)
            })?
            .ok_or(Errno::EUCLEAN)
    }
}
