//! The chain of clusters of a file or a directory, as far as it was looked up, and the pages that are kept in it.
//!
//! A chain has no holes: where a file grows beyond its end, what is between is filled with zeros on the volume at once.
//! A page that is to be written gets all the clusters it reaches over; those behind the file's end are given back when
//! the file is synced.

use super::Instance;
use super::table::Table;
use super::transfer::{self, Transfer};
use crate::block::Operation;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache, PageStore};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::ops::Range;
use hadris_fat_raw::Geometry;
use hal::frame::Frame;
use hal::sync::Once;

const PAGE: u64 = PAGE_SIZE as u64;
/// Greatest size of a file.
pub const FILE_LIMIT: u64 = u32::MAX as u64;
/// Greatest size of a directory.
const DIRECTORY_LIMIT: u64 = hadris_fat_raw::MAX_DIR_ENTRIES as u64 * 32;

/// Clusters of a chain that follow one another on the volume.
#[derive(Clone, Copy)]
struct Run {
    /// Number of the first one in the chain.
    index: u32,
    cluster: u32,
    count: u32,
}

/// What is known of a chain.
struct Chain {
    /// The first cluster; 0 if there is none.
    first: u32,
    runs: Vec<Run>,
    /// All of it is in `runs`.
    is_complete: bool,
    /// From this byte on this page holds nothing on the volume: it had the file's end in it when the file was first seen.
    tail: Option<(u64, usize)>,
}

impl Chain {
    fn last(&self) -> Option<u32> {
        let run = self.runs.last()?;
        Some(run.cluster + run.count - 1)
    }

    /// Clusters that are known.
    fn known(&self) -> u32 {
        self.runs.last().map_or(0, |run| run.index + run.count)
    }

    fn append(&mut self, cluster: u32) -> Result<()> {
        if let Some(run) = self.runs.last_mut()
            && run.cluster + run.count == cluster
        {
            run.count += 1;
            return Ok(());
        }
        let index = self.known();
        self.runs.make_room(1)?;
        self.runs.push(Run {
            index,
            cluster,
            count: 1,
        });
        Ok(())
    }

    /// Looks `count` clusters up, or all there are.
    fn look_up(&mut self, table: &Mutex<Table>, count: u32) -> Result<()> {
        if self.is_complete || self.known() >= count {
            return Ok(());
        }
        let mut table = table.lock();
        while !self.is_complete && self.known() < count {
            let next = match self.last() {
                None => Some(self.first).filter(|&first| first != 0),
                Some(last) => table.following(last)?,
            };
            match next {
                // More than there are: it bites its tail.
                Some(_) if self.known() >= table.clusters() => return Err(Errno::EUCLEAN),
                Some(cluster) => self.append(cluster)?,
                None => self.is_complete = true,
            }
        }
        Ok(())
    }

    /// The cluster of this number, of those that are known, and how many follow one another from it on.
    fn get(&self, index: u32) -> Option<(u32, u32)> {
        let after = self.runs.partition_point(|run| run.index <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let offset = index - run.index;
        (offset < run.count).then(|| (run.cluster + offset, run.count - offset))
    }

    /// Where a byte of the content is on the volume, if a known cluster holds it, and how many bytes of the content lie
    /// there from it on.
    fn place(&self, geometry: &Geometry, position: u64) -> Option<(u64, u64)> {
        let size = u64::from(geometry.cluster_size());
        let (cluster, count) = self.get(u32::try_from(position / size).ok()?)?;
        let start = geometry.cluster_offset(cluster)?;
        Some((
            start + position % size,
            u64::from(count) * size - position % size,
        ))
    }

    fn shorten(&mut self, count: u32) {
        self.runs.retain(|run| run.index < count);
        if let Some(run) = self.runs.last_mut() {
            run.count = run.count.min(count - run.index);
        }
        if count == 0 {
            self.first = 0;
        }
        self.is_complete = true;
    }
}

/// What the clusters hold.
#[derive(Clone, Copy)]
pub enum Content {
    /// A file of so many bytes.
    File(u64),
    /// A directory, which is as long as its chain.
    Directory,
}

/// The chain of a file or a directory.
pub struct Clusters {
    instance: Arc<Instance>,
    is_directory: bool,
    chain: Mutex<Chain>,
    /// What has the pages, as soon as there is one.
    pages: Once<Weak<PageCache>>,
}

impl Clusters {
    /// The chain that begins with this cluster (0 for none), and its pages.
    ///
    /// # Errors
    /// `EUCLEAN` for a directory's chain that is empty, too long, or makes no sense; `EIO`, `ENOMEM`.
    pub fn open(
        instance: &Arc<Instance>,
        first: u32,
        content: Content,
    ) -> Result<(Arc<Self>, Arc<PageCache>)> {
        let mut chain = Chain {
            first,
            runs: Vec::new(),
            is_complete: false,
            tail: None,
        };
        let unit = u64::from(instance.geometry.cluster_size());
        let size = match content {
            Content::File(size) => {
                let offset = (size % PAGE) as usize;
                chain.tail = (offset > 0).then_some((size / PAGE, offset));
                size
            }
            Content::Directory => {
                let most = (DIRECTORY_LIMIT / unit).max(1) as u32;
                chain.look_up(&instance.table, most + 1)?;
                if chain.known() == 0 || chain.known() > most {
                    return Err(Errno::EUCLEAN);
                }
                u64::from(chain.known()) * unit
            }
        };
        hal::frame::headroom()?;
        let clusters = Arc::new(Self {
            instance: instance.clone(),
            is_directory: matches!(content, Content::Directory),
            chain: Mutex::new(chain),
            pages: Once::new(),
        });
        let pages = PageCache::with_store(size, Box::new(Store(clusters.clone())))?;
        clusters.pages.call_once(|| Arc::downgrade(&pages));
        Ok((clusters, pages))
    }

