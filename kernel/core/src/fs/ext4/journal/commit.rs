//! Transactions into the log, and from there to their places.

use super::block::MetadataBlock;
use super::format::{MAGIC, TAG_ESCAPED, Tag};
use super::log::{Log, Plan};
use super::medium::{Medium, Slot};
use super::transaction::Transaction;
use super::{Journal, MEMORY_PART, TransactionId};
use crate::heap::MakeRoom;
use crate::time::clock;
use crate::vfs::page_cache::PAGE_SIZE;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::frame;

/// Who writes has this: the log, and what it holds that isn't home.
pub(super) struct Writer {
    log: Option<Log>,
    /// Committed blocks that aren't home, as they were last committed.
    pending: BTreeMap<u64, Copy>,
}

/// A block as it was when its transaction ended.
struct Copy {
    /// Keeps the block in the cache: what is on the volume is older.
    _block: Arc<MetadataBlock>,
    slot: Slot,
}

/// A transaction whose handles have ended, and room for everything that its commit needs.
struct Frozen {
    transaction: Transaction,
    /// For each block, in order.
    copies: Vec<Slot>,
    /// Zeros, for descriptors, revocations and the commit block.
    own: Vec<Slot>,
    plan: Plan,
    tags: Vec<Tag>,
    revocations: Vec<u64>,
    buffer: Box<[u8]>,
}

impl Writer {
    pub fn new(log: Option<Log>) -> Self {
        Self {
            log,
            pending: BTreeMap::new(),
        }
    }

    /// Room for the commit of a transaction.
    fn prepare(&self, medium: &Medium, transaction: &Transaction) -> Result<Frozen> {
        let (blocks, forgotten) = (transaction.blocks.len(), transaction.forgotten.len());
        let needed = match &self.log {
            Some(log) => log.needed(blocks, forgotten),
            None => blocks,
        };
        let mut tags = Vec::new();
        tags.make_room_exact(blocks)?;
        let mut revocations = Vec::new();
        revocations.make_room_exact(forgotten)?;
        let mut buffer = Vec::new();
        buffer.make_room_exact(medium.block_size())?;
        buffer.resize(medium.block_size(), 0);
        Ok(Frozen {
            transaction: Transaction::new(transaction.id),
            copies: medium.slots(blocks)?,
            own: medium.zeroed_slots(needed - blocks)?,
            // One more for the super block.
            plan: Plan::with_room(needed + 1)?,
            tags,
            revocations,
            buffer: buffer.into_boxed_slice(),
        })
    }

    /// Writes a transaction so that it is on the medium.
    fn write(&mut self, medium: &Medium, frozen: &mut Frozen) -> Result<()> {
        let Some(log) = &mut self.log else {
            let blocks = frozen.transaction.blocks.keys().copied();
            medium.write_insistently(blocks.zip(&frozen.copies))?;
            return medium.flush();
        };
        let id = frozen.transaction.id;
        let needed = log.needed(
            frozen.transaction.blocks.len(),
            frozen.transaction.forgotten.len(),
        );
        if needed > log.free() as usize {
            self.checkpoint(medium, id)?;
        }
        let Some(log) = &mut self.log else {
            return Err(Errno::EIO);
        };
        if needed > log.free() as usize {
            return Err(Errno::ENOSPC);
        }
        if let Some((place, slot)) = log.begin(id) {
            frozen.plan.add(place, &slot)?;
        }
        // What the log doesn't have needs no revocation.
        let forgotten = frozen.transaction.forgotten.iter().copied();
        let pending = &self.pending;
        frozen
            .revocations
            .extend(forgotten.filter(|number| pending.contains_key(number)));
        let commit = frozen.write_log(log)?;
        frozen.plan.write(medium)?;
        medium.flush()?;
        medium.write_insistently([(commit.0, &commit.1)].into_iter())?;
        medium.flush()?;
        frozen.unescape();
        for number in &frozen.transaction.forgotten {
            self.pending.remove(number);
        }
        let blocks = core::mem::take(&mut frozen.transaction.blocks);
        for ((number, block), slot) in blocks.into_iter().zip(frozen.copies.drain(..)) {
            let copy = Copy {
                _block: block,
                slot,
            };
            self.pending.insert(number, copy);
        }
        Ok(())
    }

    /// Writes all committed blocks to their places, and frees the log. `next` is the transaction that comes into it next.
    fn checkpoint(&mut self, medium: &Medium, next: TransactionId) -> Result<()> {
        let Some(log) = &mut self.log else {
            return Ok(());
        };
        if self.pending.is_empty() && log.free() == log.length() {
            return Ok(());
        }
        let blocks = self.pending.iter();
        medium.write_insistently(blocks.map(|(&number, copy)| (number, &copy.slot)))?;
        medium.flush()?;
        log.free_all(medium, next)?;
        self.pending.clear();
        Ok(())
    }
}

