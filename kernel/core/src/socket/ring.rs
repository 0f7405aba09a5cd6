//! A byte buffer that is read and written at the same time, growing up to a limit.

use alloc::vec::Vec;

use crate::errno::Result;
use crate::heap::MakeRoom;
use crate::vfs::{Destination, Source};

/// The buffer's first size.
const FIRST_SIZE: usize = 4096;

/// An empty buffer larger than this is given back.
const KEPT_SIZE: usize = 16_384;

/// Bytes in the order in which they were written.
#[derive(Default)]
pub(super) struct Ring {
    buffer: Vec<u8>,
    start: usize,
    length: usize,
}

impl Ring {
    /// An empty one without memory.
    pub(super) const fn new() -> Ring {
        Ring {
            buffer: Vec::new(),
            start: 0,
            length: 0,
        }
    }

    /// Bytes in it.
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Appends up to `wanted` bytes of the source, never holding more than `limit`; returns how many.
    ///
    /// # Errors
    /// EFAULT, ENOMEM; what was appended before is counted by the source.
    pub(super) fn write(
        &mut self,
        source: &mut Source<'_>,
        wanted: usize,
        limit: usize,
    ) -> Result<usize> {
        let wanted = wanted
            .min(source.remaining())
            .min(limit.saturating_sub(self.length));
        if self.buffer.len() - self.length < wanted {
            self.grow(self.length + wanted, limit)?;
        }
        let before = source.done();
        let mut outcome = Ok(());
        while source.done() - before < wanted && outcome.is_ok() {
            let left = wanted - (source.done() - before);
            let end = self.wrap(self.start + self.length);
            let piece = left.min(self.buffer.len() - end);
            let at = source.done();
            if let Some(room) = self.buffer.get_mut(end..end + piece) {
                outcome = source.read(room).map(drop);
            }
            self.length += source.done() - at;
        }
        outcome.map(|()| source.done() - before)
    }

    /// Hands up to `wanted` bytes on, skipping the first `offset`, without taking them out; returns how many.
    ///
    /// # Errors
    /// EFAULT.
    pub(super) fn copy(
        &self,
        destination: &mut Destination<'_>,
        offset: usize,
        wanted: usize,
    ) -> Result<usize> {
        let wanted = wanted
            .min(destination.remaining())
            .min(self.length.saturating_sub(offset));
        let before = destination.done();
        while destination.done() - before < wanted {
            let done = destination.done() - before;
            let from = self.wrap(self.start + offset + done);
            let piece = (wanted - done).min(self.buffer.len() - from);
            destination.write(self.buffer.get(from..from + piece).unwrap_or(&[]))?;
        }
        Ok(wanted)
    }

    /// Takes the first `count` bytes out.
    pub(super) fn consume(&mut self, count: usize) {
        let count = count.min(self.length);
        self.start = self.wrap(self.start + count);
        self.length -= count;
        if self.length == 0 {
            self.start = 0;
            if self.buffer.len() > KEPT_SIZE {
                self.buffer = Vec::new();
            }
        }
    }

    fn wrap(&self, position: usize) -> usize {
        if position >= self.buffer.len() {
            position - self.buffer.len()
        } else {
            position
        }
    }

    fn grow(&mut self, needed: usize, limit: usize) -> Result<()> {
        let size = needed
            .next_power_of_two()
            .clamp(FIRST_SIZE, limit.max(FIRST_SIZE));
        let mut larger = Vec::new();
        larger.make_room_exact(size)?;
        let first = self.length.min(self.buffer.len() - self.start);
        larger.extend_from_slice(
            self.buffer
                .get(self.start..self.start + first)
                .unwrap_or(&[]),
        );
        larger.extend_from_slice(self.buffer.get(..self.length - first).unwrap_or(&[]));
        larger.resize(size, 0);
        self.buffer = larger;
        self.start = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn bytes_come_out_in_order_around_the_end() {
        let mut ring = Ring::new();
        let (mut next_in, mut next_out) = (0u8, 0u8);
        for round in 0..500usize {
            let bytes: Vec<u8> = (0..round % 97)
                .map(|_| {
                    next_in = next_in.wrapping_add(1);
                    next_in
                })
                .collect();
            let room = 5000 - ring.len();
            let wrote = ring
                .write(&mut Source::kernel(&bytes), bytes.len(), 5000)
                .unwrap();
            assert_eq!(wrote, bytes.len().min(room));
            next_in = next_in.wrapping_sub((bytes.len() - wrote) as u8);
            let mut out = vec![0; round * 7 % 89];
            let read = ring
                .copy(&mut Destination::kernel(&mut out), 0, usize::MAX)
                .unwrap();
            ring.consume(read);
            for byte in &out[..read] {
                next_out = next_out.wrapping_add(1);
                assert_eq!(*byte, next_out);
            }
        }
        assert_eq!(next_in.wrapping_sub(next_out) as usize, ring.len() % 256);
    }

    #[test]
    fn the_limit_is_kept() {
        let mut ring = Ring::new();
        let bytes = [1; 10_000];
        assert_eq!(
            ring.write(&mut Source::kernel(&bytes), 10_000, 6000),
            Ok(6000)
        );
        assert_eq!(ring.write(&mut Source::kernel(&bytes), 1, 6000), Ok(0));
        ring.consume(6000);
        assert_eq!(ring.len(), 0);
    }
}
