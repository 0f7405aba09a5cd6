//! Extended attributes of one inode, kept in memory.

use super::Existing;
use crate::heap::MakeRoom;
use crate::vfs::name;
use crate::vfs::page_cache::{PAGE_SIZE, PageQuota};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use hal::sync::SpinLock;

/// Bytes of names and values that one inode may have: two values of the greatest size.
pub const ROOM: usize = 128 * 1024;

struct Entry {
    name: Box<[u8]>,
    value: Box<[u8]>,
}

impl Entry {
    fn bytes(&self) -> usize {
        self.name.len() + self.value.len()
    }
}

#[derive(Default)]
struct Entries {
    /// In the order in which they were first set; few, so that they are searched one by one.
    list: Vec<Entry>,
    /// Bytes of all names and values.
    bytes: usize,
}

impl Entries {
    fn place(&self, name: &[u8]) -> Option<usize> {
        self.list.iter().position(|entry| *entry.name == *name)
    }
}

/// Pages of the file system's quota that so many bytes count as.
fn pages(bytes: usize) -> u64 {
    bytes.div_ceil(PAGE_SIZE) as u64
}

/// The attributes of an inode of a file system in memory. They count as pages of its quota.
#[derive(Default)]
pub struct Store(SpinLock<Option<Box<Entries>>>);

impl Store {
    /// A copy of a value.
    ///
    /// # Errors
    /// `ENODATA` if there is no such attribute; `ENOMEM`.
    pub fn get(&self, name: &[u8]) -> Result<Vec<u8>> {
        let entries = self.0.lock();
        let entry = entries
            .as_ref()
            .and_then(|entries| entries.list.get(entries.place(name)?));
        let value = &entry.ok_or(Errno::ENODATA)?.value;
        let mut copy = Vec::new();
        copy.make_room_exact(value.len())?;
        copy.extend_from_slice(value);
        Ok(copy)
    }

    /// Sets a value.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA` as `existing` demands; `ENOSPC` beyond [`ROOM`] or the quota; `ENOMEM`.
    pub fn set(
        &self,
        quota: &PageQuota,
        name: &[u8],
        value: &[u8],
        existing: Existing,
    ) -> Result<()> {
        let new = Entry {
            name: name::boxed(name)?,
            value: name::boxed(value)?,
        };
        hal::frame::headroom()?;
        let mut guard = self.0.lock();
        let entries = guard.get_or_insert_default();
        let place = entries.place(name);
        match (existing, place) {
            (Existing::Refused | Existing::Contradicted, Some(_)) => return Err(Errno::EEXIST),
            (Existing::Required | Existing::Contradicted, None) => return Err(Errno::ENODATA),
            _ => {}
        }
        let old = place.and_then(|place| entries.list.get_mut(place));
        let freed = old.as_ref().map_or(0, |old| old.bytes());
        let bytes = entries.bytes - freed + new.bytes();
        if bytes > ROOM {
            return Err(Errno::ENOSPC);
        }
        let more = pages(bytes).saturating_sub(pages(entries.bytes));
        let less = pages(entries.bytes).saturating_sub(pages(bytes));
        let replaced = match old {
            Some(old) => {
                quota.take_all(more)?;
                Some(core::mem::replace(old, new))
            }
            None => {
                entries.list.make_room(1)?;
                quota.take_all(more)?;
                entries.list.push(new);
                None
            }
        };
        quota.give_back(less);
        entries.bytes = bytes;
        drop(guard);
        drop(replaced);
        Ok(())
    }

    /// Takes an attribute away.
    ///
    /// # Errors
    /// `ENODATA` if there is none of this name.
    pub fn remove(&self, quota: &PageQuota, name: &[u8]) -> Result<()> {
        let mut guard = self.0.lock();
        let entries = guard.as_mut().ok_or(Errno::ENODATA)?;
        let place = entries.place(name).ok_or(Errno::ENODATA)?;
        let removed = entries.list.remove(place);
        let bytes = entries.bytes - removed.bytes();
        quota.give_back(pages(entries.bytes) - pages(bytes));
        entries.bytes = bytes;
        drop(guard);
        drop(removed);
        Ok(())
    }

    /// Calls `each` with every name, with a spin lock held.
    ///
    /// # Errors
    /// What `each` returns.
    pub fn list(&self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let guard = self.0.lock();
        guard
            .iter()
            .flat_map(|entries| &entries.list)
            .try_for_each(|entry| each(&entry.name))
    }

    /// Gives what the attributes count as back to the quota: the inode is going.
    pub fn release(&mut self, quota: &PageQuota) {
        if let Some(entries) = self.0.get_mut().take() {
            quota.give_back(pages(entries.bytes));
        }
    }
}
