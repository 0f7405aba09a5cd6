//! Directories and names: getdents64, mkdirat, mknodat, symlinkat, linkat, unlinkat, renameat2, readlinkat.

use super::user_path::with_path;
use super::{EMPTY_PATH, FOLLOW, at, at_path, fault, usable_file};
use crate::syscall::Arguments;
use crate::task::{Capability, Current};
use crate::vfs::inode::DirectoryEntry;
use crate::vfs::kind::{DeviceNumber, FileKind, PERMISSION_MASK, STICKY};
use crate::vfs::namespace::{self, Creation, Removal};
use crate::vfs::rename::{self, Replacement};
use crate::vfs::transfer::Destination;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use hal::user::{self, UserAddr};

/// Bytes of entries that are gathered before they go to the caller.
const GATHERED: usize = 1024;
/// Bytes of an entry before its name: `struct linux_dirent64`.
const ENTRY_HEADER: usize = 19;

/// Entries in the form of getdents64(2).
struct Gatherer {
    bytes: [u8; GATHERED],
    filled: usize,
    room: usize,
    /// An entry was refused for want of room.
    full: bool,
}

impl Gatherer {
    fn add(&mut self, entry: &DirectoryEntry<'_>) -> bool {
        let length = (ENTRY_HEADER + entry.name.len() + 1).next_multiple_of(8);
        let end = self.filled + length;
        if end > self.room {
            self.full = true;
            return false;
        }
        let Some(place) = self.bytes.get_mut(self.filled..end) else {
            return false;
        };
        let (header, name) = place.split_at_mut(ENTRY_HEADER);
        if let Some((inode, rest)) = header.split_first_chunk_mut::<8>()
            && let Some((next, rest)) = rest.split_first_chunk_mut::<8>()
            && let Some((size, kind)) = rest.split_first_chunk_mut::<2>()
        {
            *inode = entry.inode.to_le_bytes();
            *next = entry.next.to_le_bytes();
            *size = (length as u16).to_le_bytes();
            kind.fill(entry.kind.directory_entry_type());
        }
        let (text, padding) = name.split_at_mut(entry.name.len());
        text.copy_from_slice(entry.name);
        padding.fill(0);
        self.filled = end;
        true
    }
}

/// getdents64(descriptor, buffer, size).
pub fn getdents64(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = usable_file(current, arguments.fd(0))?;
    let mut destination = Destination::user(UserAddr(arguments.u64(1)), arguments.u32(2) as usize);
    let mut gatherer = Gatherer {
        bytes: [0; GATHERED],
        filled: 0,
        room: 0,
        full: false,
    };
    let mut position = file.lock_position();
    loop {
        gatherer.filled = 0;
        gatherer.full = false;
        gatherer.room = destination.remaining().min(GATHERED);
        let before = *position;
        file.operations()
            .read_directory(&file, &mut position, &mut |entry| gatherer.add(entry))?;
        let gathered = gatherer.bytes.get(..gatherer.filled).unwrap_or(&[]);
        if gathered.is_empty() {
            return if gatherer.full && destination.done() == 0 {
                Err(Errno::EINVAL)
            } else {
                Ok(destination.done())
            };
        }
        if let Err(error) = destination.write(gathered) {
            *position = before;
            return destination.result(Err(error));
        }
        if !gatherer.full {
            return Ok(destination.done());
        }
    }
}

/// mkdirat(descriptor, path, mode).
pub fn mkdirat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let creation = Creation::plain(FileKind::Directory, arguments.u32(2) & (0o777 | STICKY));
    create_at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        &creation,
    )
}

fn create_at(
    current: &Current,
    descriptor: i32,
    path: UserAddr,
    creation: &Creation<'_>,
) -> Result<usize> {
    at(current, descriptor, path, |view, start, path| {
        let parent = walk::resolve_parent(view, start, path, WalkFlags::empty())?;
        namespace::create(view, &parent, creation)
    })?;
    Ok(0)
}

/// mknodat(descriptor, path, mode, device).
pub fn mknodat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let mode = arguments.u32(2);
    let kind = match FileKind::from_mode(mode) {
        None if mode & crate::vfs::kind::KIND_MASK == 0 => FileKind::Regular,
        Some(FileKind::Directory) => return Err(Errno::EPERM),
        None | Some(FileKind::SymbolicLink) => return Err(Errno::EINVAL),
        Some(kind) => kind,
    };
    let mut device = DeviceNumber::NONE;
    if kind.is_device() {
        crate::context::jail::refuse_making_devices(current)?;
        current.require(Capability::Mknod)?;
        device = DeviceNumber::decode(arguments.u32(3));
    }
    let creation = Creation {
        kind,
        permissions: mode & PERMISSION_MASK,
        device,
        target: &[],
    };
    create_at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        &creation,
    )
}

