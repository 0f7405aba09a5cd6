//! The entries of a directory in the name cache.
//!
//! An entry keeps its slot for as long as it exists, so a slot's index is a reading position that stays valid while
//! other entries come and go. Small directories are searched slot by slot; larger ones have a table of slots by hash
//! (open addressing, linear probing).

use super::name::{Component, Name};
use super::path_node::PathNode;
use crate::Result;
use crate::heap::MakeRoom;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Missing names that a directory remembers at most.
const NEGATIVE_LIMIT: usize = 32;

/// Slots up to which a directory needs no table.
const SEARCHED: usize = 8;

/// Places of the table that hold no slot: never used, and used before.
const EMPTY: u32 = u32::MAX;
const DELETED: u32 = u32::MAX - 1;

/// One slot: a name's hash and its node, or nothing.
struct Slot {
    hash: u64,
    node: Option<Arc<PathNode>>,
}

/// The entries of one directory.
#[derive(Default)]
pub struct Children {
    slots: Vec<Slot>,
    /// Slots that are in use.
    count: usize,
    /// Slots that are empty.
    free: Vec<u32>,
    /// Slots by hash; a power of two of places, or none. Never full.
    table: Vec<u32>,
    /// Places of the table that are not [`EMPTY`].
    taken: usize,
    /// Names that the file system said do not exist, the oldest replaced first.
    negatives: Vec<Name>,
    next_negative: usize,
}

