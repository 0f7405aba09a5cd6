//! A mounted volume: what its inodes share, and what it has to write.

use super::clusters::Clusters;
use super::inode::FatInode;
use super::options::Options;
use super::table::Table;
use super::{boot, inode};
use crate::block::Volume;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::vfs::inode::Inode;
use crate::vfs::page_cache::write_back;
use crate::vfs::super_block::SuperBlock;
use crate::{Errno, Result, log};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hadris_fat_raw::Geometry;
use hal::sync::{Once, SpinLock};

/// Inodes that aren't numbered by where their entries are get numbers from here on.
const FREE_NUMBERS: u64 = 1 << 48;

/// A mounted volume.
pub struct Instance {
    pub volume: Arc<Volume>,
    pub geometry: Geometry,
    pub options: Options,
    pub table: Mutex<Table>,
    /// Held while entries of directories are read or changed.
    pub entries: Mutex<()>,
    /// The inodes in use, by the numbers of their entries' places.
    known: SpinLock<BTreeMap<u64, Weak<Inode>>>,
    /// Some inode's number is that of a place where its entry isn't any more.
    has_moved: AtomicBool,
    /// Inodes whose entries are to be written, or whose pages.
    noted: SpinLock<Vec<Arc<Inode>>>,
    /// Chains of files and directories without a name, freed when nobody uses them.
    orphans: SpinLock<Vec<Arc<Clusters>>>,
    super_block: Once<Weak<SuperBlock>>,
    is_corrupted: AtomicBool,
    /// The volume was not unmounted before: it stays marked.
    was_in_use: bool,
}

impl Instance {
    /// The file system on a volume.
    ///
    /// # Errors
    /// `EINVAL` for what isn't one; `EIO`, `ENOMEM`.
    pub fn open(volume: &Arc<Volume>, options: Options) -> Result<Arc<Self>> {
        let geometry = boot::geometry(volume)?;
        let counts = boot::counts(volume, &geometry)?;
        let was_in_use = boot::is_in_use(volume, &geometry)?;
        if was_in_use {
            log::warn!("{volume:?}: was not unmounted: some data may be corrupted, run fsck.vfat");
        }
        hal::frame::headroom()?;
        Ok(Arc::new(Self {
            volume: volume.clone(),
            geometry,
            options,
            table: Mutex::new(Table::new(volume, &geometry, counts)?),
            entries: Mutex::new(()),
            known: SpinLock::new(BTreeMap::new()),
            has_moved: AtomicBool::new(false),
            noted: SpinLock::new(Vec::new()),
            orphans: SpinLock::new(Vec::new()),
            super_block: Once::new(),
            is_corrupted: AtomicBool::new(false),
            was_in_use,
        }))
    }

    /// Tells it what it is an instance of.
    pub fn set_super_block(&self, super_block: &Arc<SuperBlock>) {
        self.super_block.call_once(|| Arc::downgrade(super_block));
    }

    /// What it is an instance of.
    pub fn super_block(&self) -> Option<Arc<SuperBlock>> {
        self.super_block.get().and_then(Weak::upgrade)
    }

