//! A volume as the store of its device files' pages.

use super::device::{Operation, Request, Segment};
use super::{SECTOR, Volume};
use crate::heap::MakeRoom;
use crate::vfs::page_cache::{PAGE_SIZE, PageStore};
use crate::{Errno, Result};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use hal::frame::Frame;

/// Sectors of a page.
const PAGE_SECTORS: u64 = PAGE_SIZE as u64 / SECTOR;

/// The volume whose pages these are; it has the cache, not the other way round.
pub struct VolumeStore(Weak<Volume>);

impl VolumeStore {
    /// The store of a volume.
    pub fn new(volume: &Arc<Volume>) -> Self {
        Self(Arc::downgrade(volume))
    }

    fn volume(&self) -> Result<Arc<Volume>> {
        self.0.upgrade().ok_or(Errno::EIO)
    }
}

/// The part of a page that is within the volume.
fn segment<'a>(volume: &Volume, index: u64, frame: &'a Frame) -> Result<Segment<'a>> {
    let first = index.checked_mul(PAGE_SECTORS).ok_or(Errno::EINVAL)?;
    let sectors = volume.sectors().saturating_sub(first).min(PAGE_SECTORS);
    Ok(Segment {
        frame,
        offset: 0,
        length: (sectors * SECTOR) as usize,
    })
}

impl PageStore for VolumeStore {
    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()> {
        let volume = self.volume()?;
        let mut segments = Vec::new();
        segments.make_room(frames.len())?;
        for (index, frame) in (first..).zip(frames) {
            let segment = segment(&volume, index, frame)?;
            frame.fill_zero(segment.length, PAGE_SIZE - segment.length);
            segments.push(segment);
        }
        volume.submit(&mut [Request::new(
            Operation::Read,
            first * PAGE_SECTORS,
            &segments,
        )])
    }

    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()> {
        let volume = self.volume()?;
        let mut segments = Vec::new();
        segments.make_room(pages.len())?;
        for (index, frame) in pages {
            segments.push(segment(&volume, *index, frame)?);
        }
        let mut requests: Vec<Request<'_>> = Vec::new();
        let mut start = 0;
        for run in pages.chunk_by(|(one, _), (next, _)| one + 1 == *next) {
            let end = start + run.len();
            if let (Some((first, _)), Some(segments)) = (run.first(), segments.get(start..end)) {
                requests.make_room(1)?;
                requests.push(Request::new(
                    Operation::Write,
                    first * PAGE_SECTORS,
                    segments,
                ));
            }
            start = end;
        }
        volume.submit(&mut requests)
    }

    fn flush(&self) -> Result<()> {
        self.volume()?.flush()
    }
}
