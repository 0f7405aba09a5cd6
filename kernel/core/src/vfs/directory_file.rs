//! Open directories.

use super::file::File;
use super::file_operations::{FileOperations, Positions, Whence};
use super::inode::{DirectoryEntry, EntrySink, NamePolicy};
use super::kind::FileKind;
use super::location::Location;
use super::path_node::NAMES;
use super::transfer::{Destination, Source};
use crate::{Errno, Result};
use core::any::Any;

/// Reading positions of "." and ".."; the file system's own follow.
const DOT: u64 = 0;
const DOT_DOT: u64 = 1;
const FIRST_ENTRY: u64 = 2;

/// What an open directory does. It holds nothing: the file knows its place.
pub struct DirectoryFile;

/// Gives the sink the entries of a directory from `position` on, "." and ".." first, and moves the position on.
///
/// # Errors
/// What the file system says.
pub fn read(location: &Location, position: &mut u64, sink: EntrySink<'_>) -> Result<()> {
    let inode = location.inode();
    read_with(location, position, sink, |first, sink| {
        if inode.name_policy() != NamePolicy::Pinned {
            return inode.operations().read_directory(inode, first, sink);
        }
        let token = NAMES.read();
        for (slot, node) in location.node.entries(&token, first) {
            let child = node.inode();
            let entry = DirectoryEntry {
                name: node.name(&token),
                inode: child.number(),
                kind: child.kind(),
                next: slot + 1,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    })
}

/// As [`read`], with the entries after ".." from `rest`, which counts its positions from 0.
///
/// # Errors
/// Those of `rest`.
#[inline]
pub fn read_with(
    location: &Location,
    position: &mut u64,
    sink: EntrySink<'_>,
    rest: impl FnOnce(u64, EntrySink<'_>) -> Result<()>,
) -> Result<()> {
    let inode = location.inode();
    let mut at = *position;
    let mut give = |name: &[u8], number: u64, kind: FileKind, next: u64| {
        let taken = sink(&DirectoryEntry {
            name,
            inode: number,
            kind,
            next,
        });
        if taken {
            at = next;
        }
        taken
    };
    let has_room = (*position > DOT || give(b".", inode.number(), FileKind::Directory, DOT_DOT))
        && (*position > DOT_DOT
            || give(
                b"..",
                number_above(location),
                FileKind::Directory,
                FIRST_ENTRY,
            ));
    let first = position.saturating_sub(FIRST_ENTRY);
    let result = if has_room {
        rest(first, &mut |entry| {
            give(
                entry.name,
                entry.inode,
                entry.kind,
                FIRST_ENTRY + entry.next,
            )
        })
    } else {
        Ok(())
    };
    *position = at;
    result
}

fn number_above(location: &Location) -> u64 {
    let token = NAMES.read();
    location
        .node
        .parent(&token)
        .map_or(location.inode().number(), |parent| parent.inode().number())
}

/// Where a seek in an open directory leads.
///
/// # Errors
/// `EINVAL` for what isn't a position, and for the end, which no directory knows.
pub fn seek(current: u64, offset: i64, whence: Whence) -> Result<u64> {
    let base = match whence {
        Whence::Start => 0,
        Whence::Current => current,
        Whence::End | Whence::Data | Whence::Hole => return Err(Errno::EINVAL),
    };
    base.checked_add_signed(offset)
        .filter(|&position| position <= i64::MAX as u64)
        .ok_or(Errno::EINVAL)
}

impl FileOperations for DirectoryFile {
    fn read(
        &self,
        _file: &File,
        _destination: &mut Destination<'_>,
        _position: &mut u64,
    ) -> Result<usize> {
        Err(Errno::EISDIR)
    }

    fn write(&self, _file: &File, _source: &mut Source<'_>, _position: &mut u64) -> Result<usize> {
        Err(Errno::EBADF)
    }

    fn positions(&self) -> Positions {
        Positions::Seekable
    }

    fn seek(&self, _file: &File, current: u64, offset: i64, whence: Whence) -> Result<u64> {
        seek(current, offset, whence)
    }

    fn read_directory(&self, file: &File, position: &mut u64, sink: EntrySink<'_>) -> Result<()> {
        let location = file.location().ok_or(Errno::ENOTDIR)?;
        if location.node.is_removed() {
            return Err(Errno::ENOENT);
        }
        location.mount.touch_accessed(location.inode());
        read(location, position, sink)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