    /// Marks the volume as in use, or as whole.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn mark(&self, in_use: bool) -> Result<()> {
        if self.was_in_use || (self.is_corrupted.load(Relaxed) && !in_use) {
            return Ok(());
        }
        boot::set_in_use(&self.volume, &self.geometry, in_use)
    }

    /// Reports what makes no sense on the volume (`EUCLEAN`), the first time, and stops writing; programs get `EIO`.
    ///
    /// # Errors
    /// The outcome's.
    pub fn report<T>(&self, outcome: Result<T>) -> Result<T> {
        if !matches!(outcome, Err(Errno::EUCLEAN)) {
            return outcome;
        }
        let goes_on = self.options.continues;
        if !self.is_corrupted.swap(true, Relaxed) {
            log::error!(
                "{:?}: the FAT file system is corrupted{}: run fsck.vfat",
                self.volume,
                if goes_on {
                    ""
                } else {
                    ", and can only be read from now on"
                }
            );
        }
        if !goes_on && let Some(super_block) = self.super_block() {
            super_block.set_read_only(true);
        }
        Err(Errno::EIO)
    }

    /// The inode in use whose entry is at this place.
    pub fn known(&self, place: u64) -> Option<Arc<Inode>> {
        self.known.lock().get(&place).and_then(Weak::upgrade)
    }

    /// Enters an inode in use.
    pub fn enter(&self, place: u64, inode: &Arc<Inode>) {
        self.known.lock().insert(place, Arc::downgrade(inode));
    }

    /// Takes the inode out whose entry was at this place, and keeps its number.
    pub fn leave(&self, place: u64) {
        let left = self.known.lock().remove(&place);
        let inode = left.and_then(|inode| inode.upgrade());
        if inode.is_some_and(|inode| inode.number() == place) {
            self.has_moved.store(true, Relaxed);
        }
    }

    /// Forgets an inode that is gone.
    pub fn forget(&self, place: u64) {
        let mut known = self.known.lock();
        if known
            .get(&place)
            .is_some_and(|inode| inode.strong_count() == 0)
        {
            known.remove(&place);
        }
    }

    /// A number for an inode whose entry was found, or made, at this place.
    pub fn number(&self, super_block: &SuperBlock, place: u64, is_new: bool) -> u64 {
        if is_new || self.has_moved.load(Relaxed) {
            FREE_NUMBERS + super_block.next_inode_number()
        } else {
            place
        }
    }

    /// Notes that an inode is to be written.
    pub fn note(&self, inode: &Arc<Inode>) {
        let Ok(own) = inode::of(inode) else { return };
        if inode.super_block().is_read_only() {
            return;
        }
        if own.is_noted.swap(true, Relaxed) {
            return;
        }
        let mut noted = self.noted.lock();
        if noted.make_room(1).is_ok() {
            noted.push(inode.clone());
            drop(noted);
            write_back::note_change();
            return;
        }
        drop(noted);
        // Without memory for a note it is written now.
        if let Err(error) = own.store(inode) {
            log::error!("{:?}: an inode can't be written: {error}", self.volume);
        }
    }

    /// Forgets that an inode is to be written: it has no name any more.
    pub fn drop_note(&self, own: &FatInode) {
        if !own.is_noted.load(Relaxed) {
            return;
        }
        let mut noted = self.noted.lock();
        let is_own =
            |inode: &Arc<Inode>| inode::of(inode).is_ok_and(|other| core::ptr::eq(other, own));
        let found = noted.iter().position(is_own);
        let dropped = found.map(|index| noted.swap_remove(index));
        drop(noted);
        drop(dropped);
    }

    /// Makes room for a chain that is about to lose its name.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn make_room_for_orphan(&self) -> Result<()> {
        self.orphans.lock().make_room(1)
    }

    /// Takes a chain over that has lost its name; room was made.
    pub fn adopt(&self, clusters: &Arc<Clusters>) {
        self.orphans.lock().push(clusters.clone());
        write_back::note_change();
    }

    fn take_orphan(&self, is_free: impl Fn(&Arc<Clusters>) -> bool) -> Option<Arc<Clusters>> {
        let mut orphans = self.orphans.lock();
        let index = orphans.iter().position(is_free)?;
        Some(orphans.swap_remove(index))
    }

    /// Frees the chains of removed files that nobody has open any more.
    pub fn reap(&self) {
        while let Some(clusters) = self.take_orphan(|clusters| Arc::strong_count(clusters) == 1) {
            // What can't be freed is lost to the volume until it is checked, which the log says.
            let _ = self.report(clusters.shorten(0));
        }
    }

    /// Frees the chains of all removed files: nobody can have one open any more.
    pub fn reap_all(&self) {
        while let Some(clusters) = self.take_orphan(|_| true) {
            let _ = self.report(clusters.shorten(0));
        }
    }

    /// Returns when everything that was changed so far is on the medium.
    ///
    /// # Errors
    /// The first failure's; the rest has been written then.
    pub fn sync(&self) -> Result<()> {
        self.reap();
        let mut outcome = Ok(());
        let noted = core::mem::take(&mut *self.noted.lock());
        for inode in &noted {
            outcome = outcome.and(FatInode::write(inode));
        }
        // Directories' pages last, which most of them have in common.
        for inode in &noted {
            outcome = outcome.and(inode::write_parent(inode));
        }
        outcome.and(self.sync_table())
    }

    /// Returns when the table, and what the device had so far, is on the medium.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn sync_table(&self) -> Result<()> {
        let (pages, change) = {
            let mut table = self.table.lock();
            (table.pages().clone(), table.take_change()?)
        };
        let outcome = pages.write_back();
        if let Some((free, next)) = change {
            boot::set_counts(&self.volume, &self.geometry, free, next)?;
        }
        outcome.and(self.volume.flush())
    }
}
