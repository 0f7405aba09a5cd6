//! Pages that are kept in a store: loaded when they are missed, written back after they were changed.
//!
//! # Locks
//! `writing` before the mappings' address spaces; address spaces before `loading`; spin locks innermost, each alone.

use super::dirty::DirtySet;
use super::error_sequence::{ErrorSequence, Seen};
use super::write_back::{self, Reclaimable};
use super::{Backing, PAGE_SIZE, PageCache, PageQuota, PageStore, fill_new};
use crate::memory::Mappings;
use crate::sched::Mutex;
use crate::vfs::page_index::PageIndex;
use crate::vfs::transfer::Source;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::frame::{self, Frame};
use hal::sync::SpinLock;
use smallvec::SmallVec;

/// Most pages that are loaded at once: 256 KiB.
const LOAD: usize = 64;
/// Most pages that are given to the store at once.
const WRITE: usize = 64;
/// Pages written between two looks at how much is dirty.
const PIECE: usize = 16;

/// What a cache with a store has besides its pages.
pub(super) struct Stored {
    store: Box<dyn PageStore>,
    dirty: SpinLock<DirtySet>,
    /// Held while pages are loaded or dropped: what was read before a page was changed, written back and dropped must not
    /// take its place.
    pub(super) loading: Mutex<()>,
    /// Held while pages are written back, so that whoever wants them written waits for those that are on their way.
    writing: Mutex<()>,
    errors: ErrorSequence,
    /// The page after the last one loaded: who misses this one reads on.
    expected: AtomicU64,
}

impl Stored {
    /// Notes that a page has been changed. The caller has a share of its frame, which keeps it in the cache until then.
    fn mark(&self, index: u64) {
        if self.dirty.lock().add(index) {
            write_back::note_dirty();
        }
    }

    pub(super) fn size_limit(&self) -> u64 {
        self.store.size_limit()
    }

    /// Makes sure that a page which is to be changed can be written.
    fn prepare(&self, index: u64) -> Result<()> {
        let is_prepared = self.dirty.lock().contains(index);
        if is_prepared {
            return Ok(());
        }
        self.store.reserve(index)
    }

    /// Forgets that pages from `first` to before `end` have been changed, and waits for those that are being written.
    pub(super) fn forget(&self, first: u64, end: u64) {
        loop {
            let taken = self.dirty.lock().take_first(first, end);
            if taken.is_none() {
                break;
            }
            write_back::note_clean();
        }
        drop(self.writing.lock());
    }
}