impl Children {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The entry with this hash for which `same_name` says yes.
    #[inline(always)]
    pub fn find(&self, hash: u64, same_name: impl Fn(&PathNode) -> bool) -> Option<&Arc<PathNode>> {
        let matching =
            |slot: &'_ Slot| slot.hash == hash && slot.node.as_deref().is_some_and(&same_name);
        if self.table.is_empty() {
            return self.slots.iter().find(|slot| matching(slot))?.node.as_ref();
        }
        let mask = self.table.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let slot = *self.table.get(place)?;
            if slot == EMPTY {
                return None;
            }
            if let Some(slot) = self.slots.get(slot as usize)
                && matching(slot)
            {
                return slot.node.as_ref();
            }
            place = (place + 1) & mask;
        }
    }

    /// Makes room for one more entry.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve(&mut self) -> Result<()> {
        if self.free.is_empty() {
            self.slots.make_room(1)?;
        }
        if self.table.is_empty() && self.slots.len() < SEARCHED {
            return Ok(());
        }
        // At least a quarter of the table stays empty, so that every search ends soon.
        if (self.taken + 1) * 4 > self.table.len() * 3 {
            self.rebuild()?;
        }
        Ok(())
    }

    /// A new table, at most half full with one entry more.
    fn rebuild(&mut self) -> Result<()> {
        let size = ((self.count + 1) * 2).next_power_of_two().max(SEARCHED * 4);
        let mut table = Vec::new();
        table.make_room_exact(size)?;
        table.resize(size, EMPTY);
        self.table = table;
        self.taken = 0;
        for slot in 0..self.slots.len() {
            if let Some(Slot {
                hash,
                node: Some(_),
            }) = self.slots.get(slot)
            {
                self.enter(*hash, slot as u32);
            }
        }
        Ok(())
    }

    /// Puts a slot into the table, if there is one; it has room.
    fn enter(&mut self, hash: u64, slot: u32) {
        if self.table.is_empty() {
            return;
        }
        let mask = self.table.len() - 1;
        let mut index = hash as usize & mask;
        while let Some(place) = self.table.get_mut(index) {
            if *place == EMPTY || *place == DELETED {
                self.taken += usize::from(*place == EMPTY);
                *place = slot;
                return;
            }
            index = (index + 1) & mask;
        }
    }

    /// Takes a slot out of the table, if there is one.
    fn leave(&mut self, hash: u64, slot: u32) {
        if self.table.is_empty() {
            return;
        }
        let mask = self.table.len() - 1;
        let mut index = hash as usize & mask;
        while let Some(place) = self.table.get_mut(index) {
            if *place == slot {
                *place = DELETED;
                return;
            }
            if *place == EMPTY {
                return;
            }
            index = (index + 1) & mask;
        }
    }

    /// Adds an entry that is not there yet; room was made by [`Self::reserve`]. Returns its slot.
    pub fn insert(&mut self, hash: u64, node: Arc<PathNode>) -> u32 {
        let entry = Slot {
            hash,
            node: Some(node),
        };
        let slot = match self.free.pop() {
            Some(slot) => {
                if let Some(place) = self.slots.get_mut(slot as usize) {
                    *place = entry;
                }
                slot
            }
            None => {
                self.slots.push(entry);
                (self.slots.len() - 1) as u32
            }
        };
        self.count += 1;
        self.enter(hash, slot);
        slot
    }

    /// Takes the entry of a slot out.
    pub fn remove(&mut self, slot: u32) -> Option<Arc<PathNode>> {
        let entry = self.slots.get_mut(slot as usize)?;
        let hash = entry.hash;
        let node = entry.node.take()?;
        self.count -= 1;
        self.leave(hash, slot);
        if self.count == 0 {
            // An empty directory starts anew: its slots would only slow reading down.
            self.slots.clear();
            self.free.clear();
            self.table.fill(EMPTY);
            self.taken = 0;
        } else if slot as usize + 1 == self.slots.len() {
            self.slots.pop();
        } else if self.free.make_room(1).is_ok() {
            self.free.push(slot);
        }
        Some(node)
    }

    /// Gives an entry another name's hash, in its slot; room was made by [`Self::reserve`].
    pub fn rehash(&mut self, slot: u32, hash: u64) {
        let Some(entry) = self.slots.get_mut(slot as usize) else {
            return;
        };
        let old = core::mem::replace(&mut entry.hash, hash);
        self.leave(old, slot);
        self.enter(hash, slot);
    }

    /// Puts another node into a slot, under the same hash; returns the one that was there.
    pub fn replace(&mut self, slot: u32, node: Arc<PathNode>) -> Option<Arc<PathNode>> {
        self.slots.get_mut(slot as usize)?.node.replace(node)
    }

    /// The entries from a slot on, each with its slot.
    pub fn iterate(&self, first: u64) -> impl Iterator<Item = (u64, &Arc<PathNode>)> {
        let first = usize::try_from(first)
            .unwrap_or(usize::MAX)
            .min(self.slots.len());
        let slots = self.slots.get(first..).unwrap_or(&[]);
        slots
            .iter()
            .enumerate()
            .filter_map(move |(offset, slot)| Some(((first + offset) as u64, slot.node.as_ref()?)))
    }

    /// Takes any one entry out, to take the directory apart; `None` when there is none left.
    pub fn pop(&mut self) -> Option<Arc<PathNode>> {
        while let Some(slot) = self.slots.pop() {
            if slot.node.is_some() {
                return slot.node;
            }
        }
        *self = Self::default();
        None
    }

    /// Whether this name is remembered as missing.
    #[inline]
    pub fn is_negative(&self, component: &Component<'_>) -> bool {
        self.negatives.iter().any(|missing| missing.is(component))
    }

    /// Remembers a missing name; does nothing without memory for it.
    pub fn add_negative(&mut self, name: Name) {
        if self.is_negative(&name.component()) {
            return;
        }
        if self.negatives.len() < NEGATIVE_LIMIT {
            if self.negatives.make_room(1).is_ok() {
                self.negatives.push(name);
            }
        } else if let Some(place) = self.negatives.get_mut(self.next_negative) {
            *place = name;
            self.next_negative = (self.next_negative + 1) % NEGATIVE_LIMIT;
        }
    }

    /// Forgets that a name is missing.
    pub fn remove_negative(&mut self, name: &Name) {
        if let Some(place) = self.negatives.iter().position(|missing| missing == name) {
            self.negatives.swap_remove(place);
            self.next_negative = 0;
        }
    }
}