impl Frozen {
    /// Makes descriptors and revocations, and plans where in the log all blocks go, but for the commit block: that is
    /// returned, with its place.
    fn write_log(&mut self, log: &mut Log) -> Result<(u64, Slot)> {
        let sequence = self.transaction.id.sequence();
        let layout = log.layout;
        let mut own = self.own.drain(..);
        let mut own = || own.next().ok_or(Errno::ENOSPC);
        for numbers in self.revocations.chunks(layout.revocations_per_block()) {
            let slot = own()?;
            self.buffer.fill(0);
            layout.write_revocations(&mut self.buffer, sequence, numbers)?;
            slot.write(&self.buffer);
            self.plan.add(log.take()?, &slot)?;
        }
        for (&number, slot) in self.transaction.blocks.keys().zip(&self.copies) {
            slot.read(&mut self.buffer);
            let is_escaped = self.buffer.starts_with(&MAGIC.to_be_bytes());
            if is_escaped {
                slot.write(&[0; 4]);
                slot.read(&mut self.buffer);
            }
            self.tags.push(Tag {
                number,
                checksum: layout.data_checksum(sequence, &self.buffer),
                flags: if is_escaped { TAG_ESCAPED } else { 0 },
            });
        }
        let per_block = layout.tags_per_block();
        for (tags, copies) in self
            .tags
            .chunks(per_block)
            .zip(self.copies.chunks(per_block))
        {
            let slot = own()?;
            self.buffer.fill(0);
            layout.write_descriptor(&mut self.buffer, sequence, tags)?;
            slot.write(&self.buffer);
            self.plan.add(log.take()?, &slot)?;
            for copy in copies {
                self.plan.add(log.take()?, copy)?;
            }
        }
        let slot = own()?;
        self.buffer.fill(0);
        layout.write_commit(&mut self.buffer, sequence, clock::realtime())?;
        slot.write(&self.buffer);
        Ok((log.take()?, slot))
    }

    /// Makes copies that looked like blocks of the journal's own what they were.
    fn unescape(&self) {
        for (tag, slot) in self.tags.iter().zip(&self.copies) {
            if tag.flags & TAG_ESCAPED != 0 {
                slot.write(&MAGIC.to_be_bytes());
            }
        }
    }
}

impl Journal {
    /// Returns when everything that was changed by handles which ended before is on the medium, as is everything else that
    /// the volume was given before. Without memory it may be tried again.
    ///
    /// # Errors
    /// `EIO` if the journal was or is aborted; `ENOMEM`.
    pub fn commit(&self) -> Result<()> {
        let id = {
            let state = self.state.lock();
            if state.aborted.is_some() {
                return Err(Errno::EIO);
            }
            state.running.id
        };
        self.commit_until(id)
    }

    /// Commits up to a transaction.
    pub(super) fn commit_until(&self, id: TransactionId) -> Result<()> {
        let mut writer = self.writer.lock();
        self.commit_with(&mut writer, id)
    }

    fn commit_with(&self, writer: &mut Writer, id: TransactionId) -> Result<()> {
        let Some(mut frozen) = self.freeze(writer, id)? else {
            return Ok(());
        };
        let id = frozen.transaction.id;
        let result = writer.write(&self.medium, &mut frozen);
        if let Err(error) = result {
            self.abort(error);
            return Err(Errno::EIO);
        }
        self.state.lock().committed = id;
        let memory = frame::total() * PAGE_SIZE as u64 / MEMORY_PART;
        let pending = writer.pending.len() as u64 * self.medium.block_size() as u64;
        if pending > memory {
            self.checkpoint(writer)?;
        }
        Ok(())
    }

    /// Ends the running transaction, if it is the one wanted: waits for its handles, copies its blocks and begins the next.
    /// None if there is nothing to write; then all is on the medium.
    fn freeze(&self, writer: &Writer, id: TransactionId) -> Result<Option<Frozen>> {
        {
            let mut state = self.state.lock();
            if state.aborted.is_some() {
                return Err(Errno::EIO);
            }
            if state.running.id > id {
                return Ok(None);
            }
            if state.running.is_empty() {
                drop(state);
                if !self.read_only {
                    self.medium.flush()?;
                }
                return Ok(None);
            }
            state.locked = true;
        }
        let ended = || (self.state.lock().running.handles == 0).then_some(());
        self.changed.wait_until(ended);
        let result = self.copy_running(writer);
        self.state.lock().locked = false;
        self.changed.wake_all();
        result.map(Some)
    }

    /// Copies the blocks of the running transaction, which has no handles and gets none, and begins the next.
    fn copy_running(&self, writer: &Writer) -> Result<Frozen> {
        let transaction = {
            let mut state = self.state.lock();
            let next = Transaction::new(state.running.id.next());
            core::mem::replace(&mut state.running, next)
        };
        let prepared = writer.prepare(&self.medium, &transaction);
        let mut frozen = match prepared {
            Ok(frozen) => frozen,
            Err(error) => {
                self.state.lock().running = transaction;
                return Err(error);
            }
        };
        for (block, slot) in transaction.blocks.values().zip(&frozen.copies) {
            block.copy_to(slot);
        }
        frozen.transaction = transaction;
        Ok(frozen)
    }

    fn checkpoint(&self, writer: &mut Writer) -> Result<()> {
        let next = self.state.lock().running.id;
        writer.checkpoint(&self.medium, next).map_err(|error| {
            self.abort(error);
            Errno::EIO
        })
    }

    /// Commits, writes everything to its place and marks the journal empty. It may be used again afterwards.
    ///
    /// # Errors
    /// `EIO` if it was or is aborted: then the journal is left to be replayed. `ENOMEM`.
    pub fn shut_down(&self) -> Result<()> {
        let mut writer = self.writer.lock();
        let id = self.state.lock().running.id;
        self.commit_with(&mut writer, id)?;
        if self.read_only {
            return Ok(());
        }
        self.checkpoint(&mut writer)?;
        let next = self.state.lock().running.id;
        let Some(log) = &mut writer.log else {
            return Ok(());
        };
        if !log.is_dirty() {
            return Ok(());
        }
        log.mark_empty(&self.medium, next).map_err(|error| {
            self.abort(error);
            Errno::EIO
        })
    }
}
