//! Entries of a directory: its content, slots of 32 bytes. An entry is a run of slots, parts of the long name from its end
//! and the short entry last. Whoever calls holds [`super::Instance::entries`].

use super::clusters::Clusters;
use super::name::{Folded, MOST_SLOTS, NewName, Shown};
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::vfs::transfer::Source;
use crate::{Errno, Result};
use alloc::sync::Arc;
use hadris_fat_raw::{ENTRY_FREE, LFN_LAST_ENTRY, MAX_DIR_ENTRIES, ShortEntry, Slot, lfn};
use hal::frame::Frame;

/// Bytes of a slot.
const SLOT: u64 = 32;
/// Short names that are compared with those of a directory at once.
const CANDIDATES: usize = 8;

/// A directory's content.
pub struct Directory {
    pages: Arc<PageCache>,
    /// Its chain; the root directory of FAT12 and FAT16 has none, and its size.
    clusters: Option<Arc<Clusters>>,
    /// Its first cluster as entries name it, which never changes: 0 for the root directory.
    first_cluster: u32,
}

/// An entry.
pub struct Entry {
    /// The first of its slots.
    pub first: u32,
    /// The short entry's slot.
    pub slot: u32,
    /// The short entry.
    pub short: ShortEntry,
}

/// Reads slots one after the other.
struct Slots<'d> {
    directory: &'d Directory,
    page: Option<(u64, Frame)>,
}

impl Slots<'_> {
    fn get(&mut self, slot: u32) -> Result<[u8; SLOT as usize]> {
        let position = u64::from(slot) * SLOT;
        let index = position / PAGE_SIZE as u64;
        let frame = match &self.page {
            Some((known, frame)) if *known == index => frame,
            _ => {
                &self
                    .page
                    .insert((index, self.directory.pages.obtain(index)?))
                    .1
            }
        };
        let mut bytes = [0; SLOT as usize];
        frame.read((position % PAGE_SIZE as u64) as usize, &mut bytes);
        Ok(bytes)
    }
}

/// Goes through the entries from a slot on.
pub struct Scan<'d> {
    slots: Slots<'d>,
    next: u32,
    long: lfn::Assembler,
    /// Where the long name began that is being read.
    began: u32,
    units: [u16; lfn::MAX_UNITS],
    /// Units of the long name of the entry that was found last, if it has one.
    length: Option<usize>,
}

impl Scan<'_> {
    /// The next entry, hidden ones among them.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        while self.next < self.slots.directory.slots() {
            let slot = self.next;
            match Slot::parse(&self.slots.get(slot)?) {
                Slot::End => return Ok(None),
                Slot::Free => self.long.reset(),
                Slot::Long(part) => {
                    if part.sequence() & LFN_LAST_ENTRY != 0 {
                        self.began = slot;
                    }
                    self.long.push(&part);
                }
                Slot::Short(short) => {
                    self.next += 1;
                    let units = self.long.finish(short.lfn_checksum());
                    self.length = units.map(|units| {
                        for (place, unit) in self.units.iter_mut().zip(units) {
                            *place = *unit;
                        }
                        units.len()
                    });
                    let first = if self.length.is_some() {
                        self.began
                    } else {
                        slot
                    };
                    return Ok(Some(Entry { first, slot, short }));
                }
            }
            self.next += 1;
        }
        Ok(None)
    }

    /// The next entry that is shown.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_visible(&mut self) -> Result<Option<Entry>> {
        loop {
            match self.next()? {
                Some(entry) if !entry.short.is_visible() => {}
                found => return Ok(found),
            }
        }
    }

    /// The long name of the entry that was found last.
    pub fn long(&self) -> Option<&[u16]> {
        self.units.get(..self.length?)
    }

    /// The name that is shown of the entry which was found last.
    pub fn shown(&self, entry: &Entry) -> Shown {
        Shown::new(self.long(), &entry.short)
    }
}

impl Directory {
    /// A directory with this content.
    pub fn new(pages: Arc<PageCache>, clusters: Option<Arc<Clusters>>, first_cluster: u32) -> Self {
        Self {
            pages,
            clusters,
            first_cluster,
        }
    }

    /// The pages of its content.
    pub fn pages(&self) -> &Arc<PageCache> {
        &self.pages
    }

    /// The chain of its content.
    pub fn clusters(&self) -> Option<&Arc<Clusters>> {
        self.clusters.as_ref()
    }

    /// Its first cluster as entries name it: 0 for the root directory.
    pub fn first_cluster(&self) -> u32 {
        self.first_cluster
    }

    fn slots(&self) -> u32 {
        (self.pages.size() / SLOT).min(MAX_DIR_ENTRIES.into()) as u32
    }

