//! Which frame holds which page of a file.

use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::collections::btree_map::Entry;
use alloc::vec::Vec;
use hal::frame::{self, Frame};
use smallvec::SmallVec;

/// Pages in a chunk.
const CHUNK: u64 = 64;

type Chunk = Box<[Option<Frame>]>;

/// The pages of one file: the first beside the index itself, since most files have no other; the rest in chunks
/// of 64, so that a hole costs nothing.
#[derive(Default)]
pub struct PageIndex {
    first: Option<Frame>,
    chunks: BTreeMap<u64, Chunk>,
    count: u64,
}

impl PageIndex {
    /// No pages.
    pub const fn new() -> Self {
        Self {
            first: None,
            chunks: BTreeMap::new(),
            count: 0,
        }
    }

    /// Number of pages that are there.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The frame of a page.
    #[inline]
    pub fn get(&self, index: u64) -> Option<&Frame> {
        if index == 0 {
            return self.first.as_ref();
        }
        self.chunks
            .get(&(index / CHUNK))?
            .get((index % CHUNK) as usize)?
            .as_ref()
    }

    /// Calls `each` with every page of `range` and its frame or none, looking each chunk up once.
    #[inline]
    pub fn each(&self, first: u64, count: usize, mut each: impl FnMut(usize, Option<&Frame>)) {
        let mut chunk_number = u64::MAX;
        let mut chunk: Option<&Chunk> = None;
        for offset in 0..count {
            let index = first + offset as u64;
            if index == 0 {
                each(offset, self.first.as_ref());
                continue;
            }
            if index / CHUNK != chunk_number {
                chunk_number = index / CHUNK;
                chunk = self.chunks.get(&chunk_number);
            }
            each(
                offset,
                chunk.and_then(|chunk| chunk.get((index % CHUNK) as usize)?.as_ref()),
            );
        }
    }

    /// The place of a page, made if it isn't there.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn slot(&mut self, index: u64) -> Result<&mut Option<Frame>> {
        if index == 0 {
            return Ok(&mut self.first);
        }
        let chunk = match self.chunks.entry(index / CHUNK) {
            Entry::Occupied(chunk) => chunk.into_mut(),
            Entry::Vacant(place) => {
                frame::headroom()?;
                let mut chunk = Vec::new();
                chunk.make_room_exact(CHUNK as usize)?;
                chunk.resize_with(CHUNK as usize, || None);
                place.insert(chunk.into_boxed_slice())
            }
        };
        chunk.get_mut((index % CHUNK) as usize).ok_or(Errno::ENOMEM)
    }

    /// Puts a frame in place of a hole.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn insert(&mut self, index: u64, frame: Frame) -> Result<()> {
        let slot = self.slot(index)?;
        if slot.replace(frame).is_none() {
            self.count += 1;
        }
        Ok(())
    }

    /// Takes a page out. Its chunk stays: the place is likely to be used again.
    pub fn remove(&mut self, index: u64) -> Option<Frame> {
        let slot = if index == 0 {
            &mut self.first
        } else {
            self.chunks
                .get_mut(&(index / CHUNK))?
                .get_mut((index % CHUNK) as usize)?
        };
        let frame = slot.take();
        self.count -= u64::from(frame.is_some());
        frame
    }

    /// Takes pages from `first` to before `end` out, as many as `removed` has room for; whether there may be more.
    pub fn remove_some<const N: usize>(
        &mut self,
        first: u64,
        end: u64,
        removed: &mut SmallVec<[Frame; N]>,
    ) -> bool
    where
        [Frame; N]: smallvec::Array<Item = Frame>,
    {
        if first == 0 && end > 0 {
            removed.extend(self.first.take());
        }
        let mut next = first / CHUNK;
        while first < end && next <= (end - 1) / CHUNK && removed.len() < N {
            let Some((&number, chunk)) = self.chunks.range_mut(next..=(end - 1) / CHUNK).next()
            else {
                break;
            };
            next = number + 1;
            let mut kept = false;
            for (place, slot) in chunk.iter_mut().enumerate() {
                let index = number * CHUNK + place as u64;
                if index >= first && index < end && removed.len() < N {
                    removed.extend(slot.take());
                }
                kept |= slot.is_some();
            }
            if !kept {
                self.chunks.remove(&number);
            }
        }
        self.count -= removed.len() as u64;
        removed.len() == N
    }

    /// The first page at or after `index` that is there.
    pub fn next_present(&self, index: u64) -> Option<u64> {
        if index == 0 && self.first.is_some() {
            return Some(0);
        }
        self.chunks
            .range(index / CHUNK..)
            .find_map(|(&number, chunk)| {
                let place = chunk.iter().enumerate().position(|(place, slot)| {
                    slot.is_some() && number * CHUNK + place as u64 >= index
                })?;
                Some(number * CHUNK + place as u64)
            })
    }

    /// The first page at or after `index` that is not there.
    pub fn next_absent(&self, index: u64) -> u64 {
        let mut index = index;
        while self.get(index).is_some() {
            index += 1;
        }
        index
    }
}
