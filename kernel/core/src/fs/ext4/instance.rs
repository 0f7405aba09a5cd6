//! A mounted volume: what all of its inodes share.

use super::allocation::Groups;
use super::format::inode::RawInode;
use super::geometry::Geometry;
use super::journal::Journal;
use super::node::Node;
use super::orphans::Orphans;
use super::update::Update;
use crate::block::Volume;
use crate::vfs::attributes::now;
use crate::vfs::inode::Inode;
use crate::vfs::page_cache::write_back;
use crate::vfs::super_block::SuperBlock;
use crate::{Errno, Result, log};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use hal::sync::{Once, SpinLock};

/// A mounted volume.
pub struct Instance {
    pub volume: Arc<Volume>,
    pub geometry: Geometry,
    pub journal: Arc<Journal>,
    pub groups: Groups,
    /// Inodes that are to be freed or cut.
    pub orphans: Orphans,
    /// The inodes in use, by number.
    pub inodes: SpinLock<BTreeMap<u32, Weak<Inode>>>,
    /// Inodes that are not on the disk as they are in memory. This keeps them there.
    pub dirty: SpinLock<BTreeMap<u32, Arc<Inode>>>,
    /// Blocks that are promised to pages that have been written to.
    pub reserved: AtomicU64,
    /// The next inode's generation.
    pub generation: AtomicU32,
    pub super_block: Once<Weak<SuperBlock>>,
    /// It was mounted to be written, and may be.
    pub is_writable: AtomicBool,
    /// The structure was found to be wrong: nothing is written any more.
    pub is_damaged: AtomicBool,
}

impl Instance {
    /// An instance that can't be written yet, with the groups' descriptors read.
    ///
    /// # Errors
    /// `EUCLEAN` for descriptors that make no sense; `EIO`, `ENOMEM`.
    pub fn new(
        volume: &Arc<Volume>,
        geometry: &Geometry,
        journal: &Arc<Journal>,
    ) -> Result<Arc<Self>> {
        hal::frame::headroom()?;
        Ok(Arc::new(Self {
            volume: volume.clone(),
            geometry: *geometry,
            journal: journal.clone(),
            groups: Groups::read(journal, geometry)?,
            orphans: Orphans::new(),
            inodes: SpinLock::new(BTreeMap::new()),
            dirty: SpinLock::new(BTreeMap::new()),
            reserved: AtomicU64::new(0),
            generation: AtomicU32::new(now() as u32),
            super_block: Once::new(),
            is_writable: AtomicBool::new(false),
            is_damaged: AtomicBool::new(false),
        }))
    }

    /// Carries out a change of at most `credits` blocks. One that finds no room is tried again when what was freed before
    /// is free for good; `change` has left nothing half-done then.
    ///
    /// # Errors
    /// `EROFS` on an instance that can't be written; what `change` returns. If that had changed something, the instance
    /// takes no more changes.
    pub fn update<R>(
        self: &Arc<Self>,
        credits: u32,
        mut change: impl FnMut(&Update) -> Result<R>,
    ) -> Result<R> {
        if !self.is_writable.load(Relaxed) {
            return Err(Errno::EROFS);
        }
        let mut is_last = false;
        loop {
            let update = Update::new(self.journal.begin(credits)?);
            let result = change(&update);
            if update.has_changed() {
                write_back::note_change();
            }
            match result {
                Err(Errno::ENOSPC) if !is_last && self.groups.pending() > 0 => {
                    drop(update);
                    is_last = true;
                    self.commit()?;
                }
                Err(error) if error != Errno::ENOSPC && update.has_changed() => {
                    log::error!(
                        "ext4: {}: a change failed half-way ({error:?}): read only from now on",
                        self.volume.name()
                    );
                    self.stop(error);
                    return Err(error);
                }
                result => return result,
            }
        }
    }

    /// Puts everything that was changed on the medium.
    ///
    /// # Errors
    /// `EIO`; `EROFS` if the journal has given up.
    pub fn commit(&self) -> Result<()> {
        self.journal.commit()
    }

    /// An error, after what it means for the instance: a wrong structure ends all writing. `what` says where it was found.
    pub fn judge(&self, error: Errno, what: core::fmt::Arguments<'_>) -> Errno {
        if error == Errno::EUCLEAN && !self.is_damaged.swap(true, Relaxed) {
            log::error!(
                "ext4: {}: {what} makes no sense: read only from now on; run e2fsck",
                self.volume.name()
            );
            self.stop(error);
        }
        error
    }

    /// Ends all writing.
    fn stop(&self, error: Errno) {
        self.is_damaged.store(true, Relaxed);
        self.journal.abort(error);
        let super_block = self.super_block.get().and_then(Weak::upgrade);
        if let Some(super_block) = super_block {
            super_block.set_read_only(true);
        }
        if !self.volume.geometry().read_only {
            // If it can't be noted there is nothing more to be done.
            let _ = self.note_errors();
        }
    }

    /// An inode as its table has it.
    ///
    /// # Errors
    /// `EUCLEAN` if there is none of this number, or it is impossible; what reading says.
    pub fn read_inode(&self, number: u32) -> Result<RawInode> {
        let place = self.groups.inode_place(&self.geometry, number)?;
        let block = self.journal.block(place.block)?;
        let end = place.offset + self.geometry.inode_size;
        block.read(|bytes| RawInode::read(bytes.get(place.offset..end).unwrap_or(&[])))
    }

    /// Changes an inode in its table: one block. `change` runs with a spin lock held.
    ///
    /// # Errors
    /// What `change` returns, with nothing changed; as [`Self::read_inode`].
    pub fn change_inode<R>(
        &self,
        update: &Update,
        number: u32,
        change: impl FnOnce(&mut RawInode) -> Result<R>,
    ) -> Result<R> {
        self.change_inode_bytes(update, number, |bytes| {
            let mut inode = RawInode::read(bytes)?;
            let result = change(&mut inode)?;
            inode.write(bytes);
            Ok(result)
        })
    }

    /// As [`Self::change_inode`], with all bytes that the inode has.
    ///
    /// # Errors
    /// As [`Self::change_inode`].
    pub fn change_inode_bytes<R>(
        &self,
        update: &Update,
        number: u32,
        change: impl FnOnce(&mut [u8]) -> Result<R>,
    ) -> Result<R> {
        let place = self.groups.inode_place(&self.geometry, number)?;
        let block = self.journal.block(place.block)?;
        let end = place.offset + self.geometry.inode_size;
        update.modify(&block, |bytes| {
            change(bytes.get_mut(place.offset..end).ok_or(Errno::EUCLEAN)?)
        })?
    }

    /// The next inode's generation, which tells it from earlier ones of the same number.
    pub fn next_generation(&self) -> u32 {
        self.generation.fetch_add(1, Relaxed)
    }

    /// Notes that an inode is not on the disk as it is in memory.
    pub fn mark_dirty(&self, node: &Node) {
        if !node.is_deleted.load(Relaxed)
            && node.set_dirty()
            && let Some(inode) = node.inode()
        {
            let before = self.dirty.lock().insert(node.number, inode);
            drop(before);
            write_back::note_change();
        }
    }
}
