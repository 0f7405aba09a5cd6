//! ADMA2: the controller moves data by itself, to and from the pieces of memory that a table names (SD Host Controller
//! Simplified Specification 3.00, section 1.13).
//!
//! The controller may neither see the caches nor all of memory. Pieces beyond its reach go through a block within it.

use super::controller::BLOCK;
use super::disk::SEGMENTS;
use crate::device_tree::DmaWindow;
use core::ptr;
use hal::frame::FrameBlock;
use hal::mmio::{synchronise_block, synchronise_frame};
use kernel_core::block::{Operation, Segment};

/// Attributes of a table's line (section 1.13.3.1): it counts, it is the last, it names data.
const VALID: u32 = 1;
const END: u32 = 1 << 1;
const DATA: u32 = 2 << 4;
/// Words of a line: length and attributes, address.
const LINE: usize = 2;

/// What a controller needs to move data.
pub struct Dma {
    window: DmaWindow,
    /// Lines, one for each segment.
    table: FrameBlock,
    /// Room for the largest request, if some memory is beyond the controller's reach.
    bounce: Option<FrameBlock>,
}

// SAFETY: the blocks are used by one thread at a time, who has the controller.
unsafe impl Sync for Dma {}

impl Dma {
    /// What a controller needs that reaches memory through this window; `None` if there is no memory within its reach.
    pub fn new(window: &DmaWindow) -> Option<Self> {
        // Addresses have 32 bits.
        let room = (1u64 << 32).checked_sub(window.bus)?;
        let end = window
            .memory
            .end
            .min(window.memory.start.saturating_add(room));
        let window = DmaWindow {
            memory: window.memory.start..end,
            bus: window.bus,
        };
        let reached = |block: &FrameBlock| {
            window
                .bus_address(block.physical_address(), block.size() as u64)
                .is_some()
        };
        let allocate = |order| FrameBlock::allocate_below(order, end).ok().filter(reached);
        let table = allocate(0)?;
        let bounce = if hal::frame::end() > end {
            Some(allocate(SEGMENTS.trailing_zeros() as usize)?)
        } else {
            None
        };
        Some(Self {
            window,
            table,
            bounce,
        })
    }

    /// The address on the bus of a piece of memory, and where in the bounce block it goes if that isn't its own.
    fn place(&self, segment: &Segment<'_>, done: usize) -> Option<(u64, Option<usize>)> {
        let physical =
            segment.frame.number() * hal::layout::PAGE_SIZE as u64 + segment.offset as u64;
        let length = segment.length as u64;
        if let Some(address) = self.window.bus_address(physical, length) {
            return Some((address, None));
        }
        let bounce = self.bounce.as_ref()?;
        if done + segment.length > bounce.size() {
            return None;
        }
        let address = self
            .window
            .bus_address(bounce.physical_address() + done as u64, length)?;
        Some((address, Some(done)))
    }

    /// Fills the table for a request and lets the controller see what it will read; the table's address on the bus.
    /// `None` if the request can't be done this way.
    pub fn prepare(&self, operation: Operation, segments: &[Segment<'_>]) -> Option<u32> {
        if segments.len() > SEGMENTS {
            return None;
        }
        let lines: *mut u32 = self.table.address().cast();
        let mut done = 0;
        for (index, segment) in segments.iter().enumerate() {
            let (address, bounced) = self.place(segment, done)?;
            match bounced {
                Some(place) if operation == Operation::Write => {
                    segment
                        .frame
                        .read(segment.offset, self.bounced(place, segment.length)?);
                }
                Some(_) => {}
                None => synchronise_frame(segment.frame, segment.offset, segment.length),
            }
            let end = if index + 1 == segments.len() { END } else { 0 };
            let length = segment.length as u32;
            debug_assert!(length.is_multiple_of(BLOCK as u32));
            // SAFETY: the table is a page, which holds as many lines as a request has segments.
            unsafe {
                let line = lines.add(index * LINE);
                ptr::write_volatile(line, length << 16 | DATA | end | VALID);
                ptr::write_volatile(line.add(1), address as u32);
            }
            done += segment.length;
        }
        if let Some(bounce) = &self.bounce {
            synchronise_block(bounce, done);
        }
        synchronise_block(&self.table, segments.len() * LINE * size_of::<u32>());
        let table = self
            .window
            .bus_address(self.table.physical_address(), self.table.size() as u64)?;
        Some(table as u32)
    }

    /// Makes the CPUs see what the controller has read from the card.
    pub fn finish_read(&self, segments: &[Segment<'_>]) {
        let length = segments.iter().map(|segment| segment.length).sum();
        if let Some(bounce) = &self.bounce {
            synchronise_block(bounce, length);
        }
        let mut done = 0;
        for segment in segments {
            match self.place(segment, done) {
                Some((_, None)) => synchronise_frame(segment.frame, segment.offset, segment.length),
                Some((_, Some(place))) => {
                    if let Some(bytes) = self.bounced(place, segment.length) {
                        segment.frame.write(segment.offset, bytes);
                    }
                }
                None => {}
            }
            done += segment.length;
        }
    }

    /// A part of the bounce block.
    #[expect(
        clippy::mut_from_ref,
        reason = "whoever has the controller has the block"
    )]
    fn bounced(&self, place: usize, length: usize) -> Option<&mut [u8]> {
        let bounce = self.bounce.as_ref()?;
        if place + length > bounce.size() {
            return None;
        }
        // SAFETY: within the block, which is this structure's; the controller is idle, and no other such slice lives.
        Some(unsafe { core::slice::from_raw_parts_mut(bounce.address().add(place), length) })
    }
}
