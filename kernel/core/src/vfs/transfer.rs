//! Where transferred bytes go to and come from: segments of user memory or a buffer of the kernel's.

use crate::{Errno, Result};
use hal::frame::Frame;
use hal::user::{self, UserAddr};

/// One segment of user memory, as in readv(2): the structure that userland passes.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    zerocopy::FromBytes,
    zerocopy::IntoBytes,
    zerocopy::Immutable,
    zerocopy::KnownLayout,
)]
#[repr(C)]
pub struct IoVector {
    /// Address of the first byte.
    pub base: u64,
    /// Length in bytes.
    pub length: u64,
}

/// Most bytes that one call transfers (Linux's `MAX_RW_COUNT`).
pub const TRANSFER_LIMIT: usize = 0x7fff_f000;

/// A cursor over segments of user memory.
struct UserSegments<'a> {
    address: u64,
    length: usize,
    rest: &'a [IoVector],
    /// Bytes left in all.
    remaining: usize,
}

impl<'a> UserSegments<'a> {
    fn new(segments: &'a [IoVector]) -> Self {
        let total = segments
            .iter()
            .fold(0u64, |sum, segment| sum.saturating_add(segment.length));
        let remaining = total.min(TRANSFER_LIMIT as u64) as usize;
        let mut cursor = Self {
            address: 0,
            length: 0,
            rest: segments,
            remaining,
        };
        cursor.settle();
        cursor
    }

    /// Goes on to the next segment that isn't empty.
    fn settle(&mut self) {
        while self.length == 0 {
            let Some((first, rest)) = self.rest.split_first() else {
                return;
            };
            self.address = first.base;
            self.length = usize::try_from(first.length).unwrap_or(usize::MAX);
            self.rest = rest;
        }
    }

    /// Moves on by what was transferred within the segment.
    #[inline(always)]
    fn advance(&mut self, count: usize) {
        self.address += count as u64;
        self.length -= count;
        self.remaining -= count;
        if self.length == 0 && !self.rest.is_empty() {
            self.settle();
        }
    }

    /// Runs `copy` on pieces, each within a segment, until `wanted` bytes went through. `copy` gets the address, the
    /// offset within `wanted` and the length, and says how many bytes it copied; fewer means a fault.
    #[inline]
    fn each(
        &mut self,
        wanted: usize,
        mut copy: impl FnMut(UserAddr, usize, usize) -> usize,
    ) -> Result<usize> {
        let wanted = wanted.min(self.remaining);
        let mut done = 0;
        while done < wanted {
            let length = self.length.min(wanted - done);
            let copied = copy(UserAddr(self.address), done, length);
            self.advance(copied);
            done += copied;
            if copied < length {
                return Err(Errno::EFAULT);
            }
        }
        Ok(done)
    }
}

/// How many bytes a copy moved.
fn moved(result: core::result::Result<(), user::Fault>, length: usize) -> usize {
    match result {
        Ok(()) => length,
        Err(fault) => fault.copied.min(length),
    }
}

enum DestinationKind<'a> {
    User(UserSegments<'a>),
    Kernel(&'a mut [u8]),
}

/// Where read bytes go to. Every method moves on by what it wrote; a fault half-way is an error after the bytes
/// before it were written and counted.
pub struct Destination<'a> {
    kind: DestinationKind<'a>,
    done: usize,
}

impl<'a> Destination<'a> {
    /// One range of user memory.
    #[inline]
    pub fn user(address: UserAddr, length: usize) -> Self {
        let length = length.min(TRANSFER_LIMIT);
        let segments = UserSegments {
            address: address.0,
            length,
            rest: &[],
            remaining: length,
        };
        Self {
            kind: DestinationKind::User(segments),
            done: 0,
        }
    }

    /// Several ranges of user memory.
    pub fn segments(segments: &'a [IoVector]) -> Self {
        Self {
            kind: DestinationKind::User(UserSegments::new(segments)),
            done: 0,
        }
    }

