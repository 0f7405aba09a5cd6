//! The content of a pipe.

use crate::Result;
use crate::heap::MakeRoom;
use crate::vfs::transfer::{Destination, Source};
use alloc::collections::VecDeque;
use hal::frame::{self, Frame};

/// Bytes of a place: a frame.
pub const PLACE: usize = 4096;

/// How a write treats what is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insertion {
    /// It goes on where the last one ended.
    Stream,
    /// It is a packet of its own (`O_DIRECT`): one read gets at most one.
    Packet,
}

struct Place {
    frame: Frame,
    start: usize,
    end: usize,
    insertion: Insertion,
}

/// Frames in the order in which they were written, each with what is left to read in it.
#[derive(Default)]
pub struct Ring {
    places: VecDeque<Place>,
    filled: usize,
    /// A frame that was read empty, kept for the next write.
    spare: Option<Frame>,
}

impl Ring {
    /// Nothing.
    pub const fn new() -> Self {
        Self {
            places: VecDeque::new(),
            filled: 0,
            spare: None,
        }
    }

    /// Bytes to be read.
    pub fn filled(&self) -> usize {
        self.filled
    }

    /// Places in use.
    pub fn used(&self) -> usize {
        self.places.len()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Reads as much as there is room for, or one packet; what of a packet has no room is lost.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read(&mut self, destination: &mut Destination<'_>) -> Result<usize> {
        let mut done = 0;
        while let Some(place) = self.places.front_mut() {
            let length = (place.end - place.start).min(destination.remaining());
            if length == 0 {
                break;
            }
            let before = destination.done();
            let result = destination.write_frame(&place.frame, place.start, length);
            let copied = destination.done() - before;
            place.start += copied;
            self.filled -= copied;
            done += copied;
            result?;
            let packet = place.insertion == Insertion::Packet;
            if packet || place.start == place.end {
                self.filled -= place.end - place.start;
                if let Some(place) = self.places.pop_front() {
                    self.spare = Some(place.frame);
                }
            }
            if packet {
                break;
            }
        }
        Ok(done)
    }

    /// Copies what would be read next and leaves it there; returns how much.
    pub fn peek(&self, buffer: &mut [u8]) -> usize {
        let mut done = 0;
        for place in &self.places {
            let length = (place.end - place.start).min(buffer.len() - done);
            if let Some(piece) = buffer.get_mut(done..done + length) {
                place.frame.read(place.start, piece);
            }
            done += length;
        }
        done
    }

    /// Writes as much as fits into `limit` places; a write that must not be divided is not begun unless it fits.
    ///
    /// # Errors
    /// `EFAULT`, `ENOMEM`.
    pub fn write(
        &mut self,
        source: &mut Source<'_>,
        insertion: Insertion,
        limit: usize,
    ) -> Result<()> {
        if insertion == Insertion::Stream
            && let Some(last) = self.places.back_mut()
            && last.insertion == Insertion::Stream
            && (source.remaining() <= PLACE - last.end)
        {
            let before = source.done();
            let result = source.read_into_frame(&last.frame, last.end, source.remaining());
            let copied = source.done() - before;
            last.end += copied;
            self.filled += copied;
            return result.map(|_| ());
        }
        while source.remaining() > 0 && self.places.len() < limit {
            if self.places.len() == self.places.capacity() {
                frame::headroom()?;
                self.places.make_room(1)?;
            }
            let frame = match self.spare.take() {
                Some(frame) => frame,
                None => Frame::uninitialised()?,
            };
            let length = source.remaining().min(PLACE);
            let before = source.done();
            let result = source.read_into_frame(&frame, 0, length);
            let copied = source.done() - before;
            if copied > 0 {
                self.places.push_back(Place {
                    frame,
                    start: 0,
                    end: copied,
                    insertion,
                });
                self.filled += copied;
            }
            result?;
        }
        Ok(())
    }
}
