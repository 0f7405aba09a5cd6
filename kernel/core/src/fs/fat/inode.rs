//! Inodes: files and directories of a mounted volume.

use super::clusters::{Clusters, Content, FILE_LIMIT};
use super::directory::{Directory, Entry};
use super::name::{self, NewName, Shown};
use super::{Instance, attributes, rename, time};
use crate::memory::MemoryObject;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{
    AttributeChange, DirectoryEntry, EntrySink, Inode, InodeOperations, NamePolicy, NewInode,
    Renaming,
};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::boxed;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::vfs::special;
use crate::vfs::stored_file::StoredFile;
use crate::vfs::super_block::SuperBlock;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hadris_fat_raw::{ATTR_ARCHIVE, ATTR_DIRECTORY, ShortEntry};
use hal::sync::SpinLock;

/// The root directory's number, and that of the first place for an entry.
pub const ROOT: u64 = 1;
const FIRST_PLACE: u64 = 2;

/// Where an inode's entry is.
#[derive(Clone)]
pub struct Place {
    pub parent: Arc<Directory>,
    pub first: u32,
    pub slot: u32,
}

impl Place {
    /// That of an entry.
    pub fn new(parent: &Arc<Directory>, entry: &Entry) -> Self {
        Self {
            parent: parent.clone(),
            first: entry.first,
            slot: entry.slot,
        }
    }

    /// A number that no other place has.
    pub fn number(&self) -> u64 {
        place_number(&self.parent, self.slot)
    }
}

fn place_number(parent: &Directory, slot: u32) -> u64 {
    FIRST_PLACE + (u64::from(parent.first_cluster()) << 16 | u64::from(slot))
}

/// What an inode is.
pub enum Body {
    File(Arc<Clusters>, Arc<PageCache>),
    Directory(Arc<Directory>),
}

/// An inode.
pub struct FatInode {
    pub instance: Arc<Instance>,
    pub body: Body,
    /// Where its entry is; the root directory and what was removed have none.
    pub place: SpinLock<Option<Place>>,
    /// It is among the inodes that are to be written.
    pub is_noted: AtomicBool,
}

/// What an inode of this file system is.
///
/// # Errors
/// `EXDEV` for one of another.
pub fn of(inode: &Inode) -> Result<&FatInode> {
    let own = inode.operations().as_any().downcast_ref();
    own.ok_or(Errno::EXDEV)
}

/// Writes the pages of the directory back that an inode's entry is in.
///
/// # Errors
/// `EIO`, `ENOMEM`.
pub fn write_parent(inode: &Inode) -> Result<()> {
    let place = of(inode)?.place.lock().clone();
    place.map_or(Ok(()), |place| place.parent.pages().write_back())
}

