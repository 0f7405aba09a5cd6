//! Reading and writing (read(2), write(2), readv(2), pread(2), lseek(2)).

use super::{fault, usable_file};
use crate::heap::MakeRoom;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::file_operations::{Positions, Whence};
use crate::vfs::flags::OpenFlags;
use crate::vfs::transfer::{Destination, IoVector, Source};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};
use smallvec::SmallVec;
use zerocopy::IntoBytes;

/// Most segments in one call (`IOV_MAX`).
const SEGMENT_LIMIT: usize = 1024;

/// read(descriptor, buffer, count).
#[inline]
pub fn read(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let mut destination = Destination::user(UserAddr(arguments.u64(1)), arguments.usize(2));
    file.read(&mut destination)
}

/// write(descriptor, buffer, count).
#[inline]
pub fn write(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    let mut source = Source::user(UserAddr(arguments.u64(1)), arguments.usize(2));
    file.write(&mut source)
}

/// pread64(descriptor, buffer, count, position).
pub fn pread64(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let position = u64::try_from(arguments.i64(3)).map_err(|_| Errno::EINVAL)?;
    let file = usable_file(current, arguments.fd(0))?;
    file.read_at(
        &mut Destination::user(UserAddr(arguments.u64(1)), arguments.usize(2)),
        position,
    )
}

/// pwrite64(descriptor, buffer, count, position).
pub fn pwrite64(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let position = u64::try_from(arguments.i64(3)).map_err(|_| Errno::EINVAL)?;
    let file = usable_file(current, arguments.fd(0))?;
    file.write_at(
        &mut Source::user(UserAddr(arguments.u64(1)), arguments.usize(2)),
        position,
    )
}

type Segments = SmallVec<[IoVector; 8]>;

/// The segments of a call.
fn read_segments(address: UserAddr, count: usize) -> Result<Segments> {
    if count > SEGMENT_LIMIT {
        return Err(Errno::EINVAL);
    }
    let mut segments = Segments::new();
    segments.make_room_exact(count)?;
    segments.resize(count, IoVector::default());
    user::copy_from_user(segments.as_mut_slice().as_mut_bytes(), address).map_err(fault)?;
    if segments
        .iter()
        .any(|segment| segment.length > i64::MAX as u64)
    {
        return Err(Errno::EINVAL);
    }
    Ok(segments)
}

/// readv(descriptor, segments, count).
pub fn readv(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let segments = read_segments(UserAddr(arguments.u64(1)), arguments.usize(2))?;
    file.read(&mut Destination::segments(&segments))
}

/// writev(descriptor, segments, count).
pub fn writev(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let segments = read_segments(UserAddr(arguments.u64(1)), arguments.usize(2))?;
    file.write(&mut Source::segments(&segments))
}

/// preadv(descriptor, segments, count, position).
pub fn preadv(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let position = u64::try_from(arguments.i64(3)).map_err(|_| Errno::EINVAL)?;
    let file = usable_file(current, arguments.fd(0))?;
    let segments = read_segments(UserAddr(arguments.u64(1)), arguments.usize(2))?;
    file.read_at(&mut Destination::segments(&segments), position)
}

/// pwritev(descriptor, segments, count, position).
pub fn pwritev(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let position = u64::try_from(arguments.i64(3)).map_err(|_| Errno::EINVAL)?;
    let file = usable_file(current, arguments.fd(0))?;
    let segments = read_segments(UserAddr(arguments.u64(1)), arguments.usize(2))?;
    file.write_at(&mut Source::segments(&segments), position)
}

/// preadv2(descriptor, segments, count, position, position's upper half, flags): position -1 is the file's own.
///
/// Only flags that need nothing are accepted: none.
pub fn preadv2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    match (arguments.i64(3), arguments.u32(5)) {
        (-1, 0) => readv(current, arguments),
        (_, 0) => preadv(current, arguments),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// pwritev2: see [`preadv2`].
pub fn pwritev2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    match (arguments.i64(3), arguments.u32(5)) {
        (-1, 0) => writev(current, arguments),
        (_, 0) => pwritev(current, arguments),
        _ => Err(Errno::EOPNOTSUPP),
    }
}

/// lseek(descriptor, offset, whence).
pub fn lseek(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    if file.flags().contains(OpenFlags::PATH) {
        return Err(Errno::EBADF);
    }
    let whence = match arguments.u32(2) {
        0 => Whence::Start,
        1 => Whence::Current,
        2 => Whence::End,
        3 => Whence::Data,
        4 => Whence::Hole,
        _ => return Err(Errno::EINVAL),
    };
    if file.positions() == Positions::Stream {
        return Err(Errno::ESPIPE);
    }
    let mut position = file.lock_position();
    *position = file
        .operations()
        .seek(&file, *position, arguments.i64(1), whence)?;
    Ok(*position as usize)
}
