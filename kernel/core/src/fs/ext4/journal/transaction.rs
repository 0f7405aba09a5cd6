//! Transactions and the handles that change blocks in them.

use super::Journal;
use super::block::MetadataBlock;
use crate::{Errno, Result, log};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use core::cell::Cell;

/// A block of the log holds more revocations than this.
const REVOCATIONS: usize = 64;

/// Which transaction: each one's is greater than that of the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransactionId(u64);

impl TransactionId {
    /// That of none.
    pub const NONE: Self = Self(0);

    /// That of the first transaction in a log that begins with a sequence number.
    pub(super) fn first(sequence: u32) -> Self {
        // Above that of none, and below it so that there can be one before.
        Self(1 << 32 | u64::from(sequence))
    }

    /// Its sequence number on the volume.
    pub(super) fn sequence(self) -> u32 {
        self.0 as u32
    }

    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }

    pub(super) fn previous(self) -> Self {
        Self(self.0 - 1)
    }
}

/// The transaction that runs: what its handles have changed.
pub(super) struct Transaction {
    pub id: TransactionId,
    /// Handles that haven't ended.
    pub handles: usize,
    /// Blocks that those may change besides.
    pub reserved: usize,
    pub blocks: BTreeMap<u64, Arc<MetadataBlock>>,
    /// Metadata blocks that were freed: what the log has of them isn't replayed.
    pub forgotten: BTreeSet<u64>,
}

impl Transaction {
    pub fn new(id: TransactionId) -> Self {
        Self {
            id,
            handles: 0,
            reserved: 0,
            blocks: BTreeMap::new(),
            forgotten: BTreeSet::new(),
        }
    }

    /// Blocks that it has changed or may change, with those that its revocations take.
    pub fn taken(&self) -> usize {
        self.blocks.len() + self.reserved + self.forgotten.len() / REVOCATIONS
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.forgotten.is_empty()
    }
}

/// A change that happens as a whole or not at all: what is modified through a handle is in one transaction. It ends when it
/// is dropped, if only `drop` is called; keep it for one operation. Whoever has one
///
/// * begins no other, commits nothing and writes no pages back, which could wait for this one's end;
/// * takes no lock that others hold while they begin one.
pub struct Handle<'a> {
    journal: &'a Journal,
    id: TransactionId,
    /// Blocks it may still bring into the transaction.
    credits: Cell<usize>,
}

impl<'a> Handle<'a> {
    /// One of the running transaction's, which has counted it.
    pub(super) fn new(journal: &'a Journal, id: TransactionId, credits: usize) -> Self {
        Self {
            journal,
            id,
            credits: Cell::new(credits),
        }
    }

    /// The transaction it belongs to.
    pub fn transaction(&self) -> TransactionId {
        self.id
    }

    /// Changes a block's bytes. `change` runs with a spin lock held: it doesn't sleep, touches no user memory and uses no
    /// other block.
    ///
    /// # Errors
    /// `EROFS` if the journal was aborted, also for want of credits.
    pub fn modify<R>(
        &self,
        block: &Arc<MetadataBlock>,
        change: impl FnOnce(&mut [u8]) -> R,
    ) -> Result<R> {
        let mut content = block.content().write();
        if content.transaction != self.id {
            self.join(block)?;
            content.transaction = self.id;
        }
        Ok(change(&mut content.bytes))
    }

    /// Brings a block into the transaction.
    fn join(&self, block: &Arc<MetadataBlock>) -> Result<()> {
        let mut state = self.journal.state.lock();
        if state.aborted.is_some() {
            return Err(Errno::EROFS);
        }
        let running = &mut state.running;
        match self.credits.get().checked_sub(1) {
            Some(left) => {
                self.credits.set(left);
                running.reserved -= 1;
            }
            // There may be room left all the same.
            None if running.taken() < self.journal.capacity => {}
            None => {
                drop(state);
                log::error!(
                    "ext4: {}: an operation changes more blocks than it announced",
                    self.journal.name()
                );
                self.journal.abort(Errno::ENOSPC);
                return Err(Errno::EROFS);
            }
        }
        running.forgotten.remove(&block.number());
        running.blocks.insert(block.number(), block.clone());
        Ok(())
    }

    /// Notes that a block of metadata is free: its content has no meaning from now on, whatever the log has of it. The
    /// block may be given out again when the transaction is committed.
    ///
    /// # Errors
    /// `EROFS` if the journal was aborted.
    pub fn forget(&self, number: u64) -> Result<()> {
        let block = self.journal.cache.remove(number);
        let mut content = block.as_ref().map(|block| block.content().write());
        if let Some(content) = &mut content {
            content.transaction = TransactionId::NONE;
        }
        let mut state = self.journal.state.lock();
        if state.aborted.is_some() {
            return Err(Errno::EROFS);
        }
        state.running.forgotten.insert(number);
        let gone = state.running.blocks.remove(&number);
        drop(state);
        drop(content);
        drop(gone);
        Ok(())
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        let mut state = self.journal.state.lock();
        state.running.reserved -= self.credits.get();
        state.running.handles -= 1;
        let wake = state.locked && state.running.handles == 0;
        drop(state);
        if wake {
            self.journal.changed.wake_all();
        }
    }
}
