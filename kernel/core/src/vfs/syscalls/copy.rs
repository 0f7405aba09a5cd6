//! Copies between files in the kernel: sendfile, splice, tee, vmsplice, copy_file_range.
//!
//! Bytes go through a frame. Between a file and a pipe that means one copy more than need be, and never a page that
//! two sides change.

use super::{descriptor::pipe_of, fault, usable_file};
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::file_operations::Positions;
use crate::vfs::flags::OpenFlags;
use crate::vfs::kind::FileKind;
use crate::vfs::name;
use crate::vfs::transfer::{Destination, Source, TRANSFER_LIMIT};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::{self, UserAddr};

/// Bytes copied at once.
const PIECE: usize = 4096;

/// A side of a copy: a file, and where in it unless at its own position.
struct Side {
    file: Arc<File>,
    position: Option<u64>,
    /// Where the caller keeps the position.
    address: UserAddr,
}

impl Side {
    fn new(file: Arc<File>, address: UserAddr) -> Result<Self> {
        let position = match address.0 {
            0 => None,
            _ if file.positions() == Positions::Stream => return Err(Errno::ESPIPE),
            _ => {
                let position: i64 = user::read_value(address).map_err(fault)?;
                Some(u64::try_from(position).map_err(|_| Errno::EINVAL)?)
            }
        };
        Ok(Self {
            file,
            position,
            address,
        })
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut destination = Destination::kernel(buffer);
        match &mut self.position {
            None => self.file.read(&mut destination),
            Some(position) => {
                let done = self.file.read_at(&mut destination, *position)?;
                *position += done as u64;
                Ok(done)
            }
        }
    }

    /// Takes back what was read and could not be written, where that is possible.
    fn unread(&mut self, count: usize) {
        match &mut self.position {
            Some(position) => *position -= count as u64,
            None if self.file.positions() == Positions::Seekable => {
                let mut position = self.file.lock_position();
                *position = position.saturating_sub(count as u64);
            }
            None => {}
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        let mut source = Source::kernel(bytes);
        match &mut self.position {
            None => self.file.write(&mut source),
            Some(position) => {
                let done = self.file.write_at(&mut source, *position)?;
                *position += done as u64;
                Ok(done)
            }
        }
    }

    fn store_position(&self) -> Result<()> {
        match self.position {
            Some(position) => user::write_value(self.address, &position).map_err(fault),
            None => Ok(()),
        }
    }
}

/// Copies up to `count` bytes, until the input has no more now. An error counts if nothing was copied before.
fn transfer(from: &mut Side, to: &mut Side, count: usize) -> Result<usize> {
    let mut buffer = name::boxed(&[0; PIECE])?;
    let count = count.min(TRANSFER_LIMIT);
    let mut done = 0;
    // A pipe or device that would make the caller wait for more ends a copy that has got something.
    let waits = from.file.positions() == Positions::Stream;
    while done < count {
        let room = (count - done).min(PIECE);
        let piece = buffer.get_mut(..room).unwrap_or(&mut []);
        let read = match from.read(piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        };
        let written = to.write(piece.get(..read).unwrap_or(&[]));
        let amount = *written.as_ref().unwrap_or(&0);
        done += amount;
        if amount < read {
            from.unread(read - amount);
        }
        match written {
            Err(error) if done == 0 => return Err(error),
            Err(_) => break,
            Ok(_)
                if amount < read
                    || (waits && read < room)
                    || (waits && done > 0 && !has_more(&from.file)) =>
            {
                break;
            }
            Ok(_) => {}
        }
    }
    from.store_position()?;
    to.store_position()?;
    Ok(done)
}

fn has_more(file: &File) -> bool {
    pipe_of(file).is_ok_and(|pipe| pipe.filled() > 0)
}

/// sendfile(output, input, position, count).
pub fn sendfile(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let output = usable_file(current, arguments.fd(0))?;
    let input = usable_file(current, arguments.fd(1))?;
    if !input.flags().can_read() || !output.flags().can_write() {
        return Err(Errno::EBADF);
    }
    if output.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EINVAL);
    }
    let mut from = Side::new(input, UserAddr(arguments.u64(2)))?;
    let mut to = Side::new(output, UserAddr(0))?;
    transfer(&mut from, &mut to, arguments.usize(3))
}

