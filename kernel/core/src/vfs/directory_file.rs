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
    let result = if !has_room {
        Ok(())
    } else if inode.name_policy() == NamePolicy::Pinned {
        let token = NAMES.read();
        for (slot, node) in location.node.entries(&token, first) {
            let child = node.inode();
            if !give(
                node.name(&token),
                child.number(),
                child.kind(),
                FIRST_ENTRY + slot + 1,
            ) {
                break;
            }
        }
        Ok(())
    } else {
        inode
            .operations()
            .read_directory(inode, first, &mut |entry| {
                give(
                    entry.name,
                    entry.inode,
                    entry.kind,
                    FIRST_ENTRY + entry.next,
                )
            })
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
        let base = match whence {
            Whence::Start => 0,
            Whence::Current => current,
            Whence::End | Whence::Data | Whence::Hole => return Err(Errno::EINVAL),
        };
        base.checked_add_signed(offset)
            .filter(|&position| position <= i64::MAX as u64)
            .ok_or(Errno::EINVAL)
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
