//! Taking and freeing blocks.
//!
//! Blocks are taken in two steps: a [`Claim`] keeps others off, and only when it is known what the blocks are for are
//! their bits set, in the transaction that makes them part of a file. So a failure in between leaves nothing behind, on the
//! disk or in memory. Blocks that are freed keep their content until the transaction that freed them is on the medium.

use super::super::instance::Instance;
use super::super::update::Update;
use super::bitmap;
use super::groups::{Counts, Group, Withheld};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;

/// Groups that are searched for a run of the wanted length before a shorter one will do.
const SEARCHED: u32 = 16;

/// Blocks that nobody else gets. Their bits are clear until [`Claim::settle`]; otherwise they are free again when this goes.
#[must_use]
pub struct Claim<'a> {
    instance: &'a Instance,
    group: u32,
    /// Place in the group.
    index: u32,
    count: u32,
    settled: bool,
}

impl Claim<'_> {
    /// The first block.
    pub fn start(&self) -> u64 {
        self.instance.geometry.group_start(self.group) + u64::from(self.index)
    }

    /// How many blocks.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Sets the bits: changes two blocks.
    ///
    /// # Errors
    /// `EUCLEAN` if one of the blocks is taken; what reading and changing blocks says.
    pub fn settle(mut self, update: &Update) -> Result<()> {
        let instance = self.instance;
        let group = instance.groups.get(self.group)?;
        let bitmap = instance.journal.block(group.block_bitmap)?;
        let counts = Counts::of(&instance.journal, &instance.geometry, self.group)?;
        let mut withheld = group.withheld.lock();
        let (index, count) = (self.index, self.count);
        let set = update.modify(&bitmap, |bytes| {
            let free = bitmap::all_are(bytes, index, count, false);
            if free {
                bitmap::fill(bytes, index, count, true);
            }
            free
        })?;
        if !set {
            return Err(Errno::EUCLEAN);
        }
        forget(&mut withheld, self.index, self.count);
        self.settled = true;
        drop(withheld);
        counts.add(update, -(count as i32), 0, 0)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        if self.settled {
            return;
        }
        let groups = &self.instance.groups;
        if let Ok(group) = groups.get(self.group) {
            forget(&mut group.withheld.lock(), self.index, self.count);
            group.free_blocks.fetch_add(self.count, Relaxed);
            groups.free_blocks.fetch_add(self.count.into(), Relaxed);
        }
    }
}

/// Takes a claim out of what is withheld.
fn forget(withheld: &mut Vec<Withheld>, start: u32, count: u32) {
    let place = withheld
        .iter()
        .position(|range| range.freed_in.is_none() && (range.start, range.count) == (start, count));
    if let Some(place) = place {
        withheld.swap_remove(place);
    }
}

impl Instance {
    /// Claims up to `wanted` blocks that follow each other, at least one, as near behind `goal` as can be.
    ///
    /// # Errors
    /// `ENOSPC`; what reading a bitmap says; `ENOMEM`.
    pub fn claim(&self, goal: u64, wanted: u32) -> Result<Claim<'_>> {
        let geometry = &self.geometry;
        let goal = if geometry.has_run(goal, 1) {
            goal
        } else {
            geometry.first_block
        };
        let (first, index) = geometry.group_of(goal);
        let wanted = wanted.clamp(1, geometry.blocks_per_group);
        for (least, groups) in [
            (wanted, SEARCHED.min(geometry.groups)),
            (1, geometry.groups),
        ] {
            for step in 0..groups {
                let number =
                    ((u64::from(first) + u64::from(step)) % u64::from(geometry.groups)) as u32;
                let group = self.groups.get(number)?;
                if group.free_blocks.load(Relaxed) < least {
                    continue;
                }
                let from = if step == 0 { index } else { 0 };
                if let Some(claim) = self.claim_in(number, group, from, wanted, least)? {
                    return Ok(claim);
                }
            }
        }
        Err(Errno::ENOSPC)
    }

    fn claim_in(
        &self,
        number: u32,
        group: &Group,
        from: u32,
        wanted: u32,
        least: u32,
    ) -> Result<Option<Claim<'_>>> {
        let block = self.journal.block(group.block_bitmap)?;
        let mut bits = Vec::new();
        bits.make_room_exact(self.geometry.block_size)?;
        let mut withheld = group.withheld.lock();
        withheld.make_room(1)?;
        self.release_committed(&mut withheld);
        block.read(|bytes| bits.extend_from_slice(bytes));
        for range in withheld.iter() {
            bitmap::fill(&mut bits, range.start, range.count, true);
        }
        let end = self.geometry.group_blocks(number);
        let behind = bitmap::find_run(&bits, from, end, wanted);
        let found = match behind {
            Some((_, count)) if count == wanted => behind,
            _ => bitmap::find_run(&bits, 0, end, wanted)
                .filter(|(_, count)| behind.is_none_or(|(_, other)| *count > other))
                .or(behind),
        };
        let Some((start, count)) = found.filter(|(_, count)| *count >= least) else {
            return Ok(None);
        };
        withheld.push(Withheld {
            start,
            count,
            freed_in: None,
        });
        group.free_blocks.fetch_sub(count, Relaxed);
        self.groups.free_blocks.fetch_sub(count.into(), Relaxed);
        Ok(Some(Claim {
            instance: self,
            group: number,
            index: start,
            count,
            settled: false,
        }))
    }

    /// Lets go of what was freed in transactions that are on the medium.
    fn release_committed(&self, withheld: &mut Vec<Withheld>) {
        let committed = self.journal.committed();
        withheld.retain(|range| {
            let is_free = range.freed_in.is_some_and(|freed_in| freed_in <= committed);
            if is_free {
                self.groups.pending.fetch_sub(range.count.into(), Relaxed);
            }
            !is_free
        });
    }

    /// Frees blocks: changes two blocks for each group that they lie in.
    ///
    /// # Errors
    /// `EUCLEAN` if one of them is free or not of the volume; what reading and changing blocks says.
    pub fn free(&self, update: &Update, start: u64, count: u64) -> Result<()> {
        let geometry = &self.geometry;
        if !geometry.has_run(start, count) {
            return Err(Errno::EUCLEAN);
        }
        let (mut at, end) = (start, start + count);
        while at < end {
            let (number, index) = geometry.group_of(at);
            let group = self.groups.get(number)?;
            let piece = (end - at).min((geometry.group_blocks(number) - index).into()) as u32;
            let bitmap = self.journal.block(group.block_bitmap)?;
            let counts = Counts::of(&self.journal, geometry, number)?;
            let mut withheld = group.withheld.lock();
            withheld.make_room(1)?;
            self.release_committed(&mut withheld);
            let cleared = update.modify(&bitmap, |bytes| {
                let taken = bitmap::all_are(bytes, index, piece, true);
                if taken {
                    bitmap::fill(bytes, index, piece, false);
                }
                taken
            })?;
            if !cleared {
                return Err(Errno::EUCLEAN);
            }
            withheld.push(Withheld {
                start: index,
                count: piece,
                freed_in: Some(update.transaction()),
            });
            self.groups.pending.fetch_add(piece.into(), Relaxed);
            group.free_blocks.fetch_add(piece, Relaxed);
            self.groups.free_blocks.fetch_add(piece.into(), Relaxed);
            drop(withheld);
            counts.add(update, piece as i32, 0, 0)?;
            at += u64::from(piece);
        }
        Ok(())
    }
}
