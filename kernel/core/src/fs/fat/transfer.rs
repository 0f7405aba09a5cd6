//! Moving parts of pages to and from a volume, in as few requests as there are runs of sectors.

use crate::Result;
use crate::block::{Operation, Request, SECTOR, Segment, Volume};
use crate::heap::MakeRoom;
use crate::vfs::page_cache::PAGE_SIZE;
use alloc::vec::Vec;
use hal::frame::Frame;

/// Zeros that are written by one request at most, in pages.
const ZEROS: u64 = 64;

/// What is to be moved, in the order in which it was added.
pub struct Transfer<'a> {
    operation: Operation,
    segments: Vec<Segment<'a>>,
    /// Where requests begin: the first sector, and how many segments come before.
    starts: Vec<(u64, usize)>,
    /// Where on the volume the last segment ends, in bytes.
    end: u64,
}

impl<'a> Transfer<'a> {
    /// Nothing yet.
    pub fn new(operation: Operation) -> Self {
        Self {
            operation,
            segments: Vec::new(),
            starts: Vec::new(),
            end: u64::MAX,
        }
    }

    /// Adds bytes of a frame that are at `position` on the volume; all are whole sectors.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn add(
        &mut self,
        position: u64,
        frame: &'a Frame,
        offset: usize,
        length: usize,
    ) -> Result<()> {
        if length == 0 {
            return Ok(());
        }
        self.segments.make_room(1)?;
        if position != self.end {
            self.starts.make_room(1)?;
            self.starts.push((position / SECTOR, self.segments.len()));
        }
        self.segments.push(Segment {
            frame,
            offset,
            length,
        });
        self.end = position + length as u64;
        Ok(())
    }

    /// Moves it all.
    ///
    /// # Errors
    /// `EIO`, `ENOMEM`; `EPERM` for a volume that can't be written.
    pub fn submit(&self, volume: &Volume) -> Result<()> {
        let mut requests: Vec<Request<'_>> = Vec::new();
        requests.make_room(self.starts.len())?;
        for (index, &(sector, first)) in self.starts.iter().enumerate() {
            let end = self
                .starts
                .get(index + 1)
                .map_or(self.segments.len(), |next| next.1);
            let segments = self.segments.get(first..end).unwrap_or(&[]);
            requests.push(Request::new(self.operation, sector, segments));
        }
        if requests.is_empty() {
            return Ok(());
        }
        volume.submit(&mut requests)
    }
}

/// Fills a run of whole sectors of the volume with zeros.
///
/// # Errors
/// As [`Transfer::submit`].
pub fn clear(volume: &Volume, start: u64, end: u64) -> Result<()> {
    let zeros = Frame::zeroed()?;
    let mut position = start;
    while position < end {
        let mut transfer = Transfer::new(Operation::Write);
        let stop = end.min(position + ZEROS * PAGE_SIZE as u64);
        while position < stop {
            let length = (stop - position).min(PAGE_SIZE as u64);
            transfer.add(position, &zeros, 0, length as usize)?;
            position += length;
        }
        transfer.submit(volume)?;
    }
    Ok(())
}
