//! The journal, in the format of Linux's jbd2, and the metadata blocks that are in memory.
//!
//! A [`Handle`] is a change that is to happen as a whole. Handles of many threads run together in one transaction. A
//! commit waits for their end, copies the blocks they changed and lets the next transaction begin, while the copies go to
//! the log: descriptors and blocks, a flush, the commit block, a flush. Later, when the log runs short, the copies go to
//! their places; then the log's space is free again. After a crash the transactions in the log that have a commit block
//! are replayed.
//!
//! * [`format`]: the structures. [`medium`]: the volume in blocks. [`block`], [`cache`]: blocks in memory.
//! * [`transaction`]: handles. [`commit`]: into the log, and home. [`log`]: its space and super block.
//! * [`recovery`]: the replay.
//!
//! A volume without a journal has the same calls: a commit writes the blocks to their places.
//!
//! # Locks
//! `writer` (sleeps; held while something is committed or written home), a block's `loading` (sleeps); then spin locks:
//! the cache's map, a block's content, `state`. A commit waits for handles: see [`Handle`] for what its holder may do.

mod block;
mod cache;
mod commit;
mod format;
mod log;
mod medium;
mod recovery;
#[cfg(test)]
mod tests;
mod transaction;

pub use block::MetadataBlock;
pub use transaction::{Handle, TransactionId};

use crate::block::Volume;
use crate::sched::{Mutex, WaitQueue};
use crate::vfs::page_cache::PAGE_SIZE;
use crate::vfs::page_cache::write_back::{self, Reclaimable};
use crate::{Errno, Result};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use cache::BlockCache;
use commit::Writer;
use core::ops::Range;
use hal::frame;
use hal::sync::SpinLock;
use log::Log;
use medium::Medium;
use transaction::Transaction;

/// A journal must have room for transactions of so many blocks.
const MINIMUM_CAPACITY: usize = 64;
/// The part of memory that the blocks of a transaction take at most.
const MEMORY_PART: u64 = 64;

struct State {
    running: Transaction,
    /// A commit waits for the handles of the running transaction to end: none begins.
    locked: bool,
    /// The last transaction that is on the medium.
    committed: TransactionId,
    aborted: Option<Errno>,
}

/// A volume's journal and its metadata blocks.
pub struct Journal {
    medium: Medium,
    cache: BlockCache,
    read_only: bool,
    replayed: bool,
    /// The most blocks that a transaction changes.
    capacity: usize,
    state: SpinLock<State>,
    /// Woken when the last handle of a locked transaction ends, and when it is locked no more.
    changed: WaitQueue,
    writer: Mutex<Writer>,
}

impl Journal {
    /// The journal in blocks of a volume, given in order; replays it.
    ///
    /// # Errors
    /// `EUCLEAN` for a damaged journal, `EBADMSG` for wrong checksums in it; `EINVAL` for one that is too small or has
    /// unknown features, and for an impossible block size; `EROFS` if it must be replayed and the device takes no writes;
    /// `EIO`, `ENOMEM`.
    pub fn open(
        volume: Arc<Volume>,
        block_size: usize,
        place: Vec<Range<u64>>,
        read_only: bool,
    ) -> Result<Arc<Self>> {
        let medium = Medium::new(volume, block_size)?;
        let mut log = Log::open(&medium, place)?;
        let mut first = TransactionId::first(log.sequence());
        let replayed = log.is_dirty();
        if replayed {
            if medium.is_read_only() {
                crate::log::error!(
                    "ext4: {}: the journal must be replayed, but the device can't be written",
                    medium.name()
                );
                return Err(Errno::EROFS);
            }
            first = recovery::replay(&medium, &log)?;
            log.mark_empty(&medium, first)?;
        }
        Self::new(medium, Some(log), first, read_only, replayed)
    }

    /// A volume without a journal: changes are written to their places by [`Self::commit`].
    ///
    /// # Errors
    /// `EINVAL` for an impossible block size; `ENOMEM`.
    pub fn none(volume: Arc<Volume>, block_size: usize, read_only: bool) -> Result<Arc<Self>> {
        let medium = Medium::new(volume, block_size)?;
        Self::new(medium, None, TransactionId::first(0), read_only, false)
    }