    fn reader(&self) -> Slots<'_> {
        Slots {
            directory: self,
            page: None,
        }
    }

    /// Goes through the entries whose short entry is at `slot` or behind; a long name that begins before isn't seen.
    pub fn scan(&self, slot: u32) -> Scan<'_> {
        Scan {
            slots: self.reader(),
            next: slot,
            long: lfn::Assembler::new(),
            began: 0,
            units: [0; lfn::MAX_UNITS],
            length: None,
        }
    }

    /// The entry of this name, and the name that is shown of it.
    ///
    /// # Errors
    /// `ENOENT`; `EIO`, `ENOMEM`.
    pub fn find(&self, name: &[u8]) -> Result<(Entry, Shown)> {
        let wanted = Folded::new(name).ok_or(Errno::ENOENT)?;
        let mut scan = self.scan(0);
        while let Some(entry) = scan.next_visible()? {
            if wanted.is(scan.long(), &entry.short) {
                let shown = scan.shown(&entry);
                return Ok((entry, shown));
            }
        }
        Err(Errno::ENOENT)
    }

    /// Whether nothing is shown in it.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.scan(0).next_visible()?.is_none())
    }

    /// Number of directories in it.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn subdirectories(&self) -> Result<u32> {
        let mut count = 0;
        let mut scan = self.scan(0);
        while let Some(entry) = scan.next_visible()? {
            count += u32::from(entry.short.is_dir());
        }
        Ok(count)
    }

    /// The short entry in a slot.
    ///
    /// # Errors
    /// `EUCLEAN` if there is none; `EIO`, `ENOMEM`.
    pub fn short(&self, slot: u32) -> Result<ShortEntry> {
        if slot >= self.slots() {
            return Err(Errno::EUCLEAN);
        }
        match Slot::parse(&self.reader().get(slot)?) {
            Slot::Short(short) => Ok(short),
            _ => Err(Errno::EUCLEAN),
        }
    }

    fn write(&self, slot: u32, bytes: &[u8]) -> Result<()> {
        let position = u64::from(slot) * SLOT;
        self.pages.write(&mut Source::kernel(bytes), position)?;
        Ok(())
    }

    /// Replaces the short entry in a slot.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`.
    pub fn set_short(&self, slot: u32, short: &ShortEntry) -> Result<()> {
        self.write(slot, &short.encode())
    }

    /// Takes an entry away.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`; the entry is gone, or still whole.
    pub fn remove(&self, first: u32, slot: u32) -> Result<()> {
        // The short entry goes first: what is left of a long name without one means nothing.
        self.write(slot, &[ENTRY_FREE])?;
        for part in first..slot {
            self.write(part, &[ENTRY_FREE])?;
        }
        Ok(())
    }

    /// Makes an entry with what `short` says but its name. The name isn't there yet.
    ///
    /// # Errors
    /// `ENOSPC` if there is no room, or no short name left; `EIO`, `ENOMEM`.
    pub fn add(&self, name: &NewName<'_>, short: &ShortEntry) -> Result<Entry> {
        let mut short = *short;
        short.set_name(self.free_short_name(name)?);
        short.set_nt_case(0);
        let count = name.slots() as u32;
        let first = self.room(count)?;
        let slot = first + count - 1;
        let mut bytes = [0; SLOT as usize * MOST_SLOTS];
        for (index, piece) in bytes
            .chunks_exact_mut(SLOT as usize)
            .enumerate()
            .take(count as usize)
        {
            piece.copy_from_slice(&name.slot(index, &short));
        }
        let bytes = bytes.get(..count as usize * SLOT as usize).unwrap_or(&[]);
        self.write(first, bytes)?;
        Ok(Entry { first, slot, short })
    }

    /// A short name for `name` that no other entry has.
    fn free_short_name(&self, name: &NewName<'_>) -> Result<[u8; 11]> {
        let mut attempt = 0;
        loop {
            let mut candidates = [None; CANDIDATES];
            for place in &mut candidates {
                *place = name.short(attempt);
                attempt = attempt.checked_add(1).ok_or(Errno::ENOSPC)?;
            }
            let mut scan = self.scan(0);
            while let Some(entry) = scan.next()? {
                for place in &mut candidates {
                    if *place == Some(entry.short.name()) {
                        *place = None;
                    }
                }
            }
            if let Some(free) = candidates.into_iter().flatten().next() {
                return Ok(free);
            }
            name.short(attempt).ok_or(Errno::EEXIST)?;
        }
    }

    /// The first of `count` slots in a row that hold nothing; the directory grows if there is no such row.
    fn room(&self, count: u32) -> Result<u32> {
        let mut reader = self.reader();
        let mut first = 0;
        let mut slot = 0;
        let mut is_behind_end = false;
        while slot - first < count {
            if slot >= self.slots() {
                self.grow()?;
            }
            if is_behind_end {
                slot += 1;
                continue;
            }
            match Slot::parse(&reader.get(slot)?) {
                Slot::End => is_behind_end = true,
                Slot::Free => {}
                Slot::Long(_) | Slot::Short(_) => first = slot + 1,
            }
            slot += 1;
        }
        // What comes behind the end is nothing, whatever it looks like.
        if is_behind_end && slot < self.slots() && reader.get(slot)?.first() != Some(&0) {
            self.write(slot, &[0])?;
        }
        Ok(first)
    }

    /// Appends a cluster without entries.
    fn grow(&self) -> Result<()> {
        let size = self.pages.size();
        let clusters = self.clusters.as_ref().ok_or(Errno::ENOSPC)?;
        if size >= u64::from(MAX_DIR_ENTRIES) * SLOT {
            return Err(Errno::ENOSPC);
        }
        let size = clusters.append_cleared(size)?;
        self.pages.grow(size);
        Ok(())
    }
}
