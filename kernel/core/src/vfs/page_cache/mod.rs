//! The page cache: the frames that hold the content of a regular file or a block device. For file systems in memory it
//! is the storage; otherwise pages come from a [`PageSource`] (read only) or a [`PageStore`], to which those that were
//! changed are written back.
//!
//! Reads and writes copy between frames and user memory with no lock held: the index's spin lock only finds frames.
//! Writers and size changes exclude each other by [`Inode::change`](super::inode::Inode); readers see what is there.
//!
//! * [`quota`]: limits of file systems in memory. [`store`]: what a file system implements.
//! * [`stored`]: loading, writing and writing back with a store. [`dirty`]: which pages. [`error_sequence`]: failures.
//! * [`write_back`]: all caches with stores: background writing, sync(2), memory given back.

pub mod dirty;
mod error_sequence;
mod quota;
mod store;
mod stored;
#[cfg(test)]
mod tests;
pub mod write_back;

pub use error_sequence::{ErrorSequence, Seen};
pub use quota::PageQuota;
pub use store::{PageSource, PageStore};

use super::page_index::PageIndex;
use super::transfer::{Destination, Source};
use crate::memory::{Mappings, MemoryObject};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use hal::frame::Frame;
use hal::sync::SpinLock;
use smallvec::SmallVec;
use stored::Stored;

/// Bytes in a page.
pub const PAGE_SIZE: usize = 4096;

/// Pages looked up at once in a transfer.
const BATCH: usize = 16;

/// Greatest size of a file: what fits a signed 64-bit offset, rounded to whole pages.
pub const SIZE_LIMIT: u64 = i64::MAX as u64 & !(PAGE_SIZE as u64 - 1);

/// The pages of one regular file, and its size.
pub struct PageCache {
    pages: SpinLock<PageIndex>,
    size: AtomicU64,
    mappings: Mappings,
    quota: Arc<PageQuota>,
    backing: Backing,
}

/// What fills missing pages.
enum Backing {
    /// Nothing: they are holes.
    Memory,
    /// The file can't be written.
    Source(Box<dyn PageSource>),
    /// Pages that were changed are written back.
    Stored(Box<Stored>),
}

/// Frames of a run of pages; `None` for holes.
type Frames = [Option<Frame>; BATCH];

impl PageCache {
    /// An empty file's.
    pub fn new(quota: Arc<PageQuota>) -> Self {
        Self {
            pages: SpinLock::new(PageIndex::new()),
            size: AtomicU64::new(0),
            mappings: Mappings::new(),
            quota,
            backing: Backing::Memory,
        }
    }

    /// That of a file that can't be written.
    pub fn with_source(size: u64, source: Box<dyn PageSource>) -> Self {
        Self {
            pages: SpinLock::new(PageIndex::new()),
            size: AtomicU64::new(size),
            mappings: Mappings::new(),
            quota: Arc::new(PageQuota::new(u64::MAX)),
            backing: Backing::Source(source),
        }
    }

    /// Size of the content in bytes.
    #[inline]
    pub fn size(&self) -> u64 {
        self.size.load(Relaxed)
    }

    /// Number of pages that hold something.
    pub fn page_count(&self) -> u64 {
        if self.is_backed() {
            self.size().div_ceil(PAGE_SIZE as u64)
        } else {
            self.pages.lock().count()
        }
    }

    /// Number of pages that are in memory.
    pub fn resident(&self) -> u64 {
        self.pages.lock().count()
    }

    /// Greatest size of this file.
    fn size_limit(&self) -> u64 {
        match &self.backing {
            Backing::Stored(stored) => stored.size_limit(),
            _ => SIZE_LIMIT,
        }
    }

    /// Whether missing pages aren't holes.
    #[inline]
    pub fn is_backed(&self) -> bool {
        !matches!(self.backing, Backing::Memory)
    }

    /// Finds the frames of `count` pages at once.
    #[inline]
    fn find(&self, first: u64, count: usize) -> Frames {
        let mut frames = [const { None }; BATCH];
        let pages = self.pages.lock();
        pages.each(first, count, |offset, frame| {
            if let (Some(place), Some(frame)) = (frames.get_mut(offset), frame) {
                *place = Some(frame.clone());
            }
        });
        frames
    }

