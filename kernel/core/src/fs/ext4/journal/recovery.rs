//! Replaying the log after a crash: transactions that have a commit block, and of their blocks those that no later
//! transaction has revoked.
//!
//! The log may hold anything. Each pass looks at every block of the ring at most once, and writes only within the volume
//! and outside of the journal.

use super::TransactionId;
use super::format::{self, COMMIT, DESCRIPTOR, Header, MAGIC, REVOCATION, TAG_ESCAPED, Tag};
use super::log::Log;
use super::medium::{Medium, Slot};
use crate::heap::MakeRoom;
use crate::{Errno, Result, log};
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// Blocks that are read or written at once.
const BATCH: usize = 64;

/// Reads the log in order, some blocks at once.
struct Reader<'a> {
    medium: &'a Medium,
    log: &'a Log,
    slots: Vec<Slot>,
    /// How many blocks from the start of the replay on the first slot is, and how many are there.
    first: u32,
    count: u32,
}

impl<'a> Reader<'a> {
    fn new(medium: &'a Medium, log: &'a Log) -> Result<Self> {
        Ok(Self {
            medium,
            log,
            slots: medium.slots(BATCH)?,
            first: 0,
            count: 0,
        })
    }

    /// The block that is so many behind the start of the replay.
    fn get(&mut self, position: u32) -> Result<&Slot> {
        if !(self.first..self.first + self.count).contains(&position) {
            let count = (self.log.length() - position).min(BATCH as u32);
            let mut places: [u64; BATCH] = [0; BATCH];
            for (place, position) in places.iter_mut().zip(position..position + count) {
                let block = self.log.behind(self.log.start(), position);
                *place = self.log.physical(block)?;
            }
            self.count = 0;
            let blocks = places.iter().copied().zip(&self.slots);
            let result = self.medium.read(blocks.take(count as usize));
            let read = match result {
                Ok(()) => count,
                // Perhaps only a block that nobody needs can't be read.
                Err(Errno::EIO) => {
                    let one = places.iter().copied().zip(&self.slots).take(1);
                    self.medium.read(one)?;
                    1
                }
                Err(error) => return Err(error),
            };
            (self.first, self.count) = (position, read);
        }
        self.slots
            .get((position - self.first) as usize)
            .ok_or(Errno::EIO)
    }
}

/// What the log says, from the start on.
struct Scan<'a> {
    reader: Reader<'a>,
    buffer: Vec<u8>,
    /// Blocks from the start on that were looked at.
    position: u32,
    /// The sequence number that is expected.
    sequence: u32,
}

impl<'a> Scan<'a> {
    fn new(medium: &'a Medium, log: &'a Log) -> Result<Self> {
        let mut buffer = Vec::new();
        buffer.make_room_exact(medium.block_size())?;
        buffer.resize(medium.block_size(), 0);
        Ok(Self {
            reader: Reader::new(medium, log)?,
            buffer,
            position: 0,
            sequence: log.sequence(),
        })
    }

    /// Reads the next block into the buffer; false if the whole ring was read.
    fn advance(&mut self) -> Result<bool> {
        if self.position == self.reader.log.length() {
            return Ok(false);
        }
        self.reader.get(self.position)?.read(&mut self.buffer);
        self.position += 1;
        Ok(true)
    }

    /// The header of the next block of the transaction that is expected; none at the end of the log.
    fn next(&mut self) -> Result<Option<Header>> {
        if !self.advance()? {
            return Ok(None);
        }
        let header = format::header(&self.buffer);
        Ok(header.filter(|header| header.sequence.get() == self.sequence))
    }

    /// The tags of the descriptor in the buffer.
    fn tags(&self) -> Result<Vec<Tag>> {
        let layout = &self.reader.log.layout;
        let mut tags = Vec::new();
        tags.make_room(layout.block_size / 8)?;
        tags.extend(layout.tags(&self.buffer));
        Ok(tags)
    }

    /// Passes over blocks; false if there aren't so many.
    fn skip(&mut self, count: usize) -> bool {
        let left = self.reader.log.length() - self.position;
        let possible = count <= left as usize;
        if possible {
            self.position += count as u32;
        }
        possible
    }
}

/// How far the log goes: the sequence number behind that of its last transaction.
///
/// # Errors
/// `EBADMSG`, `EUCLEAN` if a transaction is damaged that was committed.
fn find_end(medium: &Medium, log: &Log) -> Result<u32> {
    let mut scan = Scan::new(medium, log)?;
    let mut last_time = 0;
    let mut is_damaged = false;
    while let Some(header) = scan.next()? {
        match header.kind.get() {
            DESCRIPTOR => {
                is_damaged |= !log.layout.is_sealed(&scan.buffer);
                if !scan.skip(log.layout.tags(&scan.buffer).count()) {
                    break;
                }
            }
            REVOCATION => is_damaged |= !log.layout.is_sealed(&scan.buffer),
            COMMIT => {
                let time = format::commit_seconds(&scan.buffer);
                if is_damaged || !log.layout.commit_is_valid(&scan.buffer) {
                    return interrupted(medium, scan, is_damaged, time >= last_time);
                }
                last_time = time;
                scan.sequence = scan.sequence.wrapping_add(1);
            }
            _ => break,
        }
    }
    Ok(scan.sequence)
}

