//! openat, openat2, close, close_range (open(2), openat2(2), close(2), close_range(2)).

use super::at_path;
use super::user_path::with_path;
use crate::syscall::{Arguments, extensible};
use crate::task::Current;
use crate::vfs::file::File;
use crate::vfs::flags::OpenFlags;
use crate::vfs::kind::PERMISSION_MASK;
use crate::vfs::walk::WalkFlags;
use crate::vfs::{limits, open};
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::UserAddr;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// openat(descriptor, path, flags, mode).
pub fn openat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = OpenFlags::from_bits_truncate(arguments.u32(2));
    open_at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        flags,
        arguments.u32(3) & PERMISSION_MASK,
        WalkFlags::empty(),
    )
}

fn open_at(
    current: &Current,
    descriptor: i32,
    path: UserAddr,
    flags: OpenFlags,
    mode: u32,
    how: WalkFlags,
) -> Result<usize> {
    let file = with_path(path, |path| {
        // With the descriptor as its root an absolute path begins there as well.
        let begin = if how.contains(WalkFlags::IN_ROOT) {
            b"."
        } else {
            path
        };
        at_path(current, descriptor, begin, |view, start| {
            open::open(view, start, path, flags, mode, how)
        })
    })?;
    install(current, file, flags.contains(OpenFlags::CLOSE_ON_EXEC))
}

/// Gives a file the lowest free descriptor of the caller.
///
/// # Errors
/// `EMFILE`, `ENOMEM`.
pub fn install(current: &Current, file: Arc<File>, close_on_exec: bool) -> Result<usize> {
    current
        .files()
        .install(file, close_on_exec, 0, limits::open_files())
        .map(|fd| fd as usize)
}

/// `struct open_how`.
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// Bits of `resolve` and what they ask of the walk.
const RESOLVE: [(u64, WalkFlags); 6] = [
    (0x01, WalkFlags::NO_CROSSING),
    (0x02, WalkFlags::NO_MAGIC_LINKS),
    (0x04, WalkFlags::NO_LINKS),
    (0x08, WalkFlags::BENEATH),
    (0x10, WalkFlags::IN_ROOT),
    (0x20, WalkFlags::CACHED),
];

/// openat2(descriptor, path, how, size).
pub fn openat2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (address, size) = (UserAddr(arguments.u64(2)), arguments.usize(3));
    let how: OpenHow = extensible::read(address, size, size_of::<OpenHow>())?;
    let flags = u32::try_from(how.flags)
        .ok()
        .and_then(OpenFlags::from_bits)
        .ok_or(Errno::EINVAL)?;
    let makes = flags.intersects(OpenFlags::CREATE | OpenFlags::TEMPORARY);
    if how.mode & !u64::from(PERMISSION_MASK) != 0 || (how.mode != 0 && !makes) {
        return Err(Errno::EINVAL);
    }
    let beside_path =
        OpenFlags::PATH | OpenFlags::DIRECTORY | OpenFlags::NO_FOLLOW | OpenFlags::CLOSE_ON_EXEC;
    if flags.contains(OpenFlags::PATH) && !(flags - beside_path).is_empty() {
        return Err(Errno::EINVAL);
    }
    let known = RESOLVE.iter().fold(0, |bits, (bit, _)| bits | bit);
    if how.resolve & !known != 0 || how.resolve & 0x18 == 0x18 {
        return Err(Errno::EINVAL);
    }
    let mut walk = WalkFlags::empty();
    for (bit, flag) in RESOLVE {
        if how.resolve & bit != 0 {
            walk |= flag;
        }
    }
    // What may change something isn't tried without waiting.
    if walk.contains(WalkFlags::CACHED) && (makes || flags.contains(OpenFlags::TRUNCATE)) {
        return Err(Errno::EAGAIN);
    }
    open_at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        flags,
        how.mode as u32,
        walk,
    )
}

/// close(descriptor).
pub fn close(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    current.open_files()?.close(arguments.fd(0))?;
    Ok(0)
}

/// `CLOSE_RANGE_UNSHARE` and `CLOSE_RANGE_CLOEXEC`.
const UNSHARE: u32 = 2;
const CLOSE_ON_EXEC: u32 = 4;

/// close_range(first, last, flags).
pub fn close_range(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let (first, last, flags) = (arguments.u32(0), arguments.u32(1), arguments.u32(2));
    if first > last || flags & !(UNSHARE | CLOSE_ON_EXEC) != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & UNSHARE != 0 {
        let own = current.files().duplicate()?;
        drop(current.replace_resources(|resources| {
            if let Some(resources) = resources {
                resources.files = own;
            }
        }));
    }
    let files = current.files();
    let mut next = first;
    while let Some((fd, file)) = files.next(next) {
        if fd as u32 > last {
            break;
        }
        drop(file);
        // A thread that shares the table may have closed it in between, which is as good.
        let _ = if flags & CLOSE_ON_EXEC != 0 {
            files.set_close_on_exec(fd, true)
        } else {
            files.close(fd)
        };
        next = fd as u32 + 1;
    }
    Ok(0)
}