    /// A buffer of the kernel's.
    pub fn kernel(buffer: &'a mut [u8]) -> Self {
        Self {
            kind: DestinationKind::Kernel(buffer),
            done: 0,
        }
    }

    /// Bytes that can still be written.
    #[inline]
    pub fn remaining(&self) -> usize {
        match &self.kind {
            DestinationKind::User(segments) => segments.remaining,
            DestinationKind::Kernel(buffer) => buffer.len(),
        }
    }

    /// Bytes written so far.
    pub fn done(&self) -> usize {
        self.done
    }

    #[inline]
    fn user_or_kernel(
        &mut self,
        length: usize,
        to_user: impl FnMut(UserAddr, usize, usize) -> usize,
        to_kernel: impl FnOnce(&mut [u8]),
    ) -> Result<usize> {
        match &mut self.kind {
            DestinationKind::User(segments) => {
                let before = segments.remaining;
                let result = segments.each(length, to_user);
                self.done += before - segments.remaining;
                result
            }
            DestinationKind::Kernel(buffer) => {
                let length = length.min(buffer.len());
                let (now, later) = core::mem::take(buffer).split_at_mut(length);
                to_kernel(now);
                *buffer = later;
                self.done += length;
                Ok(length)
            }
        }
    }

    /// Writes as much of `bytes` as there is room for; returns how much.
    ///
    /// # Errors
    /// `EFAULT`.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        // The usual: all of it, into one segment.
        if let DestinationKind::User(segments) = &mut self.kind
            && bytes.len() <= segments.length.min(segments.remaining)
            && user::copy_to_user(UserAddr(segments.address), bytes).is_ok()
        {
            segments.advance(bytes.len());
            self.done += bytes.len();
            return Ok(bytes.len());
        }
        self.write_in_pieces(bytes)
    }

    fn write_in_pieces(&mut self, bytes: &[u8]) -> Result<usize> {
        self.user_or_kernel(
            bytes.len(),
            |address, offset, length| {
                let piece = bytes.get(offset..offset + length).unwrap_or(&[]);
                moved(user::copy_to_user(address, piece), length)
            },
            |buffer| {
                if let Some(piece) = bytes.get(..buffer.len()) {
                    buffer.copy_from_slice(piece);
                }
            },
        )
    }

    /// Writes bytes of a frame, straight from it.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn write_frame(&mut self, frame: &Frame, start: usize, length: usize) -> Result<usize> {
        self.user_or_kernel(
            length,
            |address, offset, length| {
                moved(
                    user::frame_to_user(frame, start + offset, address, length),
                    length,
                )
            },
            |buffer| frame.read(start, buffer),
        )
    }

    /// Writes zeros.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn clear(&mut self, length: usize) -> Result<usize> {
        self.user_or_kernel(
            length,
            |address, _, length| moved(user::clear_user(address, length), length),
            |buffer| buffer.fill(0),
        )
    }

    /// The result of a transfer: an error counts only if nothing was transferred before it.
    #[inline]
    pub fn result(&self, result: Result<usize>) -> Result<usize> {
        match result {
            Err(_) if self.done > 0 => Ok(self.done),
            other => other,
        }
    }
}

enum SourceKind<'a> {
    User(UserSegments<'a>),
    Kernel(&'a [u8]),
}

/// Where written bytes come from. Every method moves on by what it read; a fault half-way is an error after the
/// bytes before it were read and counted.
pub struct Source<'a> {
    kind: SourceKind<'a>,
    done: usize,
}

impl<'a> Source<'a> {
    /// One range of user memory.
    #[inline]
    pub fn user(address: UserAddr, length: usize) -> Self {
        let length = length.min(TRANSFER_LIMIT);
        let segments = UserSegments {
            address: address.0,
            length,
            rest: &[],
            remaining: length,
        };
        Self {
            kind: SourceKind::User(segments),
            done: 0,
        }
    }