    /// Reads at `position`, as far as the content goes; returns how much.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(&self, destination: &mut Destination<'_>, position: u64) -> Result<usize> {
        let wanted = self
            .size()
            .saturating_sub(position)
            .min(destination.remaining() as u64) as usize;
        let mut done = 0;
        while done < wanted {
            let at = position + done as u64;
            let mut start = (at % PAGE_SIZE as u64) as usize;
            let count = (start + (wanted - done)).div_ceil(PAGE_SIZE).min(BATCH);
            let frames = self.find(at / PAGE_SIZE as u64, count);
            for frame in frames.iter().take(count) {
                let length = (PAGE_SIZE - start).min(wanted - done);
                done += match frame {
                    Some(frame) => destination.write_frame(frame, start, length)?,
                    None if self.is_backed() => {
                        let rest = (start + (wanted - done)).div_ceil(PAGE_SIZE);
                        let index = (position + done as u64) / PAGE_SIZE as u64;
                        let frame = match self.obtain_run(index, rest) {
                            // It was cut off meanwhile.
                            Err(Errno::ENXIO) => return Ok(done),
                            found => found?,
                        };
                        destination.write_frame(&frame, start, length)?
                    }
                    None => destination.clear(length)?,
                };
                start = 0;
            }
        }
        Ok(done)
    }

    /// Writes at `position`, growing the size; returns how much. The caller excludes other writers.
    ///
    /// # Errors
    /// `EFAULT`, `ENOSPC`, `ENOMEM`, `EFBIG`, after the bytes before were written.
    pub fn write(&self, source: &mut Source<'_>, position: u64) -> Result<usize> {
        let wanted = source.remaining();
        if wanted == 0 {
            return Ok(0);
        }
        let room = self.size_limit().saturating_sub(position);
        if room == 0 {
            return Err(Errno::EFBIG);
        }
        let wanted = wanted.min(usize::try_from(room).unwrap_or(usize::MAX));
        let before = source.done();
        let result = self.write_pages(source, position, wanted);
        let done = source.done() - before;
        if done > 0 {
            self.size.fetch_max(position + done as u64, Relaxed);
        }
        result.map(|()| done)
    }

    fn write_pages(&self, source: &mut Source<'_>, position: u64, wanted: usize) -> Result<()> {
        let end = source.done() + wanted;
        let mut at = position;
        while source.done() < end {
            let before = source.done();
            match &self.backing {
                Backing::Stored(stored) => {
                    self.write_stored(stored, source, at, end - before)?;
                }
                _ => self.write_batch(source, at, end - before)?,
            }
            at += (source.done() - before) as u64;
        }
        Ok(())
    }

    /// Writes up to [`BATCH`] pages. New frames are filled first and get into the index together afterwards, so that
    /// the index is locked twice and nobody sees a page half-filled.
    fn write_batch(&self, source: &mut Source<'_>, at: u64, wanted: usize) -> Result<()> {
        let first = at / PAGE_SIZE as u64;
        let start = (at % PAGE_SIZE as u64) as usize;
        let count = (start + wanted).div_ceil(PAGE_SIZE).min(BATCH);
        let mut frames = self.find(first, count);
        let missing = frames
            .iter()
            .take(count)
            .filter(|frame| frame.is_none())
            .count() as u64;
        let mut granted = if missing == 0 {
            0
        } else {
            self.quota.take_up_to(missing)
        };
        let mut fresh = 0u32;
        let mut offset = start;
        let mut left = wanted;
        let mut result = Ok(());
        for (place, slot) in frames.iter_mut().enumerate().take(count) {
            let length = (PAGE_SIZE - offset).min(left);
            result = match slot {
                Some(frame) => source.read_into_frame(frame, offset, length).map(|_| ()),
                None if granted == 0 => Err(Errno::ENOSPC),
                None => {
                    let (frame, result) = fill_new(source, offset, length);
                    if frame.is_some() {
                        granted -= 1;
                        fresh |= 1 << place;
                    }
                    *slot = frame;
                    result
                }
            };
            if result.is_err() {
                break;
            }
            left -= length;
            offset = 0;
        }
        let inserted = if fresh == 0 {
            Ok(())
        } else {
            self.insert_fresh(first, start, frames, fresh)
        };
        if granted > 0 {
            self.quota.give_back(granted);
        }
        inserted.and(result)
    }

    fn insert_fresh(&self, first: u64, start: usize, mut frames: Frames, fresh: u32) -> Result<()> {
        let mut pages = self.pages.lock();
        for (place, slot) in frames.iter_mut().enumerate() {
            if fresh & (1 << place) == 0 {
                continue;
            }
            let Some(frame) = slot.take() else { continue };
            let begin = if place == 0 { start } else { 0 };
            // A fault through a mapping may have filled the hole meanwhile: that page stays, with what was written.
            if let Some(mapped) = pages.get(first + place as u64) {
                mapped.copy_part(begin, &frame, begin, PAGE_SIZE - begin);
                self.quota.give_back(1);
            } else if let Err(error) = pages.insert(first + place as u64, frame) {
                self.quota
                    .give_back(u64::from((fresh >> place).count_ones()));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Puts a frame that holds content in place of a hole: the unpacker shares the archive's pages this way.
    ///
    /// # Errors
    /// `EEXIST` if the page is there; `ENOSPC`, `ENOMEM`.
    pub fn insert(&self, index: u64, frame: Frame) -> Result<()> {
        self.quota.take()?;
        let mut pages = self.pages.lock();
        let result = if pages.get(index).is_some() {
            Err(Errno::EEXIST)
        } else {
            pages.insert(index, frame)
        };
        drop(pages);
        if result.is_err() {
            self.quota.give_back(1);
        }
        result
    }

    /// Takes over the first `length` bytes of another file's content; holes stay holes. This one is empty and nobody
    /// else has it yet.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`.
    pub fn copy_from(&self, other: &Self, length: u64) -> Result<()> {
        let page = PAGE_SIZE as u64;
        let mut position = 0;
        self.grow(length);
        while let Some(data) = other.next_data(position).filter(|&data| data < length) {
            let index = data / page;
            let found = if other.is_backed() {
                Some(other.obtain(index)?)
            } else {
                other.pages.lock().get(index).cloned()
            };
            if let Some(source) = found {
                let used = (length - index * page).min(page) as usize;
                let frame = Frame::uninitialised()?;
                frame.copy_part(0, &source, 0, used);
                frame.fill_zero(used, PAGE_SIZE - used);
                match &self.backing {
                    Backing::Stored(stored) => self.insert_changed(stored, index, frame)?,
                    _ => self.insert(index, frame)?,
                }
            }
            position = (index + 1) * page;
        }
        Ok(())
    }

    /// The frame of a page, made if it is a hole.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`; what the source says; `ENXIO` beyond the end of a file that is kept in a store.
    pub fn obtain(&self, index: u64) -> Result<Frame> {
        self.obtain_run(index, 1)
    }

    /// As [`Self::obtain`], for a caller who will want `count` pages from there on.
    fn obtain_run(&self, index: u64, count: usize) -> Result<Frame> {
        if let Some(frame) = self.pages.lock().get(index) {
            return Ok(frame.clone());
        }
        match &self.backing {
            Backing::Source(source) => self.load(&**source, index),
            Backing::Stored(stored) => self.load_stored(stored, index, count),
            Backing::Memory => self.insert_or_get(index, Frame::zeroed()?),
        }
    }

    /// Gets a page from the source, and its neighbours: who needs the one will soon need the others, and then has them
    /// mapped by the same fault.
    fn load(&self, source: &dyn PageSource, index: u64) -> Result<Frame> {
        let wanted = self.insert_or_get(index, source.page(index)?)?;
        let first = index - index % BATCH as u64;
        let end = self.size().div_ceil(PAGE_SIZE as u64);
        for neighbour in first..end.min(first + BATCH as u64) {
            if self.pages.lock().get(neighbour).is_some() {
                continue;
            }
            // One that can't be had gives its error to who asks for it.
            let Ok(frame) = source.page(neighbour) else {
                break;
            };
            if let Err(Errno::ENOMEM) = self.insert(neighbour, frame) {
                break;
            }
        }
        Ok(wanted)
    }

    /// Puts a frame in place of a missing one, unless somebody did before; returns the one that is there now.
    fn insert_or_get(&self, index: u64, frame: Frame) -> Result<Frame> {
        match self.insert(index, frame.clone()) {
            Ok(()) => Ok(frame),
            Err(Errno::EEXIST) => self.pages.lock().get(index).cloned().ok_or(Errno::EIO),
            Err(error) => Err(error),
        }
    }

    /// Sets the size; what is beyond it is gone. The caller excludes writers.
    ///
    /// # Errors
    /// `EFBIG`; what loading the last page says, if that stays in part.
    pub fn set_size(&self, size: u64) -> Result<()> {
        if size > self.size_limit() {
            return Err(Errno::EFBIG);
        }
        let old = self.size.swap(size, Relaxed);
        if size < old {
            self.remove_pages(size, u64::MAX)?;
            // Whoever found a page before still holds its address space's lock, which this waits for.
            self.mappings
                .unmap_pages(self, size.div_ceil(PAGE_SIZE as u64), u64::MAX, true);
        }
        Ok(())
    }

    /// Makes a range a hole. The size stays. With a store, the file system makes it a hole there as well.
    ///
    /// # Errors
    /// What loading pages says that stay in part; the range is partly a hole then.
    pub fn discard(&self, start: u64, end: u64) -> Result<()> {
        self.remove_pages(start, end)?;
        let page = PAGE_SIZE as u64;
        self.mappings
            .unmap_pages(self, start.div_ceil(page), end / page, false);
        Ok(())
    }

    fn remove_pages(&self, start: u64, end: u64) -> Result<()> {
        let page = PAGE_SIZE as u64;
        let (first, last) = (start.div_ceil(page), end / page);
        let clear = |from: u64, to: u64| -> Result<()> {
            if from >= to {
                return Ok(());
            }
            let frame = match &self.backing {
                // Pages beyond the end are zeros.
                Backing::Stored(_) if from / page >= self.size().div_ceil(page) => None,
                Backing::Stored(stored) => Some(self.obtain_for_writing(stored, from / page)?),
                _ => self.pages.lock().get(from / page).cloned(),
            };
            if let Some(frame) = frame {
                frame.fill_zero((from % page) as usize, (to - from) as usize);
            }
            Ok(())
        };
        if start / page == end / page {
            return clear(start, end);
        }
        clear(start, first * page)?;
        if end <= self.size() {
            clear(last * page, end)?;
        }
        // What is being loaded comes before, and goes with the rest.
        let _loading = match &self.backing {
            Backing::Stored(stored) => {
                stored.forget(first, last);
                Some(stored.loading.lock())
            }
            _ => None,
        };
        let mut removed: SmallVec<[Frame; BATCH]> = SmallVec::new();
        loop {
            let more = self.pages.lock().remove_some(first, last, &mut removed);
            self.quota.give_back(removed.len() as u64);
            removed.clear();
            if !more {
                return Ok(());
            }
        }
    }

    /// Makes every page of a range exist.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`, `EFBIG`; what was made before stays.
    pub fn allocate(&self, start: u64, end: u64) -> Result<()> {
        if end > self.size_limit() {
            return Err(Errno::EFBIG);
        }
        for index in start / PAGE_SIZE as u64..end.div_ceil(PAGE_SIZE as u64) {
            self.obtain(index)?;
        }
        Ok(())
    }

    /// Grows the size to `size` if it is smaller. The caller excludes writers.
    pub fn grow(&self, size: u64) {
        self.size.fetch_max(size, Relaxed);
    }

    /// The first byte at or after `position` that is data, if there is one.
    pub fn next_data(&self, position: u64) -> Option<u64> {
        if self.is_backed() {
            return Some(position).filter(|&data| data < self.size());
        }
        let page = PAGE_SIZE as u64;
        let found = self.pages.lock().next_present(position / page)?;
        Some(position.max(found * page)).filter(|&data| data < self.size())
    }

    /// The first byte at or after `position` that is in a hole: the end counts as one.
    pub fn next_hole(&self, position: u64) -> u64 {
        if self.is_backed() {
            return self.size();
        }
        let page = PAGE_SIZE as u64;
        let found = self.pages.lock().next_absent(position / page);
        position.max(found.saturating_mul(page)).min(self.size())
    }
}

impl Drop for PageCache {
    fn drop(&mut self) {
        let count = self.pages.lock().count();
        self.quota.give_back(count);
        if let Backing::Stored(stored) = &self.backing {
            stored.forget(0, u64::MAX);
        }
    }
}

impl MemoryObject for PageCache {
    fn page(&self, index: u64, for_write: bool) -> Result<Frame> {
        if index >= self.size().div_ceil(PAGE_SIZE as u64) {
            return Err(Errno::ENXIO);
        }
        match &self.backing {
            Backing::Stored(stored) if for_write => self.obtain_for_writing(stored, index),
            _ => self.obtain(index),
        }
    }

    fn size(&self) -> u64 {
        self.size()
    }

    fn mappings(&self) -> Option<&Mappings> {
        Some(&self.mappings)
    }

    fn cached_pages(&self, first: u64, count: u64, each: &mut dyn FnMut(u64, Frame)) {
        let end = self.size().div_ceil(PAGE_SIZE as u64);
        let count = count.min(end.saturating_sub(first)) as usize;
        let pages = self.pages.lock();
        pages.each(first, count, |offset, frame| {
            if let Some(frame) = frame {
                each(first + offset as u64, frame.clone());
            }
        });
    }
}

/// A new frame with `length` bytes from `offset` on taken from the source and zeros around them; none if not one
/// byte could be taken.
fn fill_new(source: &mut Source<'_>, offset: usize, length: usize) -> (Option<Frame>, Result<()>) {
    let frame = match Frame::uninitialised() {
        Ok(frame) => frame,
        Err(error) => return (None, Err(error.into())),
    };
    let before = source.done();
    let result = source.read_into_frame(&frame, offset, length).map(|_| ());
    let copied = source.done() - before;
    if copied == 0 {
        return (None, result);
    }
    frame.fill_zero(0, offset);
    frame.fill_zero(offset + copied, PAGE_SIZE - offset - copied);
    (Some(frame), result)
}
