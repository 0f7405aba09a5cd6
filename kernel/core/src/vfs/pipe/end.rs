//! The ends of a pipe as open files.

use super::Pipe;
use super::ring::Insertion;
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::poll::{PollEvents, PollRegistration};
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering::Relaxed;
use hal::user::{self, UserAddr};

/// Bytes that can be read (ioctl_tty(2)).
const FIONREAD: u32 = 0x541b;

/// An open end of a pipe: for reading, for writing, or (a FIFO) both. Dropping it closes the end.
pub struct PipeEnd {
    pipe: Arc<Pipe>,
    reads: bool,
    writes: bool,
}

impl PipeEnd {
    /// Opens an end.
    pub fn new(pipe: Arc<Pipe>, flags: OpenFlags) -> Self {
        let end = Self {
            pipe,
            reads: flags.can_read(),
            writes: flags.can_write(),
        };
        if end.reads {
            end.pipe.readers.fetch_add(1, Relaxed);
            end.pipe.reader_opens.fetch_add(1, Relaxed);
        }
        if end.writes {
            end.pipe.writers.fetch_add(1, Relaxed);
            end.pipe.writer_opens.fetch_add(1, Relaxed);
        }
        end.pipe.opened.wake_all();
        end
    }

    /// The pipe.
    pub fn pipe(&self) -> &Arc<Pipe> {
        &self.pipe
    }
}

impl Drop for PipeEnd {
    fn drop(&mut self) {
        if self.reads {
            self.pipe.readers.fetch_sub(1, Relaxed);
        }
        if self.writes {
            self.pipe.writers.fetch_sub(1, Relaxed);
        }
        if self.pipe.readers.load(Relaxed) == 0 && self.pipe.writers.load(Relaxed) == 0 {
            // A FIFO whose last end closes forgets what nobody read.
            let mut ring = self.pipe.ring.lock();
            if self.pipe.readers.load(Relaxed) == 0 && self.pipe.writers.load(Relaxed) == 0 {
                ring.clear();
                self.pipe.publish(&ring);
            }
        }
        self.pipe.readable.wake_all();
        self.pipe.writable.wake_all();
    }
}

impl FileOperations for PipeEnd {
    fn read(
        &self,
        file: &File,
        destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        self.pipe.read(destination, file.is_non_blocking())
    }

    fn write(&self, file: &File, source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        let flags = file.flags();
        let insertion = if flags.contains(OpenFlags::DIRECT) {
            Insertion::Packet
        } else {
            Insertion::Stream
        };
        let result = self
            .pipe
            .write(source, insertion, flags.contains(OpenFlags::NON_BLOCKING));
        if result == Err(Errno::EPIPE) && source.done() == 0 {
            crate::vfs::signals::broken_pipe();
        }
        result
    }

    fn poll(&self, _file: &File, registration: Option<&mut PollRegistration>) -> PollEvents {
        let pipe = &self.pipe;
        if let Some(registration) = registration {
            if self.reads {
                registration.watch(&pipe.readable);
            }
            if self.writes {
                registration.watch(&pipe.writable);
            }
        }
        let mut events = PollEvents::empty();
        if self.reads {
            if pipe.filled() > 0 {
                events |= PollEvents::IN;
            }
            if pipe.writers.load(Relaxed) == 0 && pipe.writer_opens.load(Relaxed) > 0 {
                events |= PollEvents::HANG_UP;
            }
        }
        if self.writes {
            if !pipe.is_full() {
                events |= PollEvents::OUT;
            }
            if pipe.readers.load(Relaxed) == 0 {
                events |= PollEvents::ERROR;
            }
        }
        events
    }

    fn ioctl(
        &self,
        _file: &Arc<File>,
        _current: &Current,
        request: u32,
        argument: u64,
    ) -> Result<usize> {
        if request != FIONREAD {
            return Err(Errno::ENOTTY);
        }
        let filled = i32::try_from(self.pipe.filled()).unwrap_or(i32::MAX);
        user::write_value(UserAddr(argument), &filled).map_err(|_| Errno::EFAULT)?;
        Ok(0)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