    /// Several ranges of user memory.
    pub fn segments(segments: &'a [IoVector]) -> Self {
        Self {
            kind: SourceKind::User(UserSegments::new(segments)),
            done: 0,
        }
    }

    /// A buffer of the kernel's.
    pub fn kernel(buffer: &'a [u8]) -> Self {
        Self {
            kind: SourceKind::Kernel(buffer),
            done: 0,
        }
    }

    /// Bytes that can still be read.
    #[inline]
    pub fn remaining(&self) -> usize {
        match &self.kind {
            SourceKind::User(segments) => segments.remaining,
            SourceKind::Kernel(buffer) => buffer.len(),
        }
    }

    /// Bytes read so far.
    pub fn done(&self) -> usize {
        self.done
    }

    /// Cuts what is left to `length` bytes.
    pub fn limit(&mut self, length: usize) {
        match &mut self.kind {
            SourceKind::User(segments) => segments.remaining = segments.remaining.min(length),
            SourceKind::Kernel(buffer) => {
                *buffer = buffer.get(..length.min(buffer.len())).unwrap_or(&[])
            }
        }
    }

    #[inline]
    fn user_or_kernel(
        &mut self,
        length: usize,
        from_user: impl FnMut(UserAddr, usize, usize) -> usize,
        from_kernel: impl FnOnce(&[u8]),
    ) -> Result<usize> {
        match &mut self.kind {
            SourceKind::User(segments) => {
                let before = segments.remaining;
                let result = segments.each(length, from_user);
                self.done += before - segments.remaining;
                result
            }
            SourceKind::Kernel(buffer) => {
                let length = length.min(buffer.len());
                let (now, later) = buffer.split_at(length);
                from_kernel(now);
                *buffer = later;
                self.done += length;
                Ok(length)
            }
        }
    }

    /// Fills as much of `bytes` as there is left; returns how much.
    ///
    /// # Errors
    /// `EFAULT`.
    #[inline]
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize> {
        let before = self.remaining();
        let result = match &mut self.kind {
            SourceKind::User(segments) => segments.each(bytes.len(), |address, offset, length| {
                let piece = bytes.get_mut(offset..offset + length).unwrap_or(&mut []);
                moved(user::copy_from_user(piece, address), length)
            }),
            SourceKind::Kernel(buffer) => {
                let length = bytes.len().min(buffer.len());
                let (now, later) = buffer.split_at(length);
                if let Some(piece) = bytes.get_mut(..length) {
                    piece.copy_from_slice(now);
                }
                *buffer = later;
                Ok(length)
            }
        };
        self.done += before - self.remaining();
        result
    }

    /// Fills bytes of a frame, straight into it.
    ///
    /// # Errors
    /// `EFAULT`.
    pub fn read_into_frame(&mut self, frame: &Frame, start: usize, length: usize) -> Result<usize> {
        self.user_or_kernel(
            length,
            |address, offset, length| {
                moved(
                    user::frame_from_user(frame, start + offset, address, length),
                    length,
                )
            },
            |buffer| frame.write(start, buffer),
        )
    }

    /// Says that what was read so far went nowhere: for files whose writes succeed as a whole or not at all.
    pub fn disown(&mut self) {
        self.done = 0;
    }

    /// Passes over bytes without looking at them (a write to /dev/null).
    pub fn skip(&mut self, length: usize) -> usize {
        let length = length.min(self.remaining());
        match &mut self.kind {
            SourceKind::User(segments) if length <= segments.length => segments.advance(length),
            SourceKind::User(segments) => drop(segments.each(length, |_, _, length| length)),
            SourceKind::Kernel(buffer) => *buffer = buffer.get(length..).unwrap_or(&[]),
        }
        self.done += length;
        length
    }

    /// The result of a transfer: an error counts only if nothing was transferred before it.
    #[inline]
    pub fn result(&self, result: Result<usize>) -> Result<usize> {
        match result {
            Err(_) if self.done > 0 => Ok(self.done),
            other => other,
        }
    }
}
