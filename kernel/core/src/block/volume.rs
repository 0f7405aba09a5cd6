//! A disk or one of its partitions: a run of sectors with a device number.

use super::SECTOR;
use super::activity;
use super::device::{BlockDevice, Geometry, Operation, Request, Segment};
use super::store::VolumeStore;
use crate::heap::MakeRoom;
use crate::vfs::DeviceNumber;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::AcqRel};
use hal::frame::Frame;
use hal::sync::Once;

/// A disk or a partition of one.
pub struct Volume {
    name: String,
    number: DeviceNumber,
    device: Arc<dyn BlockDevice>,
    /// The first sector on the device.
    start: u64,
    sectors: u64,
    /// Open device files.
    openers: AtomicUsize,
    cache: Once<Result<Arc<PageCache>>>,
}

impl Volume {
    /// The sectors from `start` on of a device, which has so many.
    pub(crate) fn new(
        name: String,
        number: DeviceNumber,
        device: Arc<dyn BlockDevice>,
        start: u64,
        sectors: u64,
    ) -> Self {
        Self {
            name,
            number,
            device,
            start,
            sectors,
            openers: AtomicUsize::new(0),
            cache: Once::new(),
        }
    }

    /// Its name in /dev.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its device number.
    pub fn number(&self) -> DeviceNumber {
        self.number
    }

    /// Its size in sectors of 512 bytes.
    pub fn sectors(&self) -> u64 {
        self.sectors
    }

    /// Whether it is the whole disk.
    pub fn is_disk(&self) -> bool {
        self.start == 0 && self.sectors == self.geometry().sectors
    }

    /// What its device is like.
    pub fn geometry(&self) -> Geometry {
        self.device.geometry()
    }

    /// The pages that device files read and write. File systems don't use it.
    ///
    /// # Errors
    /// `ENOMEM` if there was no memory for it at its first use.
    pub fn cache(self: &Arc<Self>) -> Result<&Arc<PageCache>> {
        let make =
            || PageCache::with_store(self.sectors * SECTOR, Box::new(VolumeStore::new(self)));
        self.cache.call_once(make).as_ref().map_err(|&error| error)
    }

    /// The pages that device files have read or written, if any has.
    pub(super) fn existing_cache(&self) -> Option<&Arc<PageCache>> {
        self.cache.get()?.as_ref().ok()
    }

    /// One more device file is open.
    pub(super) fn open(&self) {
        self.openers.fetch_add(1, AcqRel);
    }

    /// A device file is closed. The last one writes back what they have written.
    pub(super) fn close(&self) {
        if self.openers.fetch_sub(1, AcqRel) == 1
            && let Some(cache) = self.existing_cache()
        {
            // A failure is told to whoever opens the device next and asks.
            let _ = cache.write_back();
        }
    }

    /// Carries out requests, whose sectors count from the volume's first one, in any order, and returns when all are done,
    /// with their results set.
    ///
    /// # Errors
    /// The first request's that failed: `EIO`; `EINVAL` for one that is not within the volume or not whole blocks,
    /// `EPERM` for a write to a device that is read only, `ENOMEM`.
    pub fn submit(&self, requests: &mut [Request<'_>]) -> Result<()> {
        let geometry = self.geometry();
        let mut parts: Vec<Request<'_>> = Vec::new();
        let mut owners: Vec<usize> = Vec::new();
        for (owner, request) in requests.iter_mut().enumerate() {
            request.result = self.check(request, &geometry);
            if request.result.is_err() {
                continue;
            }
            let mut sector = self.start + request.sector;
            for segments in request.segments.chunks(geometry.maximum_segments.max(1)) {
                parts.make_room(1)?;
                owners.make_room(1)?;
                let part = Request::new(request.operation, sector, segments);
                sector += part.length() / SECTOR;
                parts.push(part);
                owners.push(owner);
            }
        }
        if !parts.is_empty() {
            let _busy = activity::begin();
            self.device.submit(&mut parts);
        }
        for (part, &owner) in parts.iter().zip(&owners) {
            if let (Err(error), Some(request)) = (part.result, requests.get_mut(owner)) {
                request.result = Err(error);
            }
        }
        requests.iter().try_for_each(|request| request.result)
    }

    fn check(&self, request: &Request<'_>, geometry: &Geometry) -> Result<()> {
        let block = u64::from(geometry.block_size);
        let whole = |segment: &Segment<'_>| {
            segment.length > 0
                && segment.offset.is_multiple_of(SECTOR as usize)
                && segment.offset <= PAGE_SIZE
                && segment.length <= PAGE_SIZE - segment.offset
                && (segment.length as u64).is_multiple_of(block)
        };
        let sectors = request.length() / SECTOR;
        let within = request
            .sector
            .checked_add(sectors)
            .is_some_and(|end| end <= self.sectors);
        if sectors == 0 || !within || !request.segments.iter().all(whole) {
            return Err(Errno::EINVAL);
        }
        if !((self.start + request.sector) * SECTOR).is_multiple_of(block) {
            return Err(Errno::EINVAL);
        }
        if request.operation == Operation::Write && geometry.read_only {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// Returns when every write that was done before the call is on the medium.
    ///
    /// # Errors
    /// `EIO`.
    pub fn flush(&self) -> Result<()> {
        self.device.flush()
    }

    /// Reads bytes, past the page cache: for tables and super blocks.
    ///
    /// # Errors
    /// `EINVAL` beyond the end; `EIO`, `ENOMEM`.
    pub fn read_bytes(&self, position: u64, target: &mut [u8]) -> Result<()> {
        let end = position
            .checked_add(target.len() as u64)
            .filter(|&end| end <= self.sectors * SECTOR)
            .ok_or(Errno::EINVAL)?;
        let block = u64::from(self.geometry().block_size);
        let frame = Frame::uninitialised()?;
        let mut rest = target;
        let mut at = position;
        while at < end {
            let first = at / block * block;
            let length = (end.next_multiple_of(block) - first).min(PAGE_SIZE as u64);
            let segments = [Segment {
                frame: &frame,
                offset: 0,
                length: length as usize,
            }];
            self.submit(&mut [Request::new(Operation::Read, first / SECTOR, &segments)])?;
            let skipped = (at - first) as usize;
            let count = rest.len().min(length as usize - skipped);
            let (now, later) = core::mem::take(&mut rest).split_at_mut(count);
            frame.read(skipped, now);
            rest = later;
            at += count as u64;
        }
        Ok(())
    }
}

impl core::fmt::Debug for Volume {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        formatter.write_str(&self.name)
    }
}
