//! The entries of a directory in the name cache.
//!
//! An entry keeps its slot for as long as it exists, so a slot's index is a reading position that stays valid while
//! other entries come and go; the hash table holds indices of slots.

use super::name::Name;
use super::path_node::PathNode;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashTable;

/// Missing names that a directory remembers at most.
const NEGATIVE_LIMIT: usize = 32;

/// One slot: a name's hash and its node, or nothing.
struct Slot {
    hash: u64,
    node: Option<Arc<PathNode>>,
}

/// The entries of one directory.
#[derive(Default)]
pub struct Children {
    index: HashTable<u32>,
    slots: Vec<Slot>,
    /// Slots that are empty.
    free: Vec<u32>,
    /// Names that the file system said do not exist, the oldest replaced first.
    negatives: Vec<(u64, Name)>,
    next_negative: usize,
}

impl Children {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// The entry with this hash for which `same_name` says yes.
    #[inline]
    pub fn find(&self, hash: u64, mut same_name: impl FnMut(&PathNode) -> bool) -> Option<&Arc<PathNode>> {
        let slots = &self.slots;
        let slot = self.index.find(hash, |&slot| {
            slots.get(slot as usize).is_some_and(|slot| {
                slot.hash == hash && slot.node.as_deref().is_some_and(&mut same_name)
            })
        })?;
        slots.get(*slot as usize)?.node.as_ref()
    }

    /// Makes room for one more entry.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn reserve(&mut self) -> Result<()> {
        let slots = &self.slots;
        self.index
            .try_reserve(1, |&slot| slots.get(slot as usize).map_or(0, |slot| slot.hash))
            .map_err(|_| Errno::ENOMEM)?;
        if self.free.is_empty() {
            self.slots.try_reserve(1).map_err(|_| Errno::ENOMEM)?;
        }
        Ok(())
    }

    /// Adds an entry that is not there yet; room was made by [`Self::reserve`]. Returns its slot.
    pub fn insert(&mut self, hash: u64, node: Arc<PathNode>) -> u32 {
        let entry = Slot { hash, node: Some(node) };
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
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&slot| slots.get(slot as usize).map_or(0, |slot| slot.hash));
        slot
    }

    /// Takes the entry of a slot out.
    pub fn remove(&mut self, slot: u32) -> Option<Arc<PathNode>> {
        let entry = self.slots.get_mut(slot as usize)?;
        let hash = entry.hash;
        let node = entry.node.take()?;
        if let Ok(found) = self.index.find_entry(hash, |&other| other == slot) {
            found.remove();
        }
        if self.index.is_empty() {
            // An empty directory starts anew: its slots would only slow reading down.
            self.slots.clear();
            self.free.clear();
        } else if slot as usize + 1 == self.slots.len() {
            self.slots.pop();
        } else if self.free.try_reserve(1).is_ok() {
            self.free.push(slot);
        }
        Some(node)
    }

    /// Gives an entry another name's hash, in its slot.
    pub fn rehash(&mut self, slot: u32, hash: u64) {
        let Some(entry) = self.slots.get_mut(slot as usize) else { return };
        let old = core::mem::replace(&mut entry.hash, hash);
        if let Ok(found) = self.index.find_entry(old, |&other| other == slot) {
            found.remove();
        }
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |&slot| slots.get(slot as usize).map_or(0, |slot| slot.hash));
    }

    /// Puts another node into a slot, under the same hash; returns the one that was there.
    pub fn replace(&mut self, slot: u32, node: Arc<PathNode>) -> Option<Arc<PathNode>> {
        self.slots.get_mut(slot as usize)?.node.replace(node)
    }

    /// The entries from a slot on, each with its slot.
    pub fn iterate(&self, first: u64) -> impl Iterator<Item = (u64, &Arc<PathNode>)> {
        let first = usize::try_from(first).unwrap_or(usize::MAX).min(self.slots.len());
        let slots = self.slots.get(first..).unwrap_or(&[]);
        slots.iter().enumerate().filter_map(move |(offset, slot)| Some(((first + offset) as u64, slot.node.as_ref()?)))
    }

    /// Takes any one entry out, to take the directory apart; `None` when there is none left.
    pub fn pop(&mut self) -> Option<Arc<PathNode>> {
        while let Some(slot) = self.slots.pop() {
            if slot.node.is_some() {
                return slot.node;
            }
        }
        self.index.clear();
        self.free.clear();
        None
    }

    /// Whether this name is remembered as missing.
    #[inline]
    pub fn is_negative(&self, hash: u64, name: &[u8]) -> bool {
        self.negatives.iter().any(|(other, missing)| *other == hash && missing.as_slice() == name)
    }

    /// Remembers a missing name; does nothing without memory for it.
    pub fn add_negative(&mut self, hash: u64, name: Name) {
        if self.is_negative(hash, &name) {
            return;
        }
        if self.negatives.len() < NEGATIVE_LIMIT {
            if self.negatives.try_reserve(1).is_ok() {
                self.negatives.push((hash, name));
            }
        } else if let Some(place) = self.negatives.get_mut(self.next_negative) {
            *place = (hash, name);
            self.next_negative = (self.next_negative + 1) % NEGATIVE_LIMIT;
        }
    }

    /// Forgets that a name is missing.
    pub fn remove_negative(&mut self, hash: u64, name: &[u8]) {
        if let Some(place) = self.negatives.iter().position(|(other, missing)| *other == hash && missing.as_slice() == name) {
            self.negatives.swap_remove(place);
            self.next_negative = 0;
        }
    }
}