    /// The first cluster; 0 if there is none.
    pub fn first(&self) -> u32 {
        self.chain.lock().first
    }

    fn geometry(&self) -> &Geometry {
        &self.instance.geometry
    }

    /// Clusters that so many bytes take.
    fn count(&self, bytes: u64) -> u32 {
        let count = bytes.div_ceil(self.geometry().cluster_size().into());
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The content's size at present.
    fn size(&self) -> u64 {
        let pages = self.pages.get().and_then(Weak::upgrade);
        pages.map_or(0, |pages| pages.size())
    }

    /// Makes the chain `count` clusters long if it is shorter; it stays as it is if that can't be.
    fn extend(&self, chain: &mut Chain, count: u32) -> Result<()> {
        if chain.known() >= count {
            return Ok(());
        }
        chain.look_up(&self.instance.table, u32::MAX)?;
        let before = chain.known();
        if before >= count {
            return Ok(());
        }
        let outcome = self.allocate(chain, count).and_then(|()| {
            // A page that reaches over old clusters and new ones may be clean, with zeros where the new ones are.
            let end = u64::from(before) * u64::from(self.geometry().cluster_size());
            self.clear(chain, end..end.next_multiple_of(PAGE))
        });
        if outcome.is_err() {
            self.cut(chain, before)?;
        }
        outcome
    }

    fn allocate(&self, chain: &mut Chain, count: u32) -> Result<()> {
        let mut has_tried = false;
        while chain.known() < count {
            chain.runs.make_room(1)?;
            let taken = self.instance.table.lock().allocate(chain.last());
            match taken {
                Ok(cluster) => {
                    if chain.first == 0 {
                        chain.first = cluster;
                    }
                    chain.append(cluster)?;
                }
                Err(Errno::ENOSPC) if !has_tried => {
                    // Removed files that have been closed meanwhile may have what is missing.
                    self.instance.reap();
                    has_tried = true;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Frees what the chain has beyond `count` clusters.
    fn cut(&self, chain: &mut Chain, count: u32) -> Result<()> {
        chain.look_up(&self.instance.table, count)?;
        if chain.known() < count {
            return Ok(());
        }
        let mut table = self.instance.table.lock();
        let rest = if count == 0 {
            Some(chain.first).filter(|&first| first != 0)
        } else {
            let (last, _) = chain.get(count - 1).ok_or(Errno::EUCLEAN)?;
            let rest = table.following(last)?;
            if rest.is_some() {
                table.end_with(last)?;
            }
            rest
        };
        chain.shorten(count);
        match rest {
            Some(first) => table.release(first),
            None => Ok(()),
        }
    }

    /// Fills a range of the content with zeros on the volume, as far as there are clusters.
    fn clear(&self, chain: &Chain, bytes: Range<u64>) -> Result<()> {
        let mut position = bytes.start;
        while position < bytes.end
            && let Some((start, length)) = chain.place(self.geometry(), position)
        {
            let length = length.min(bytes.end - position);
            transfer::clear(&self.instance.volume, start, start + length)?;
            position += length;
        }
        Ok(())
    }

    /// Gives a directory of `size` bytes one more cluster, filled with zeros; returns the new size.
    ///
    /// # Errors
    /// `ENOSPC`; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn append_cleared(&self, size: u64) -> Result<u64> {
        let unit = u64::from(self.geometry().cluster_size());
        let mut chain = self.chain.lock();
        let count = self.count(size);
        self.extend(&mut chain, count + 1)?;
        let cleared = match chain.place(self.geometry(), size) {
            Some((start, _)) => transfer::clear(&self.instance.volume, start, start + unit),
            None => Err(Errno::EUCLEAN),
        };
        if let Err(error) = cleared {
            self.cut(&mut chain, count)?;
            return Err(error);
        }
        Ok(size + unit)
    }

    /// Gives a file room for so many bytes, more than it has, and zeros behind those.
    ///
    /// # Errors
    /// `ENOSPC`; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn prepare(&self, size: u64) -> Result<()> {
        let mut chain = self.chain.lock();
        self.extend(&mut chain, self.count(size))?;
        let start = self.size().next_multiple_of(PAGE);
        self.clear(&chain, start..size.next_multiple_of(PAGE))
    }

    /// Frees what a file doesn't need for so many bytes. The caller holds the inode's `change`, and no page beyond is
    /// dirty.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn shorten(&self, size: u64) -> Result<()> {
        let mut chain = self.chain.lock();
        if let Some((page, _)) = chain.tail
            && page >= size.div_ceil(PAGE)
        {
            chain.tail = None;
        }
        self.cut(&mut chain, self.count(size))
    }

    /// As [`Self::shorten`], for what was reserved and is not needed: a chain that wasn't looked up to its end has nothing
    /// of it.
    ///
    /// # Errors
    /// As [`Self::shorten`].
    pub fn trim(&self, size: u64) -> Result<()> {
        let mut chain = self.chain.lock();
        let count = self.count(size);
        if !chain.is_complete || chain.known() <= count {
            return Ok(());
        }
        self.cut(&mut chain, count)
    }

    /// Where the file ended when it was first seen, if its page hasn't been written since: what is behind that on the
    /// volume may be anything.
    pub fn tail(&self) -> Option<u64> {
        let tail = self.chain.lock().tail;
        tail.map(|(page, offset)| page * PAGE + offset as u64)
    }
}

/// The pages that a chain holds.
struct Store(Arc<Clusters>);

impl Store {
    fn reserve(&self, index: u64) -> Result<()> {
        let clusters = &*self.0;
        if clusters.is_directory {
            // It grows by itself.
            return Ok(());
        }
        let mut chain = clusters.chain.lock();
        let (start, present) = (index * PAGE, clusters.size().next_multiple_of(PAGE));
        let end = (start + PAGE).min(FILE_LIMIT);
        match clusters.extend(&mut chain, clusters.count(end)) {
            // A page that is there already may stay, and be cut down, on a full volume.
            Err(Errno::ENOSPC) if start < present => Ok(()),
            Err(error) => Err(error),
            Ok(()) if start > present => clusters.clear(&chain, present..start),
            Ok(()) => Ok(()),
        }
    }

    fn read(&self, first: u64, frames: &[Frame]) -> Result<()> {
        let clusters = &*self.0;
        let (size, geometry) = (clusters.size(), clusters.geometry());
        let mut transfer = Transfer::new(Operation::Read);
        let mut chain = clusters.chain.lock();
        let end = (first + frames.len() as u64) * PAGE;
        chain.look_up(&clusters.instance.table, clusters.count(end))?;
        for (index, frame) in (first..).zip(frames) {
            let mut done = 0;
            while done < PAGE {
                let position = index * PAGE + done;
                let Some((start, length)) = chain.place(geometry, position) else {
                    if position < size {
                        return Err(Errno::EUCLEAN);
                    }
                    break;
                };
                let length = length.min(PAGE - done);
                transfer.add(start, frame, done as usize, length as usize)?;
                done += length;
            }
            frame.fill_zero(done as usize, (PAGE - done) as usize);
        }
        let tail = chain.tail;
        drop(chain);
        transfer.submit(&clusters.instance.volume)?;
        if let Some((page, offset)) = tail
            && let Some(frame) = page
                .checked_sub(first)
                .and_then(|at| frames.get(at as usize))
        {
            frame.fill_zero(offset, PAGE_SIZE - offset);
        }
        Ok(())
    }

    fn write(&self, pages: &[(u64, Frame)]) -> Result<()> {
        let clusters = &*self.0;
        let (size, geometry) = (clusters.size(), clusters.geometry());
        let mut transfer = Transfer::new(Operation::Write);
        let mut chain = clusters.chain.lock();
        for (index, frame) in pages {
            let end = (index + 1) * PAGE;
            chain.look_up(&clusters.instance.table, clusters.count(end))?;
            if !clusters.is_directory {
                clusters.extend(&mut chain, clusters.count(end.min(size)))?;
            }
            let mut done = 0;
            while done < PAGE
                && let Some((start, length)) = chain.place(geometry, index * PAGE + done)
            {
                let length = length.min(PAGE - done);
                transfer.add(start, frame, done as usize, length as usize)?;
                done += length;
            }
        }
        drop(chain);
        transfer.submit(&clusters.instance.volume)?;
        let mut chain = clusters.chain.lock();
        if let Some((tail, _)) = chain.tail
            && pages.iter().any(|(index, _)| *index == tail)
        {
            chain.tail = None;
        }
        Ok(())
    }
}

impl PageStore for Store {
    fn size_limit(&self) -> u64 {
        FILE_LIMIT
    }

    fn reserve(&self, index: u64) -> Result<()> {
        self.0.instance.report(self.reserve(index))
    }

    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()> {
        self.0.instance.report(self.read(first, frames))
    }

    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()> {
        self.0.instance.report(self.write(pages))
    }

    fn flush(&self) -> Result<()> {
        self.0.instance.volume.flush()
    }
}