/// A transaction has wrong sums. What is older than the one before it was there from earlier, and the log ends. The same is
/// true if only its commit block is wrong and nothing follows: it was cut off while that was written.
fn interrupted(
    medium: &Medium,
    mut scan: Scan<'_>,
    is_damaged: bool,
    is_newer: bool,
) -> Result<u32> {
    let end = scan.sequence;
    scan.sequence = end.wrapping_add(1);
    let asynchronous = scan.reader.log.has_asynchronous_commits();
    let is_followed = !asynchronous && scan.next()?.is_some();
    if is_newer && (is_followed || is_damaged && !asynchronous) {
        log::error!(
            "ext4: {}: transaction {end} in the journal has wrong checksums; run e2fsck",
            medium.name()
        );
        return Err(if is_followed {
            Errno::EUCLEAN
        } else {
            Errno::EBADMSG
        });
    }
    Ok(end)
}

/// Blocks that are revoked, with the last transaction that does, counted from the first one in the log.
struct Revocations(Vec<(u64, u32)>);

impl Revocations {
    /// Those of the transactions before `end`.
    fn read(medium: &Medium, log: &Log, end: u32) -> Result<Self> {
        let mut scan = Scan::new(medium, log)?;
        let mut list = Vec::new();
        while scan.sequence != end {
            let Some(header) = scan.next()? else { break };
            match header.kind.get() {
                DESCRIPTOR if !scan.skip(log.layout.tags(&scan.buffer).count()) => break,
                REVOCATION => {
                    let age = scan.sequence.wrapping_sub(log.sequence());
                    for number in log.layout.revocations(&scan.buffer)? {
                        list.make_room(1)?;
                        list.push((number, age));
                    }
                }
                COMMIT => scan.sequence = scan.sequence.wrapping_add(1),
                _ => {}
            }
        }
        // The latest first, and only that.
        list.sort_unstable_by_key(|&(number, age)| (number, u32::MAX - age));
        list.dedup_by_key(|(number, _)| *number);
        Ok(Self(list))
    }

    /// Whether what a transaction says of a block is revoked.
    fn has(&self, number: u64, age: u32) -> bool {
        let found = self.0.binary_search_by_key(&number, |&(number, _)| number);
        let entry = found.ok().and_then(|index| self.0.get(index));
        entry.is_some_and(|&(_, revoked)| revoked >= age)
    }
}

/// Blocks on their way home, of which each is there once.
struct Batch<'a> {
    medium: &'a Medium,
    blocks: BTreeMap<u64, Slot>,
}

impl Batch<'_> {
    fn add(&mut self, number: u64, slot: Slot) -> Result<()> {
        self.blocks.insert(number, slot);
        if self.blocks.len() >= BATCH {
            self.write()?;
        }
        Ok(())
    }

    fn write(&mut self) -> Result<()> {
        let blocks = self.blocks.iter();
        self.medium
            .write(blocks.map(|(&number, slot)| (number, slot)))?;
        self.blocks.clear();
        Ok(())
    }
}

/// Writes the blocks of the transactions before `end` home; returns how many.
fn write_home(medium: &Medium, log: &Log, end: u32, revoked: &Revocations) -> Result<u64> {
    let mut scan = Scan::new(medium, log)?;
    let mut batch = Batch {
        medium,
        blocks: BTreeMap::new(),
    };
    let mut written = 0;
    let mut damaged = 0;
    while scan.sequence != end {
        let Some(header) = scan.next()? else { break };
        match header.kind.get() {
            DESCRIPTOR => {}
            COMMIT => {
                scan.sequence = scan.sequence.wrapping_add(1);
                continue;
            }
            _ => continue,
        }
        let age = scan.sequence.wrapping_sub(log.sequence());
        for tag in scan.tags()? {
            if !scan.advance()? {
                return Err(Errno::EUCLEAN);
            }
            if revoked.has(tag.number, age) {
                continue;
            }
            let sum = log.layout.data_checksum(scan.sequence, &scan.buffer);
            if sum != tag.checksum && log.layout.checksums != format::Checksums::None {
                damaged += 1;
                continue;
            }
            if log.contains(tag.number) {
                return Err(Errno::EUCLEAN);
            }
            medium.check(tag.number)?;
            if tag.flags & TAG_ESCAPED != 0
                && let Some(start) = scan.buffer.first_chunk_mut()
            {
                *start = MAGIC.to_be_bytes();
            }
            let slot = medium.slots(1)?.pop().ok_or(Errno::ENOMEM)?;
            slot.write(&scan.buffer);
            batch.add(tag.number, slot)?;
            written += 1;
        }
    }
    batch.write()?;
    if damaged > 0 {
        log::error!(
            "ext4: {}: {damaged} blocks in the journal have wrong checksums; run e2fsck",
            medium.name()
        );
        return Err(Errno::EBADMSG);
    }
    Ok(written)
}

/// Replays the log and returns when all is on the medium; the transaction that comes next.
///
/// # Errors
/// `EUCLEAN`, `EBADMSG` for a damaged log; `EIO`, `ENOMEM`. The log is as it was then.
pub fn replay(medium: &Medium, log: &Log) -> Result<TransactionId> {
    let end = find_end(medium, log)?;
    let revoked = Revocations::read(medium, log, end)?;
    let written = write_home(medium, log, end, &revoked).inspect_err(|error| {
        log::error!(
            "ext4: {}: the journal can't be replayed ({error:?}); run e2fsck",
            medium.name()
        );
    })?;
    medium.flush()?;
    log::info!(
        "ext4: {}: replayed {} transactions of the journal, {written} blocks",
        medium.name(),
        end.wrapping_sub(log.sequence())
    );
    // Not the number behind the last one: what was begun of that transaction is still there.
    Ok(TransactionId::first(end.wrapping_add(1)))
}