/// symlinkat(target, descriptor, path).
pub fn symlinkat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    with_path(UserAddr(arguments.u64(0)), |target| {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let creation = Creation {
            kind: FileKind::SymbolicLink,
            permissions: 0o777,
            device: DeviceNumber::NONE,
            target,
        };
        create_at(
            current,
            arguments.fd(1),
            UserAddr(arguments.u64(2)),
            &creation,
        )
    })
}

/// linkat(old descriptor, old path, new descriptor, new path, flags).
pub fn linkat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let flags = arguments.u32(4);
    if flags & !(FOLLOW | EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let mut how = WalkFlags::empty();
    how.set(WalkFlags::FOLLOW, flags & FOLLOW != 0);
    if flags & EMPTY_PATH != 0 {
        if !current.is_capable(Capability::DacReadSearch) {
            return Err(Errno::ENOENT);
        }
        how |= WalkFlags::ALLOW_EMPTY;
    }
    let source = at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| walk::resolve(view, start, path, how),
    )?;
    at(
        current,
        arguments.fd(2),
        UserAddr(arguments.u64(3)),
        |view, start, path| {
            let parent = walk::resolve_parent(view, start, path, WalkFlags::empty())?;
            namespace::link(view, &source, &parent)
        },
    )?;
    Ok(0)
}

/// Remove a directory (`AT_REMOVEDIR`).
const REMOVE_DIRECTORY: u32 = 0x200;

/// unlinkat(descriptor, path, flags).
pub fn unlinkat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let removal = match arguments.u32(2) {
        0 => Removal::File,
        REMOVE_DIRECTORY => Removal::Directory,
        _ => return Err(Errno::EINVAL),
    };
    at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| {
            let parent = walk::resolve_parent(view, start, path, WalkFlags::empty())?;
            namespace::remove(view, &parent, removal)
        },
    )?;
    Ok(0)
}

/// renameat(old descriptor, old path, new descriptor, new path).
pub fn renameat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    rename_at(current, arguments, Replacement::Allowed)
}

/// renameat2(old descriptor, old path, new descriptor, new path, flags).
pub fn renameat2(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let replacement = match arguments.u32(4) {
        0 => Replacement::Allowed,
        1 => Replacement::Refused,
        2 => Replacement::Exchange,
        // RENAME_WHITEOUT, and combinations that exclude each other.
        _ => return Err(Errno::EINVAL),
    };
    rename_at(current, arguments, replacement)
}

fn rename_at(current: &Current, arguments: &Arguments, replacement: Replacement) -> Result<usize> {
    let from = at(
        current,
        arguments.fd(0),
        UserAddr(arguments.u64(1)),
        |view, start, path| walk::resolve_parent(view, start, path, WalkFlags::empty()),
    )?;
    at(
        current,
        arguments.fd(2),
        UserAddr(arguments.u64(3)),
        |view, start, path| {
            let to = walk::resolve_parent(view, start, path, WalkFlags::empty())?;
            rename::rename(view, &from, &to, replacement)
        },
    )?;
    Ok(0)
}

/// readlinkat(descriptor, path, buffer, size): an empty path means the descriptor, which is an `O_PATH` one of a link.
pub fn readlinkat(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let size = usize::try_from(arguments.int(3))
        .ok()
        .filter(|&size| size > 0)
        .ok_or(Errno::EINVAL)?;
    let location = with_path(UserAddr(arguments.u64(1)), |path| {
        at_path(current, arguments.fd(0), path, |view, start| {
            let location = walk::resolve(view, start, path, WalkFlags::ALLOW_EMPTY)?;
            match location.inode().kind() {
                FileKind::SymbolicLink => Ok(location),
                _ if path.is_empty() => Err(Errno::ENOENT),
                _ => Err(Errno::EINVAL),
            }
        })
    })?;
    let inode = location.inode();
    location.mount.touch_accessed(inode);
    let buffer = UserAddr(arguments.u64(2));
    let copy = |target: &[u8]| {
        let target = target.get(..size).unwrap_or(target);
        user::copy_to_user(buffer, target).map_err(fault)?;
        Ok(target.len())
    };
    match inode.target() {
        Some(target) => copy(target),
        None => copy(&inode.operations().link_text(inode)?),
    }
}
