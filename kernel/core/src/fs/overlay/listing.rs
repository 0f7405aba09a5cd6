//! Reading an overlay's directories: the entries of all layers, each name once, without what is hidden.
//!
//! An open directory keeps the list from the first read on until it is read from the start again, so that it neither
//! repeats nor skips entries while others come and go, however the layers order theirs.

use super::inode::OverlayInode;
use super::layers::{Layers, find, open_directory};
use super::marks::Opacity;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::vfs::directory_file;
use crate::vfs::file::File;
use crate::vfs::file_operations::{FileOperations, Positions, Whence};
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::{Component, Name};
use crate::vfs::path_node::NAMES;
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::any::Any;
use core::ops::Range;

/// Entries that are read from a layer at once: its file system may hold a lock meanwhile.
const BATCH: usize = 128;

struct Entry {
    /// Where its name is in the bytes of all names.
    name: Range<usize>,
    /// Which of the directories it is from, the uppermost being 0.
    part: usize,
    kind: FileKind,
    number: u64,
    is_whiteout: bool,
}

/// The entries of a directory, in the order of their names.
pub(super) struct Listing {
    names: Vec<u8>,
    entries: Vec<Entry>,
}

impl Listing {
    /// The entries that a directory shows now.
    ///
    /// # Errors
    /// What the layers' file systems say; `ENOMEM`.
    pub fn read(directory: &OverlayInode) -> Result<Self> {
        let mut listing = Self {
            names: Vec::new(),
            entries: Vec::new(),
        };
        for (part, location) in directory.parts().enumerate() {
            listing.read_part(&directory.layers, part, location)?;
        }
        let Self { names, entries } = &mut listing;
        let name = |entry: &Entry| names.get(entry.name.clone()).unwrap_or(&[]);
        entries.sort_unstable_by(|one, other| {
            name(one).cmp(name(other)).then(one.part.cmp(&other.part))
        });
        entries.dedup_by(|entry, kept| name(entry) == name(kept));
        entries.retain(|entry| !entry.is_whiteout);
        Ok(listing)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn read_part(&mut self, layers: &Layers, part: usize, location: &Location) -> Result<()> {
        let inode = location.inode();
        let super_block = inode.super_block();
        let opacity = layers.marks.opacity(inode)?;
        let file = open_directory(location)?;
        let mut position = 0;
        loop {
            let first = self.entries.len();
            let mut failed = false;
            let mut given = 0;
            file.operations()
                .read_directory(&file, &mut position, &mut |entry| {
                    if given == BATCH {
                        return false;
                    }
                    given += 1;
                    failed = !matches!(entry.name, b"." | b"..")
                        && self
                            .add(part, entry, layers.number(super_block, entry.inode))
                            .is_err();
                    !failed
                })?;
            if failed {
                return Err(Errno::ENOMEM);
            }
            if given == 0 {
                return Ok(());
            }
            self.find_whiteouts(layers, location, opacity, first)?;
        }
    }

    fn add(&mut self, part: usize, entry: &DirectoryEntry<'_>, number: u64) -> Result<()> {
        let start = self.names.len();
        let length = entry.name.len();
        self.names.make_room(length)?;
        self.entries.make_room(1)?;
        self.names.extend_from_slice(entry.name);
        self.entries.push(Entry {
            name: start..start + length,
            part,
            kind: entry.kind,
            number,
            is_whiteout: false,
        });
        Ok(())
    }

    /// Looks which of the entries from `first` on are whiteouts.
    fn find_whiteouts(
        &mut self,
        layers: &Layers,
        directory: &Location,
        opacity: Opacity,
        first: usize,
    ) -> Result<()> {
        let Self { names, entries } = self;
        for entry in entries.iter_mut().skip(first) {
            let may_be = match entry.kind {
                FileKind::CharacterDevice => true,
                FileKind::Regular => opacity == Opacity::HasWhiteoutFiles,
                _ => false,
            };
            if !may_be {
                continue;
            }
            let name = Name::from_slice(names.get(entry.name.clone()).unwrap_or(&[]));
            entry.is_whiteout = match find(directory, &name)? {
                Some(found) => layers.marks.is_whiteout(found.inode(), opacity)?,
                // Somebody took it away from the layer meanwhile.
                None => false,
            };
        }
        Ok(())
    }

    /// Gives the sink the entries from `first` on.
    fn give(&self, location: &Location, first: u64, sink: EntrySink<'_>) {
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        for (index, entry) in self.entries.iter().enumerate().skip(first) {
            let name = self.names.get(entry.name.clone()).unwrap_or(&[]);
            // A file that was copied up keeps its number.
            let known = {
                let token = NAMES.read();
                let child = location.node.child(&token, &Component::split(name).0);
                child.map(|child| child.inode().number())
            };
            let taken = sink(&DirectoryEntry {
                name,
                inode: known.unwrap_or(entry.number),
                kind: entry.kind,
                next: index as u64 + 1,
            });
            if !taken {
                return;
            }
        }
    }
}

/// An open directory of an overlay.
pub struct OverlayDirectory {
    /// What it shows to this reader.
    listing: Mutex<Option<Listing>>,
}

impl OverlayDirectory {
    /// One that hasn't been read.
    pub fn new() -> Self {
        Self {
            listing: Mutex::new(None),
        }
    }
}

impl FileOperations for OverlayDirectory {
    fn read(
        &self,
        _file: &File,
        _destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn write(&self, _file: &File, _source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, _file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        directory_file::seek(current, offset, whence)
    }

    fn read_directory(&self, file: &File, position: &mut u64, sink: EntrySink<'_>) -> Result<()> {
        let location = file.location().ok_or(Errno::ENOTDIR)?;
        if location.node.is_removed() {
            return Err(Errno::ENOENT);
        }
        let own = OverlayInode::of(location.inode())?;
        if let Some(upper) = own.upper() {
            location.mount.touch_accessed(upper.inode());
        }
        let mut listing = self.listing.lock();
        if *position == 0 {
            *listing = None;
        }
        directory_file::read_with(location, position, sink, |first, sink| {
            let listing = match &mut *listing {
                Some(listing) => listing,
                none => none.insert(Listing::read(own)?),
            };
            listing.give(location, first, sink);
            Ok(())
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