    fn new(
        medium: Medium,
        log: Option<Log>,
        first: TransactionId,
        read_only: bool,
        replayed: bool,
    ) -> Result<Arc<Self>> {
        frame::headroom()?;
        let memory = frame::total() * PAGE_SIZE as u64 / MEMORY_PART;
        let possible = ((memory / medium.block_size() as u64) as usize).max(MINIMUM_CAPACITY);
        let capacity = log.as_ref().map_or(possible, Log::capacity).min(possible);
        let journal = Arc::new(Self {
            read_only: read_only || medium.is_read_only(),
            medium,
            cache: BlockCache::new(),
            replayed,
            capacity,
            state: SpinLock::new(State {
                running: Transaction::new(first),
                locked: false,
                committed: first.previous(),
                aborted: None,
            }),
            changed: WaitQueue::new(),
            writer: Mutex::new(Writer::new(log)),
        });
        let known: Weak<Self> = Arc::downgrade(&journal);
        write_back::enter(known)?;
        Ok(journal)
    }

    /// The name of the volume, for the log.
    pub fn name(&self) -> &str {
        self.medium.name()
    }

    /// Whether opening it replayed transactions, so that what was read of the volume before is old.
    pub fn replayed(&self) -> bool {
        self.replayed
    }

    /// The most credits that [`Self::begin`] gives.
    #[cfg(test)]
    pub fn capacity(&self) -> u32 {
        self.capacity as u32
    }

    /// A block of metadata, read if it isn't in memory.
    ///
    /// # Errors
    /// `EUCLEAN` for one beyond the volume; `EIO`, `ENOMEM`.
    pub fn block(&self, number: u64) -> Result<Arc<MetadataBlock>> {
        self.cache.get(&self.medium, number)
    }

    /// A block that was free and becomes one of metadata, all zeros; it isn't read. It is written when it is modified.
    ///
    /// # Errors
    /// `EUCLEAN` for one beyond the volume; `ENOMEM`.
    pub fn new_block(&self, number: u64) -> Result<Arc<MetadataBlock>> {
        self.cache.get_cleared(&self.medium, number)
    }

    /// Begins a change of at most `credits` blocks. May wait for a commit, or do one.
    ///
    /// # Errors
    /// `EROFS` if it can't be written, or was aborted; `ENOSPC` for more than [`Self::capacity`]; `ENOMEM`.
    pub fn begin(&self, credits: u32) -> Result<Handle<'_>> {
        let credits = credits as usize;
        if self.read_only {
            return Err(Errno::EROFS);
        }
        if credits > self.capacity {
            return Err(Errno::ENOSPC);
        }
        frame::headroom()?;
        loop {
            let full = {
                let mut state = self.state.lock();
                if state.aborted.is_some() {
                    return Err(Errno::EROFS);
                }
                let running = &mut state.running;
                let taken = running.taken();
                if state.locked {
                    None
                } else if taken == 0 || taken + credits <= self.capacity {
                    state.running.handles += 1;
                    state.running.reserved += credits;
                    return Ok(Handle::new(self, state.running.id, credits));
                } else {
                    Some(state.running.id)
                }
            };
            match full {
                Some(id) => self.commit_until(id).map_err(|error| match error {
                    Errno::ENOMEM => error,
                    _ => Errno::EROFS,
                })?,
                None => self
                    .changed
                    .wait_until(|| (!self.state.lock().locked).then_some(())),
            }
        }
    }

    /// The last transaction whose changes can't be lost any more.
    pub fn committed(&self) -> TransactionId {
        self.state.lock().committed
    }

    /// Gives up: nothing is changed on the volume from now on. What was committed is replayed at the next mount.
    pub fn abort(&self, error: Errno) {
        let first = self.state.lock().aborted.replace(error).is_none();
        if first {
            crate::log::error!(
                "ext4: {}: no more changes after an error ({error:?}); run e2fsck",
                self.name()
            );
        }
        self.changed.wake_all();
    }
}

impl Reclaimable for Journal {
    fn resident(&self) -> u64 {
        (self.cache.count() * self.medium.block_size()).div_ceil(PAGE_SIZE) as u64
    }

    fn drop_clean(&self, from: u64, count: u64) -> (u64, Option<u64>) {
        self.cache.drop_clean(from, count)
    }

    /// Changes are committed with the super block, which knows what belongs together.
    fn write_back(&self) -> Result<()> {
        Ok(())
    }
}