impl FatInode {
    /// The root directory.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn root(
        instance: &Arc<Instance>,
        super_block: &Arc<SuperBlock>,
        directory: Arc<Directory>,
    ) -> Result<Arc<Inode>> {
        let short = ShortEntry::new([b' '; 11], ATTR_DIRECTORY);
        Self::build(instance, super_block, ROOT, None, &short, false, directory)
    }

    fn build(
        instance: &Arc<Instance>,
        super_block: &Arc<SuperBlock>,
        number: u64,
        place: Option<Place>,
        short: &ShortEntry,
        is_executable: bool,
        body: impl Into<Body>,
    ) -> Result<Arc<Inode>> {
        let body = body.into();
        let attributes = attributes::of_entry(&instance.options, short, is_executable);
        if let Body::Directory(directory) = &body {
            attributes.set_links(2 + directory.subdirectories()?);
        }
        hal::frame::headroom()?;
        let own = Box::new(Self {
            instance: instance.clone(),
            body,
            place: SpinLock::new(place),
            is_noted: AtomicBool::new(false),
        });
        Ok(Arc::new(Inode::new(super_block, number, attributes, own)))
    }

    /// The inode of an entry that nobody uses yet, which was found or made just now.
    fn make(
        &self,
        super_block: &Arc<SuperBlock>,
        place: Place,
        short: &ShortEntry,
        shown: &Shown,
        is_new: bool,
    ) -> Result<Arc<Inode>> {
        let instance = &self.instance;
        let first = short.first_cluster(instance.geometry.kind());
        let body = if short.is_dir() {
            if instance.is_root(first) {
                return Err(Errno::EUCLEAN);
            }
            let (clusters, pages) = Clusters::open(instance, first, Content::Directory)?;
            Body::Directory(Arc::new(Directory::new(pages, Some(clusters), first)))
        } else {
            let content = Content::File(short.size().into());
            let (clusters, pages) = Clusters::open(instance, first, content)?;
            Body::File(clusters, pages)
        };
        let known = place.number();
        let number = instance.number(super_block, known, is_new);
        let is_executable = shown.is_executable();
        let inode = Self::build(
            instance,
            super_block,
            number,
            Some(place),
            short,
            is_executable,
            body,
        )?;
        instance.enter(known, &inode);
        Ok(inode)
    }

    /// The directory that it is.
    ///
    /// # Errors
    /// `ENOTDIR`.
    pub fn directory(&self) -> Result<&Arc<Directory>> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            Body::File(..) => Err(Errno::ENOTDIR),
        }
    }

    /// Whether its name was taken away.
    fn is_removed(&self, inode: &Inode) -> bool {
        self.place.lock().is_none() && inode.number() != ROOT
    }

    fn clusters(&self) -> Option<&Arc<Clusters>> {
        match &self.body {
            Body::Directory(directory) => directory.clusters(),
            Body::File(clusters, _) => Some(clusters),
        }
    }

    /// Puts what is known of an inode into its entry.
    pub fn describe(&self, inode: &Inode, short: &mut ShortEntry) {
        attributes::to_entry(&self.instance.options, inode, short);
        let first = self.clusters().map_or(0, |clusters| clusters.first());
        short.set_first_cluster(self.instance.geometry.kind(), first);
        short.set_size(match &self.body {
            Body::File(_, pages) => pages.size() as u32,
            Body::Directory(_) => 0,
        });
    }

    /// Writes an inode's entry into the pages of its directory.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn store(&self, inode: &Inode) -> Result<()> {
        let _entries = self.instance.entries.lock();
        let Some(place) = self.place.lock().clone() else {
            return Ok(());
        };
        let old = place.parent.short(place.slot)?;
        let mut short = old;
        self.describe(inode, &mut short);
        if short == old {
            return Ok(());
        }
        place.parent.set_short(place.slot, &short)
    }

    /// Writes an inode: its pages back to the device, its entry into the pages of its directory.
    ///
    /// # Errors
    /// `EIO`, `ENOSPC`, `ENOMEM`.
    pub fn write(inode: &Arc<Inode>) -> Result<()> {
        let own = of(inode)?;
        own.is_noted.store(false, Relaxed);
        if own.is_removed(inode) {
            // Nobody will read it from the medium.
            return Ok(());
        }
        let outcome = match &own.body {
            Body::Directory(directory) => directory.pages().write_back(),
            Body::File(clusters, pages) => {
                let _changing = inode.change.lock();
                own.settle(clusters, pages)
            }
        };
        outcome.and(own.instance.report(own.store(inode)))
    }

    /// Writes a file's pages back, and gives clusters back that it doesn't need. Its `change` is held.
    fn settle(&self, clusters: &Clusters, pages: &PageCache) -> Result<()> {
        let size = pages.size();
        if let Some(tail) = clusters.tail()
            && tail < size
        {
            // The file has grown, and zeros behind its former end are to be written.
            pages.page(tail / PAGE_SIZE as u64, true)?;
        }
        pages.write_back()?;
        if pages.dirty() > 0 {
            return Ok(());
        }
        self.instance.report(clusters.trim(size))
    }

    /// Takes an inode's name away for good; room for an orphan was made. Its entry is gone.
    pub fn retire(&self) {
        if let Some(place) = self.place.lock().take() {
            self.instance.leave(place.number());
        }
        self.instance.drop_note(self);
        if let Some(clusters) = self.clusters() {
            self.instance.adopt(clusters);
        }
    }

    fn make_entry(
        &self,
        directory: &Arc<Inode>,
        name: &[u8],
        is_directory: bool,
    ) -> Result<Arc<Inode>> {
        let instance = &self.instance;
        let new = NewName::new(name)?;
        let parent = self.directory()?;
        if self.is_removed(directory) {
            return Err(Errno::ENOENT);
        }
        instance.reap();
        let entries = instance.entries.lock();
        let options = &instance.options;
        let (date, clock, hundredths) = time::encode(options, crate::vfs::attributes::now());
        let bits = if is_directory {
            ATTR_DIRECTORY
        } else {
            ATTR_ARCHIVE
        };
        let mut short = ShortEntry::new([b' '; 11], bits);
        short.set_created(date, clock, hundredths);
        short.set_modified(date, clock);
        short.set_accessed_date(date);
        let first = if is_directory {
            rename::new_directory(instance, parent, &mut short)?
        } else {
            0
        };
        let made = parent.add(&new, &short).and_then(|entry| {
            let place = Place::new(parent, &entry);
            // Its name is what was asked for, so that it says as well whether it may be executed.
            let shown = Shown::of(name);
            self.make(directory.super_block(), place, &entry.short, &shown, true)
                .or_else(|error| {
                    parent.remove(entry.first, entry.slot)?;
                    Err(error)
                })
        });
        if made.is_err() && first != 0 {
            instance.table.lock().release(first)?;
        }
        drop(entries);
        instance.note(directory);
        made
    }
}

impl From<Arc<Directory>> for Body {
    fn from(directory: Arc<Directory>) -> Self {
        Self::Directory(directory)
    }
}

impl Drop for FatInode {
    fn drop(&mut self) {
        if let Some(place) = self.place.get_mut() {
            self.instance.forget(place.number());
        }
    }
}

