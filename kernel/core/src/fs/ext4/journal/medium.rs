//! Blocks on the volume and in memory, and moving many of them at once.

use crate::block::{Operation, Request, SECTOR, Segment, Volume};
use crate::heap::MakeRoom;
use crate::vfs::page_cache::{PAGE_SIZE, write_back};
use crate::{Errno, Result, sched};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::frame::Frame;

/// How often a write is tried again for which there is no memory.
const ATTEMPTS: usize = 100;
/// Pages that are dropped from caches before it is.
const PAGES: u64 = 64;

/// Room for a block in a frame, for the device to read or write. A clone is the same room.
#[derive(Clone)]
pub struct Slot {
    frame: Frame,
    offset: usize,
    size: usize,
}

impl Slot {
    /// Copies the block out.
    pub fn read(&self, target: &mut [u8]) {
        let length = target.len().min(self.size);
        self.frame
            .read(self.offset, target.get_mut(..length).unwrap_or_default());
    }

    /// Copies bytes into the block's beginning.
    pub fn write(&self, bytes: &[u8]) {
        let length = bytes.len().min(self.size);
        self.frame
            .write(self.offset, bytes.get(..length).unwrap_or_default());
    }
}

/// A volume in blocks of a file system.
pub struct Medium {
    volume: Arc<Volume>,
    block_size: usize,
}

impl Medium {
    /// A volume in blocks of so many bytes.
    ///
    /// # Errors
    /// `EINVAL` for a size that isn't a power of two up to a page, or smaller than the device's blocks.
    pub fn new(volume: Arc<Volume>, block_size: usize) -> Result<Self> {
        let smallest = volume.geometry().block_size as usize;
        let possible = block_size.is_power_of_two() && (smallest..=PAGE_SIZE).contains(&block_size);
        if !possible {
            return Err(Errno::EINVAL);
        }
        Ok(Self { volume, block_size })
    }

    /// The name of the volume, for the log.
    pub fn name(&self) -> &str {
        self.volume.name()
    }

    /// Bytes of a block.
    pub fn block_size(&self) -> usize {
        self.block_size
    }

    fn sectors_per_block(&self) -> u64 {
        self.block_size as u64 / SECTOR
    }

    /// How many whole blocks there are.
    pub fn blocks(&self) -> u64 {
        self.volume.sectors() / self.sectors_per_block()
    }

    /// # Errors
    /// `EUCLEAN` for a number beyond the volume.
    pub fn check(&self, number: u64) -> Result<()> {
        if number < self.blocks() {
            Ok(())
        } else {
            Err(Errno::EUCLEAN)
        }
    }

    /// Whether the device takes no writes.
    pub fn is_read_only(&self) -> bool {
        self.volume.geometry().read_only
    }

    /// Room for blocks, with unspecified content.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn slots(&self, count: usize) -> Result<Vec<Slot>> {
        self.slots_in(count, Frame::uninitialised)
    }

    /// Room for blocks of zeros.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn zeroed_slots(&self, count: usize) -> Result<Vec<Slot>> {
        self.slots_in(count, Frame::zeroed)
    }

    fn slots_in(
        &self,
        count: usize,
        frame: fn() -> core::result::Result<Frame, hal::frame::OutOfMemory>,
    ) -> Result<Vec<Slot>> {
        let mut slots = Vec::new();
        slots.make_room_exact(count)?;
        while slots.len() < count {
            let frame = frame()?;
            let offsets = (0..PAGE_SIZE).step_by(self.block_size);
            slots.extend(offsets.take(count - slots.len()).map(|offset| Slot {
                frame: frame.clone(),
                offset,
                size: self.block_size,
            }));
        }
        Ok(slots)
    }

    /// Reads blocks; those which follow each other are best given so.
    ///
    /// # Errors
    /// `EUCLEAN` for a block beyond the volume; `EIO`, `ENOMEM`.
    pub fn read<'a>(&self, blocks: impl Iterator<Item = (u64, &'a Slot)>) -> Result<()> {
        self.submit(Operation::Read, blocks)
    }

    /// Writes blocks, in any order.
    ///
    /// # Errors
    /// `EUCLEAN` for a block beyond the volume; `EIO`, `ENOMEM`.
    pub fn write<'a>(&self, blocks: impl Iterator<Item = (u64, &'a Slot)>) -> Result<()> {
        self.submit(Operation::Write, blocks)
    }

    /// Writes blocks that can't be given up for want of memory: makes some and tries again, for a while.
    ///
    /// # Errors
    /// As [`Self::write`].
    pub fn write_insistently<'a>(
        &self,
        blocks: impl Iterator<Item = (u64, &'a Slot)> + Clone,
    ) -> Result<()> {
        for _ in 0..ATTEMPTS {
            let result = self.write(blocks.clone());
            if result != Err(Errno::ENOMEM) {
                return result;
            }
            write_back::drop_clean(PAGES);
            sched::yield_now();
        }
        Err(Errno::ENOMEM)
    }

    fn submit<'a>(
        &self,
        operation: Operation,
        blocks: impl Iterator<Item = (u64, &'a Slot)>,
    ) -> Result<()> {
        let mut segments: Vec<Segment<'_>> = Vec::new();
        // The first block of each run, and how many it has.
        let mut runs: Vec<(u64, usize)> = Vec::new();
        for (number, slot) in blocks {
            if number >= self.blocks() {
                return Err(Errno::EUCLEAN);
            }
            segments.push(Segment {
                frame: &slot.frame,
                offset: slot.offset,
                length: slot.size,
            });
            match runs.last_mut() {
                Some((first, count)) if *first + *count as u64 == number => *count += 1,
                _ => {
                    runs.make_room(1)?;
                    runs.push((number, 1));
                }
            }
        }
        let mut requests: Vec<Request<'_>> = Vec::new();
        requests.make_room_exact(runs.len())?;
        let mut rest = segments.as_slice();
        for (first, count) in runs {
            let (run, later) = rest.split_at_checked(count).ok_or(Errno::EIO)?;
            let sector = first * self.sectors_per_block();
            requests.push(Request::new(operation, sector, run));
            rest = later;
        }
        self.volume.submit(&mut requests)
    }

    /// Returns when everything written before is on the medium.
    ///
    /// # Errors
    /// `EIO`.
    pub fn flush(&self) -> Result<()> {
        self.volume.flush()
    }
}
