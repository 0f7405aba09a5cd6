//! What a driver of a block device implements.

use crate::Result;
use hal::frame::Frame;

/// What a device is like. It doesn't change.
#[derive(Clone, Copy, Debug)]
pub struct Geometry {
    /// Bytes that are read or written at the least: a power of two from 512 to 4096.
    pub block_size: u32,
    /// Size in sectors of 512 bytes.
    pub sectors: u64,
    /// Writes are refused.
    pub read_only: bool,
    /// Most segments of one request.
    pub maximum_segments: usize,
}

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// From the device to memory.
    Read,
    /// From memory to the device.
    Write,
}

/// A piece of memory that a request moves: bytes of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    pub frame: &'a Frame,
    /// Where in the frame, bytes; a multiple of 512.
    pub offset: usize,
    /// Bytes, at least one block, within the frame; a multiple of the device's block size.
    pub length: usize,
}

/// A run of sectors to be moved.
#[derive(Debug)]
pub struct Request<'a> {
    pub operation: Operation,
    /// First sector of 512 bytes.
    pub sector: u64,
    /// Where the sectors are in memory, one after the other; not empty.
    pub segments: &'a [Segment<'a>],
    /// What came of it.
    pub result: Result<()>,
}

impl<'a> Request<'a> {
    /// A request to be submitted.
    pub fn new(operation: Operation, sector: u64, segments: &'a [Segment<'a>]) -> Self {
        Self {
            operation,
            sector,
            segments,
            result: Ok(()),
        }
    }

    /// Bytes that it moves.
    pub fn length(&self) -> u64 {
        self.segments
            .iter()
            .map(|segment| segment.length as u64)
            .sum()
    }
}

/// A driver of one device. Its methods are called by any number of threads at once, and sleep until the device is done.
///
/// A device that is gone fails every call with `EIO`, those that are waiting included.
pub trait BlockDevice: Send + Sync {
    /// What the device is like.
    fn geometry(&self) -> Geometry;

    /// Carries out requests, in any order and as many at a time as the device can, and returns when all are done, with
    /// their results set: `EIO` for one that failed. The caller has checked that they are within the device, have no more
    /// segments than it can take, and aren't writes to a device that is read only.
    fn submit(&self, requests: &mut [Request<'_>]);

    /// Returns when every write that was done before the call is on the medium.
    ///
    /// # Errors
    /// `EIO`.
    fn flush(&self) -> Result<()>;
}

impl<T: BlockDevice + ?Sized> BlockDevice for &T {
    fn geometry(&self) -> Geometry {
        (**self).geometry()
    }

    fn submit(&self, requests: &mut [Request<'_>]) {
        (**self).submit(requests);
    }

    fn flush(&self) -> Result<()> {
        (**self).flush()
    }
}