impl InodeOperations for FatInode {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Folded
    }

    fn stored_name(&self, _directory: &Arc<Inode>, name: &[u8]) -> Result<Box<[u8]>> {
        let found = {
            let _entries = self.instance.entries.lock();
            self.directory()?.find(name)
        };
        boxed(self.instance.report(found)?.1.as_bytes())
    }

    fn kept_name<'n>(&self, name: &'n [u8]) -> &'n [u8] {
        name::kept(name)
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let _entries = self.instance.entries.lock();
        let parent = self.directory()?;
        let (entry, shown) = self.instance.report(parent.find(name))?;
        let place = Place::new(parent, &entry);
        if let Some(known) = self.instance.known(place.number()) {
            // A directory that is in use is in the name cache. Found at a second place it could be below itself.
            if known.is_directory() {
                return self.instance.report(Err(Errno::EIO));
            }
            return Ok(known);
        }
        let made = self.make(directory.super_block(), place, &entry.short, &shown, false);
        self.instance.report(made)
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        let parent = self.directory()?;
        let _entries = self.instance.entries.lock();
        // Positions are slots behind short entries.
        let mut scan = parent.scan(u32::try_from(position).unwrap_or(u32::MAX));
        while let Some(entry) = self.instance.report(scan.next_visible())? {
            let number = place_number(parent, entry.slot);
            let known = self.instance.known(number);
            let taken = sink(&DirectoryEntry {
                name: scan.shown(&entry).as_bytes(),
                inode: known.map_or(number, |inode| inode.number()),
                kind: if entry.short.is_dir() {
                    FileKind::Directory
                } else {
                    FileKind::Regular
                },
                next: u64::from(entry.slot) + 1,
            });
            if !taken {
                break;
            }
        }
        Ok(())
    }

    fn create(
        &self,
        directory: &Arc<Inode>,
        name: &[u8],
        new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        let is_directory = match new.kind {
            FileKind::Regular => false,
            FileKind::Directory => true,
            _ => return Err(Errno::EPERM),
        };
        let made = self.make_entry(directory, name, is_directory);
        self.instance.report(made)
    }

    fn unlink(&self, directory: &Arc<Inode>, _name: &[u8], inode: &Arc<Inode>) -> Result<()> {
        let removed = of(inode)?;
        let instance = &self.instance;
        instance.reap();
        {
            let _entries = instance.entries.lock();
            if let Body::Directory(content) = &removed.body
                && !instance.report(content.is_empty())?
            {
                return Err(Errno::ENOTEMPTY);
            }
            let place = removed.place.lock().clone().ok_or(Errno::ENOENT)?;
            instance.make_room_for_orphan()?;
            instance.report(place.parent.remove(place.first, place.slot))?;
            removed.retire();
        }
        instance.note(directory);
        Ok(())
    }

    fn rename(&self, renaming: &Renaming<'_>) -> Result<()> {
        self.instance
            .report(rename::rename(&self.instance, renaming))
    }

    fn open(
        &self,
        inode: &Arc<Inode>,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        if inode.kind() == FileKind::Regular {
            Ok(Box::new(StoredFile::new(inode)?))
        } else {
            special::open(inode, location, flags)
        }
    }

    fn truncate(&self, inode: &Arc<Inode>, size: u64) -> Result<()> {
        let Body::File(clusters, pages) = &self.body else {
            return Err(Errno::EISDIR);
        };
        if size > pages.size() {
            if size > FILE_LIMIT {
                return Err(Errno::EFBIG);
            }
            self.instance.report(clusters.prepare(size))?;
            pages.grow(size);
        } else {
            pages.set_size(size)?;
            self.instance.report(clusters.shorten(size))?;
        }
        inode.attributes.touch_modified();
        self.instance.note(inode);
        Ok(())
    }

    /// Room beyond the size is given back when the file is synced.
    fn allocate(&self, inode: &Arc<Inode>, _start: u64, end: u64) -> Result<()> {
        let Body::File(clusters, pages) = &self.body else {
            return Err(Errno::EISDIR);
        };
        if end > FILE_LIMIT {
            return Err(Errno::EFBIG);
        }
        if end > pages.size() {
            self.instance.report(clusters.prepare(end))?;
            self.instance.note(inode);
        }
        Ok(())
    }

    /// A chain has no holes.
    fn discard(&self, _inode: &Arc<Inode>, _start: u64, _end: u64) -> Result<()> {
        Err(Errno::EOPNOTSUPP)
    }

    fn set_attributes(&self, inode: &Arc<Inode>, change: &AttributeChange) -> Result<()> {
        self.change(inode, change)?;
        self.instance.note(inode);
        Ok(())
    }

    fn attributes_changed(&self, inode: &Arc<Inode>) {
        self.instance.note(inode);
    }

    fn sync(&self, inode: &Arc<Inode>, _data_only: bool) -> Result<()> {
        Self::write(inode)?;
        write_parent(inode)?;
        self.instance.sync_table()
    }

    fn refresh(&self, inode: &Inode) -> Result<()> {
        attributes::round(&self.instance.options, inode);
        if let Body::Directory(directory) = &self.body {
            inode.attributes.set_size(directory.pages().size());
        }
        Ok(())
    }

    fn page_cache(&self) -> Option<&Arc<PageCache>> {
        match &self.body {
            Body::File(_, pages) => Some(pages),
            Body::Directory(_) => None,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