/// `SPLICE_F_*`: move, non-blocking, more, gift.
const SPLICE_FLAGS: u32 = 0xf;

/// splice(input, its position, output, its position, count, flags): at least one side is a pipe.
pub fn splice(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.u32(5) & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let input = usable_file(current, arguments.fd(0))?;
    let output = usable_file(current, arguments.fd(2))?;
    if !input.flags().can_read() || !output.flags().can_write() {
        return Err(Errno::EBADF);
    }
    match (pipe_of(&input), pipe_of(&output)) {
        (Err(_), Err(_)) => return Err(Errno::EINVAL),
        (Ok(one), Ok(other)) if Arc::ptr_eq(one, other) => return Err(Errno::EINVAL),
        _ => {}
    }
    if output.flags().contains(OpenFlags::APPEND) {
        return Err(Errno::EINVAL);
    }
    let mut from = Side::new(input, UserAddr(arguments.u64(1)))?;
    let mut to = Side::new(output, UserAddr(arguments.u64(3)))?;
    transfer(&mut from, &mut to, arguments.usize(4))
}

/// tee(input, output, count, flags): copies what is in one pipe to another and leaves it there.
pub fn tee(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.u32(3) & !SPLICE_FLAGS != 0 {
        return Err(Errno::EINVAL);
    }
    let input = usable_file(current, arguments.fd(0))?;
    let output = usable_file(current, arguments.fd(1))?;
    let from = pipe_of(&input).map_err(|_| Errno::EINVAL)?;
    let to = pipe_of(&output).map_err(|_| Errno::EINVAL)?;
    if Arc::ptr_eq(from, to) {
        return Err(Errno::EINVAL);
    }
    if !input.flags().can_read() || !output.flags().can_write() {
        return Err(Errno::EBADF);
    }
    let mut buffer = name::boxed(&[0; PIECE])?;
    let room = arguments.usize(2).min(PIECE);
    let copied = from.peek(
        buffer.get_mut(..room).unwrap_or(&mut []),
        input.is_non_blocking(),
    )?;
    output.write(&mut Source::kernel(buffer.get(..copied).unwrap_or(&[])))
}

/// copy_file_range(input, its position, output, its position, count, flags).
pub fn copy_file_range(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    if arguments.u32(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let input = usable_file(current, arguments.fd(0))?;
    let output = usable_file(current, arguments.fd(2))?;
    for file in [&input, &output] {
        match file.inode().map(|inode| inode.kind()) {
            Some(FileKind::Regular) => {}
            Some(FileKind::Directory) => return Err(Errno::EISDIR),
            _ => return Err(Errno::EINVAL),
        }
    }
    if !input.flags().can_read()
        || !output.flags().can_write()
        || output.flags().contains(OpenFlags::APPEND)
    {
        return Err(Errno::EBADF);
    }
    let count = arguments.usize(4).min(TRANSFER_LIMIT);
    let mut from = Side::new(input, UserAddr(arguments.u64(1)))?;
    let mut to = Side::new(output, UserAddr(arguments.u64(3)))?;
    let same = from
        .file
        .inode()
        .zip(to.file.inode())
        .is_some_and(|(one, other)| Arc::ptr_eq(one, other));
    if same {
        let place = |side: &Side| side.position.unwrap_or_else(|| *side.file.lock_position());
        let (one, other) = (place(&from), place(&to));
        if one < other.saturating_add(count as u64) && other < one.saturating_add(count as u64) {
            return Err(Errno::EINVAL);
        }
    }
    transfer(&mut from, &mut to, count)
}
