//! Pipes and FIFOs (pipe(7), fifo(7)): rings of frames between writers and readers.
//!
//! One sleeping lock guards the ring, so that copies from and to user memory may fault under it. What sleepers wait
//! for (bytes, free places, readers, writers) is mirrored in atomics, because a condition may not sleep.

mod end;
mod fifo;
mod ring;
#[cfg(test)]
mod tests;

pub use end::PipeEnd;
pub use fifo::{create_pair, open_fifo};

use super::transfer::{Destination, Source};
use crate::sched::{Mutex, WaitQueue};
use crate::{Errno, Result};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};
use ring::{Insertion, Ring};

/// Writes up to this many bytes are not mixed with others' (`PIPE_BUF`).
pub const ATOMIC_WRITE: usize = 4096;
/// Places of a new pipe: 64 KiB.
const DEFAULT_PLACES: usize = 16;
/// Places that anyone may ask for: 1 MiB (fs.pipe-max-size).
pub const UNPRIVILEGED_PLACES: usize = 256;
/// Places that user 0 may ask for: what a signed int of bytes holds.
const MOST_PLACES: usize = 1 << 18;

/// A pipe: what was written and not read yet, and who is at its ends.
pub struct Pipe {
    ring: Mutex<Ring>,
    /// Bytes in the ring.
    filled: AtomicUsize,
    /// Places of the ring in use, and how many there are.
    used: AtomicUsize,
    places: AtomicUsize,
    readers: AtomicU32,
    writers: AtomicU32,
    /// How often each end was opened: whoever waits for the other end to be opened sees it even if it is closed again.
    reader_opens: AtomicU32,
    writer_opens: AtomicU32,
    readable: WaitQueue,
    writable: WaitQueue,
    /// Opening a FIFO waits here for the other end.
    opened: WaitQueue,
}

impl Default for Pipe {
    fn default() -> Self {
        Self::new()
    }
}

impl Pipe {
    /// An empty pipe with nobody at its ends.
    pub fn new() -> Self {
        Self {
            ring: Mutex::new(Ring::new()),
            filled: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
            places: AtomicUsize::new(DEFAULT_PLACES),
            readers: AtomicU32::new(0),
            writers: AtomicU32::new(0),
            reader_opens: AtomicU32::new(0),
            writer_opens: AtomicU32::new(0),
            readable: WaitQueue::new(),
            writable: WaitQueue::new(),
            opened: WaitQueue::new(),
        }
    }

    /// Bytes that can be read now.
    pub fn filled(&self) -> usize {
        self.filled.load(Relaxed)
    }

    /// Size in bytes (`F_GETPIPE_SZ`).
    pub fn capacity(&self) -> usize {
        self.places.load(Relaxed) * ring::PLACE
    }

    /// Sets the size in bytes, rounded up to a power of two of pages; returns what it is now.
    ///
    /// # Errors
    /// `EINVAL` for 0 or too much; `EPERM` above 1 MiB for anyone but user 0; `EBUSY` if more is in use.
    pub fn set_capacity(&self, bytes: usize, privileged: bool) -> Result<usize> {
        let places = bytes
            .div_ceil(ring::PLACE)
            .checked_next_power_of_two()
            .unwrap_or(usize::MAX);
        if bytes == 0 || places > MOST_PLACES {
            return Err(Errno::EINVAL);
        }
        let ring = self.ring.lock();
        if places > UNPRIVILEGED_PLACES && places > self.places.load(Relaxed) && !privileged {
            return Err(Errno::EPERM);
        }
        if ring.used() > places {
            return Err(Errno::EBUSY);
        }
        self.places.store(places, Relaxed);
        drop(ring);
        self.writable.wake_all();
        Ok(places * ring::PLACE)
    }

    fn publish(&self, ring: &Ring) {
        self.filled.store(ring.filled(), Relaxed);
        self.used.store(ring.used(), Relaxed);
    }

    fn is_full(&self) -> bool {
        self.used.load(Relaxed) >= self.places.load(Relaxed)
    }

    /// Reads what is there, waiting for something to be; 0 when there is nothing and nobody will write.
    ///
    /// # Errors
    /// `EAGAIN` instead of waiting; `EFAULT`; a restart code.
    fn read(&self, destination: &mut Destination<'_>, non_blocking: bool) -> Result<usize> {
        if destination.remaining() == 0 {
            return Ok(0);
        }
        loop {
            let mut ring = self.ring.lock();
            if ring.filled() > 0 {
                let result = ring.read(destination);
                self.publish(&ring);
                let more = ring.filled() > 0;
                drop(ring);
                if !self.is_full() {
                    self.writable.wake_one();
                }
                if more {
                    self.readable.wake_one();
                }
                return result;
            }
            drop(ring);
            if self.writers.load(Relaxed) == 0 {
                return Ok(0);
            }
            if non_blocking {
                return Err(Errno::EAGAIN);
            }
            self.readable.wait_interruptible(|| {
                (self.filled.load(Relaxed) > 0 || self.writers.load(Relaxed) == 0).then_some(())
            })?;
        }
    }

    /// Writes all of the source, waiting for room; up to [`ATOMIC_WRITE`] bytes in one piece.
    ///
    /// # Errors
    /// `EPIPE` without readers; `EAGAIN` instead of waiting; `EFAULT`, `ENOMEM`, a restart code.
    fn write(
        &self,
        source: &mut Source<'_>,
        insertion: Insertion,
        non_blocking: bool,
    ) -> Result<usize> {
        let total = source.remaining();
        if total == 0 {
            return Ok(0);
        }
        let begin = source.done();
        loop {
            let mut ring = self.ring.lock();
            if self.readers.load(Relaxed) == 0 {
                return Err(Errno::EPIPE);
            }
            let result = ring.write(source, insertion, self.places.load(Relaxed));
            self.publish(&ring);
            let any = ring.filled() > 0;
            drop(ring);
            if any {
                self.readable.wake_one();
            }
            result?;
            if source.remaining() == 0 {
                if !self.is_full() {
                    self.writable.wake_one();
                }
                return Ok(source.done() - begin);
            }
            if non_blocking {
                return Err(Errno::EAGAIN);
            }
            self.writable.wait_interruptible(|| {
                (!self.is_full() || self.readers.load(Relaxed) == 0).then_some(())
            })?;
        }
    }
}

impl Pipe {
    /// Copies the bytes that would be read next, without reading them; waits for something to be there (tee(2)).
    ///
    /// # Errors
    /// `EAGAIN` instead of waiting; a restart code.
    pub fn peek(&self, buffer: &mut [u8], non_blocking: bool) -> Result<usize> {
        loop {
            let copied = self.ring.lock().peek(buffer);
            if copied > 0 || buffer.is_empty() || self.writers.load(Relaxed) == 0 {
                return Ok(copied);
            }
            if non_blocking {
                return Err(Errno::EAGAIN);
            }
            self.readable.wait_interruptible(|| {
                (self.filled.load(Relaxed) > 0 || self.writers.load(Relaxed) == 0).then_some(())
            })?;
        }
    }
}
