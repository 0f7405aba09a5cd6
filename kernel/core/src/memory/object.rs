//! What can be mapped: the memory object, and anonymous shared memory.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;

use hal::frame::{self, Frame};

use super::{Mappings, PAGE_SIZE};
use crate::errno::{Errno, Result};
use crate::sched::Mutex;

/// Something whose pages can be mapped: a file's page cache, anonymous shared memory, the vDSO.
pub trait MemoryObject: Send + Sync {
    /// The frame that holds page `index`. May sleep; called with the address space locked, so it must not touch
    /// user memory.
    ///
    /// `for_write`: the frame will be mapped writable and shared, so it must be the object's own page.
    ///
    /// # Errors
    /// ENXIO: beyond the object's end (the access gets SIGBUS). EIO: the page can't be had (SIGBUS).
    /// ENOMEM: no memory; ENOSPC: no room left in the file system (SIGBUS).
    fn page(&self, index: u64, for_write: bool) -> Result<Frame>;

    /// Its size in bytes; pages that begin at or beyond it don't exist.
    fn size(&self) -> u64;

    /// Hands pages from `first` on that need no work (cached, within the size) to `each`, at most `count`, with
    /// their index. The default has none: only the page asked for is mapped.
    fn cached_pages(&self, first: u64, count: u64, each: &mut dyn FnMut(u64, Frame)) {
        let _ = (first, count, each);
    }

    /// Who maps it; none for objects that never lose a page.
    fn mappings(&self) -> Option<&Mappings> {
        None
    }

    /// Whether page `index` is in memory (mincore(2)).
    fn is_resident(&self, index: u64) -> bool {
        let mut found = false;
        self.cached_pages(index, 1, &mut |_, _| found = true);
        found
    }
}

/// Pages in one chunk of anonymous shared memory.
const CHUNK: u64 = 64;

/// Anonymous memory that processes share: MAP_SHARED|MAP_ANONYMOUS, handed on by fork.
///
/// Pages are taken when first touched. Linux uses a nameless file for it; SIGBUS beyond the size follows from that
/// (mremap(2) can grow the mapping, never the object).
pub struct SharedMemory {
    size: u64,
    chunks: Mutex<BTreeMap<u64, Box<[Option<Frame>; CHUNK as usize]>>>,
}

impl SharedMemory {
    /// Memory of `size` bytes, a multiple of the page size; takes no frames yet.
    pub fn new(size: u64) -> SharedMemory {
        SharedMemory {
            size,
            chunks: Mutex::new(BTreeMap::new()),
        }
    }
}

impl MemoryObject for SharedMemory {
    fn page(&self, index: u64, _for_write: bool) -> Result<Frame> {
        if index >= self.size / PAGE_SIZE {
            return Err(Errno::ENXIO);
        }
        let mut chunks = self.chunks.lock();
        if let Some(Some(frame)) = chunks
            .get(&(index / CHUNK))
            .and_then(|chunk| chunk.get((index % CHUNK) as usize))
        {
            return Ok(frame.clone());
        }
        frame::headroom()?;
        let frame = Frame::zeroed()?;
        let chunk = chunks
            .entry(index / CHUNK)
            .or_insert_with(|| Box::new([const { None }; CHUNK as usize]));
        if let Some(slot) = chunk.get_mut((index % CHUNK) as usize) {
            *slot = Some(frame.clone());
        }
        Ok(frame)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn cached_pages(&self, first: u64, count: u64, each: &mut dyn FnMut(u64, Frame)) {
        let chunks = self.chunks.lock();
        for index in first..first.saturating_add(count) {
            let chunk = chunks.get(&(index / CHUNK));
            if let Some(Some(frame)) = chunk.and_then(|chunk| chunk.get((index % CHUNK) as usize)) {
                each(index, frame.clone());
            }
        }
    }
}