impl PageCache {
    /// That of a file of `size` bytes whose pages are in a store. Whoever lets go of it writes it back before: what is
    /// dirty then is lost.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn with_store(size: u64, store: Box<dyn PageStore>) -> Result<Arc<Self>> {
        frame::headroom()?;
        let cache = Arc::new(Self {
            pages: SpinLock::new(PageIndex::new()),
            size: AtomicU64::new(size),
            mappings: Mappings::new(),
            quota: Arc::new(PageQuota::new(u64::MAX)),
            backing: Backing::Stored(Box::new(Stored {
                store,
                dirty: SpinLock::new(DirtySet::new()),
                loading: Mutex::new(()),
                writing: Mutex::new(()),
                errors: ErrorSequence::new(),
                expected: AtomicU64::new(0),
            })),
        });
        let known: Weak<Self> = Arc::downgrade(&cache);
        write_back::enter(known)?;
        Ok(cache)
    }

    /// Loads a missing page, and with it up to `count` from there on, or more if the file is read in order.
    pub(super) fn load_stored(&self, stored: &Stored, index: u64, count: usize) -> Result<Frame> {
        write_back::leave_memory();
        let _loading = stored.loading.lock();
        let present = |index| self.pages.lock().get(index).cloned();
        if let Some(frame) = present(index) {
            return Ok(frame);
        }
        // Whoever cuts the file off changes the size first, then waits for the lock.
        let end = self.size().div_ceil(PAGE_SIZE as u64);
        if index >= end {
            return Err(Errno::ENXIO);
        }
        let in_order = stored.expected.load(Relaxed) == index;
        let wanted = if in_order { LOAD } else { count.min(LOAD) } as u64;
        let mut frames: SmallVec<[Frame; LOAD]> = SmallVec::new();
        frames.push(Frame::uninitialised()?);
        for next in index + 1..end.min(index.saturating_add(wanted)) {
            if present(next).is_some() {
                break;
            }
            match Frame::uninitialised() {
                Ok(frame) => frames.push(frame),
                Err(_) => break,
            }
        }
        if let Err(error) = stored.store.read_pages(index, &frames) {
            // Perhaps only a page that nobody asked for can't be read.
            if frames.len() == 1 {
                return Err(error);
            }
            frames.truncate(1);
            stored.store.read_pages(index, &frames)?;
        }
        stored.expected.store(index + frames.len() as u64, Relaxed);
        let mut frames = frames.into_iter();
        let first = frames.next().ok_or(Errno::EIO)?;
        let first = self.insert_or_get(index, first)?;
        for (next, frame) in (index + 1..).zip(frames) {
            // Somebody may have written the page meanwhile; without memory for the index it is read again later.
            let _ = self.insert(next, frame);
        }
        Ok(first)
    }

    /// The frame of a page that is about to be changed.
    ///
    /// # Errors
    /// `ENOMEM`; what loading says.
    pub(super) fn obtain_for_writing(&self, stored: &Stored, index: u64) -> Result<Frame> {
        frame::headroom()?;
        stored.prepare(index)?;
        let frame = self.obtain(index)?;
        stored.mark(index);
        Ok(frame)
    }

    /// Writes some pages. Unlike a page in memory, one that is only partly overwritten is loaded before.
    pub(super) fn write_stored(
        &self,
        stored: &Stored,
        source: &mut Source<'_>,
        at: u64,
        wanted: usize,
    ) -> Result<()> {
        frame::headroom()?;
        write_back::throttle(self);
        let (mut at, mut left) = (at, wanted.min(PIECE * PAGE_SIZE));
        while left > 0 {
            let index = at / PAGE_SIZE as u64;
            let offset = (at % PAGE_SIZE as u64) as usize;
            let length = (PAGE_SIZE - offset).min(left);
            stored.prepare(index)?;
            let is_new = index >= self.size().div_ceil(PAGE_SIZE as u64);
            let found = self.pages.lock().get(index).cloned();
            match found {
                None if is_new || length == PAGE_SIZE => {
                    self.write_whole(stored, source, index, offset, length, is_new)?;
                }
                found => {
                    let frame = match found {
                        Some(frame) => frame,
                        None => self.obtain(index)?,
                    };
                    let before = source.done();
                    let result = source.read_into_frame(&frame, offset, length);
                    if source.done() > before {
                        stored.mark(index);
                    }
                    result?;
                }
            }
            at += length as u64;
            left -= length;
            // Page by page: the store finds a gap before a page by the size.
            self.grow(at);
        }
        Ok(())
    }

    /// Writes a page of whose present content nothing is to stay, or that has none.
    fn write_whole(
        &self,
        stored: &Stored,
        source: &mut Source<'_>,
        index: u64,
        offset: usize,
        length: usize,
        is_new: bool,
    ) -> Result<()> {
        let before = source.done();
        let (fresh, result) = fill_new(source, offset, length);
        let Some(fresh) = fresh else { return result };
        let copied = source.done() - before;
        let placed = if result.is_err() && !is_new {
            // A fault half-way: the rest of the page stays as it is in the store.
            self.obtain(index)
        } else {
            self.insert_or_get(index, fresh.clone())
        };
        // The bytes count as written already, so it is the next fsync that has to say that they aren't.
        let frame = placed.inspect_err(|&error| stored.errors.note(error))?;
        if frame != fresh {
            frame.copy_part(offset, &fresh, offset, copied);
        }
        stored.mark(index);
        result
    }

    /// Puts a frame with new content in place of a page that isn't there.
    ///
    /// # Errors
    /// `EEXIST` if it is; what the store says; `ENOMEM`.
    pub(super) fn insert_changed(&self, stored: &Stored, index: u64, frame: Frame) -> Result<()> {
        write_back::throttle(self);
        stored.prepare(index)?;
        // Held until it is marked, so that the page stays.
        let held = frame.clone();
        self.insert(index, frame)?;
        stored.mark(index);
        drop(held);
        Ok(())
    }

    /// Writes every page back that is dirty now, and waits for those that somebody else is writing. May sleep; the
    /// caller has no address space locked.
    ///
    /// # Errors
    /// What the store says, of the last page that couldn't be written; open files are told by [`Self::sync`] as well.
    pub fn write_back(&self) -> Result<()> {
        let Backing::Stored(stored) = &self.backing else {
            return Ok(());
        };
        let _writing = stored.writing.lock();
        let mut next = 0;
        let mut result = Ok(());
        loop {
            let mut indices: SmallVec<[u64; WRITE]> = SmallVec::new();
            while indices.len() < WRITE
                && let Some(index) = stored.dirty.lock().take_first(next, u64::MAX)
            {
                write_back::note_clean();
                indices.push(index);
                next = index + 1;
            }
            let (Some(&first), Some(&last)) = (indices.first(), indices.last()) else {
                return result;
            };
            // Programs that write to a mapped page after this fault, which makes it dirty again.
            self.mappings.unmap_pages(self, first, last + 1, false);
            let mut pages: SmallVec<[(u64, Frame); WRITE]> = SmallVec::new();
            for &index in &indices {
                let frame = self.pages.lock().get(index).cloned();
                pages.extend(frame.map(|frame| (index, frame)));
            }
            if let Err(error) = stored.store.write_pages(&pages) {
                stored.errors.note(error);
                result = Err(error);
            }
        }
    }

    /// Returns when everything written so far is on the medium (fsync(2)).
    ///
    /// # Errors
    /// A failure to write back since `seen` was told of one.
    pub fn sync(&self, seen: &Seen) -> Result<()> {
        let Backing::Stored(stored) = &self.backing else {
            return Ok(());
        };
        // A failure is in the sequence, from which it is told.
        let _ = self.write_back();
        if let Err(error) = stored.store.flush() {
            stored.errors.note(error);
        }
        self.tell(seen)
    }

    /// Tells of a failure to write back since `seen` was told of one.
    ///
    /// # Errors
    /// The last failure's.
    pub fn tell(&self, seen: &Seen) -> Result<()> {
        match &self.backing {
            Backing::Stored(stored) => stored.errors.check(seen),
            _ => Ok(()),
        }
    }

    /// Notes that something which was written can't be had on the medium, for the next [`Self::sync`] to tell.
    pub fn note_failure(&self, error: Errno) {
        if let Backing::Stored(stored) = &self.backing {
            stored.errors.note(error);
        }
    }

    /// What a file that is opened now has been told of failures.
    pub fn seen(&self) -> Seen {
        match &self.backing {
            Backing::Stored(stored) => stored.errors.sample(),
            _ => Seen::default(),
        }
    }

    /// How many pages are to be written back.
    pub fn dirty(&self) -> u64 {
        match &self.backing {
            Backing::Stored(stored) => stored.dirty.lock().count(),
            _ => 0,
        }
    }

    /// Drops every clean page that nobody uses (BLKFLSBUF).
    pub fn drop_all_clean(&self) {
        self.drop_clean(0, self.size().div_ceil(PAGE_SIZE as u64));
    }
}

impl Reclaimable for PageCache {
    fn resident(&self) -> u64 {
        PageCache::resident(self)
    }

    fn write_back(&self) -> Result<()> {
        PageCache::write_back(self)
    }

    fn drop_clean(&self, from: u64, count: u64) -> (u64, Option<u64>) {
        let Backing::Stored(stored) = &self.backing else {
            return (0, None);
        };
        let Some(_loading) = stored.loading.try_lock() else {
            return (0, None);
        };
        let (mut next, mut dropped) = (from, 0);
        while dropped < count {
            let mut pages = self.pages.lock();
            let Some(index) = pages.next_present(next) else {
                return (dropped, None);
            };
            next = index + 1;
            // Who changes a page has a share of the frame until the page is marked.
            let is_idle = pages.get(index).is_some_and(Frame::is_unique)
                && !stored.dirty.lock().contains(index);
            let frame = if is_idle { pages.remove(index) } else { None };
            drop(pages);
            if frame.is_some() {
                self.quota.give_back(1);
                dropped += 1;
            }
        }
        (dropped, Some(next))
    }
}
