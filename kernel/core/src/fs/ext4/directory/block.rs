//! A block of a directory: entries one after the other, which fill it (Linux: Documentation/filesystems/ext4/directory.rst).
//!
//! An entry says how far it reaches, so that the room behind its name, or all of it if it has no inode, is free. The inner
//! nodes of a hashed directory look like blocks with one free entry.

use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// What comes before a name.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Header {
    inode: U32,
    /// Bytes to the next entry.
    length: U16,
    name_length: u8,
    kind: u8,
}

const HEADER: usize = size_of::<Header>();

/// The kinds of entries, by number.
const KINDS: [(u8, FileKind); 7] = [
    (1, FileKind::Regular),
    (2, FileKind::Directory),
    (3, FileKind::CharacterDevice),
    (4, FileKind::BlockDevice),
    (5, FileKind::Fifo),
    (6, FileKind::Socket),
    (7, FileKind::SymbolicLink),
];

/// The number of a kind.
fn kind_number(kind: FileKind) -> u8 {
    let found = KINDS.iter().find(|(_, known)| *known == kind);
    found.map_or(0, |(number, _)| *number)
}

/// An entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Where it begins in the block.
    pub offset: usize,
    /// Bytes to the next one.
    pub length: usize,
    /// 0 if it names nothing.
    pub inode: u32,
    pub name: &'a [u8],
    /// What the name is of, if the entry says so.
    pub kind: Option<FileKind>,
}

impl Entry<'_> {
    /// Where the next one begins.
    pub fn end(&self) -> usize {
        self.offset + self.length
    }

    /// Whether it is "." or "..".
    pub fn is_dots(&self) -> bool {
        matches!(self.name, b"." | b"..")
    }

    /// Bytes that it needs.
    fn used(&self) -> usize {
        if self.inode == 0 {
            0
        } else {
            needed(self.name.len())
        }
    }
}

/// Bytes that an entry with a name of this length needs.
pub fn needed(name: usize) -> usize {
    (HEADER + name).next_multiple_of(4)
}

fn entry_at(bytes: &[u8], offset: usize) -> Option<Entry<'_>> {
    let rest = bytes.get(offset..)?;
    let (header, behind) = Header::read_from_prefix(rest).ok()?;
    let length = usize::from(header.length.get());
    let name_length = usize::from(header.name_length);
    if length < needed(name_length).max(HEADER + 4) && header.inode.get() != 0
        || length < HEADER
        || !length.is_multiple_of(4)
        || length > rest.len()
    {
        return None;
    }
    let name = if header.inode.get() == 0 {
        &[]
    } else {
        behind.get(..name_length)?
    };
    let kind = KINDS.iter().find(|(number, _)| *number == header.kind & 7);
    Some(Entry {
        offset,
        length,
        inode: header.inode.get(),
        name,
        kind: kind.map(|(_, kind)| *kind),
    })
}

/// The entries of a block, those that name nothing too. One that makes no sense is `EUCLEAN`, and the last.
pub fn entries(bytes: &[u8]) -> impl Iterator<Item = Result<Entry<'_>>> {
    let mut offset = 0;
    core::iter::from_fn(move || {
        if offset >= bytes.len() {
            return None;
        }
        let entry = entry_at(bytes, offset);
        offset = entry.map_or(bytes.len(), |entry| entry.end());
        Some(entry.ok_or(Errno::EUCLEAN))
    })
}

/// The entry of a name.
///
/// # Errors
/// `EUCLEAN` for a block that makes no sense.
pub fn find<'a>(bytes: &'a [u8], name: &[u8]) -> Result<Option<Entry<'a>>> {
    for entry in entries(bytes) {
        let entry = entry?;
        if entry.inode != 0 && entry.name == name {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// An entry that has room behind it for one more name of this length.
///
/// # Errors
/// `EUCLEAN` for a block that makes no sense.
pub fn room(bytes: &[u8], name: usize) -> Result<Option<Entry<'_>>> {
    for entry in entries(bytes) {
        let entry = entry?;
        if entry.length - entry.used() >= needed(name) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Writes an entry of `length` bytes.
fn put(
    bytes: &mut [u8],
    (offset, length): (usize, usize),
    name: &[u8],
    (inode, kind): (u32, FileKind),
) -> Option<()> {
    let header = Header {
        inode: U32::new(inode),
        length: U16::new(u16::try_from(length).ok()?),
        name_length: u8::try_from(name.len()).ok()?,
        kind: kind_number(kind),
    };
    let place = bytes.get_mut(offset..offset + length)?;
    let (start, rest) = place.split_at_mut_checked(HEADER)?;
    rest.get_mut(..name.len())?.copy_from_slice(name);
    start.copy_from_slice(header.as_bytes());
    Some(())
}

fn set_length(bytes: &mut [u8], offset: usize, length: usize) -> Option<()> {
    let (header, _) = Header::mut_from_prefix(bytes.get_mut(offset..)?).ok()?;
    header.length.set(u16::try_from(length).ok()?);
    Some(())
}

/// Enters a name; false if there is no room for it.
///
/// # Errors
/// `EUCLEAN` for a block that makes no sense.
pub fn insert(bytes: &mut [u8], name: &[u8], inode: u32, kind: FileKind) -> Result<bool> {
    let Some(entry) = room(bytes, name.len())? else {
        return Ok(false);
    };
    let (offset, length, used) = (entry.offset, entry.length, entry.used());
    let written = if used == 0 {
        put(bytes, (offset, length), name, (inode, kind))
    } else {
        set_length(bytes, offset, used)
            .and_then(|()| put(bytes, (offset + used, length - used), name, (inode, kind)))
    };
    written.ok_or(Errno::EUCLEAN).map(|()| true)
}

/// Takes a name out; false if it isn't there.
///
/// # Errors
/// `EUCLEAN` for a block that makes no sense.
pub fn remove(bytes: &mut [u8], name: &[u8]) -> Result<bool> {
    let mut before: Option<(usize, usize)> = None;
    let mut found = None;
    for entry in entries(bytes) {
        let entry = entry?;
        if entry.inode != 0 && entry.name == name {
            found = Some((entry.offset, entry.length));
            break;
        }
        before = Some((entry.offset, entry.length));
    }
    let Some((offset, length)) = found else {
        return Ok(false);
    };
    let done = match before {
        Some((before, reach)) => set_length(bytes, before, reach + length),
        None => Some(()),
    };
    done.and_then(|()| {
        let (header, _) = Header::mut_from_prefix(bytes.get_mut(offset..)?).ok()?;
        header.inode.set(0);
        Some(())
    })
    .ok_or(Errno::EUCLEAN)
    .map(|()| true)
}

/// Gives a name to another inode; false if it isn't there.
///
/// # Errors
/// `EUCLEAN` for a block that makes no sense.
pub fn redirect(bytes: &mut [u8], name: &[u8], inode: u32, kind: FileKind) -> Result<bool> {
    let Some(offset) = find(bytes, name)?.map(|entry| entry.offset) else {
        return Ok(false);
    };
    let place = bytes.get_mut(offset..).ok_or(Errno::EUCLEAN)?;
    let (header, _) = Header::mut_from_prefix(place).map_err(|_| Errno::EUCLEAN)?;
    header.inode.set(inode);
    header.kind = kind_number(kind);
    Ok(true)
}

/// Makes a block the first one of a directory.
///
/// # Errors
/// `EUCLEAN` for a block that is too small.
pub fn make_first(bytes: &mut [u8], own: u32, parent: u32) -> Result<()> {
    let dot = needed(1);
    let rest = bytes.len().saturating_sub(dot);
    put(bytes, (0, dot), b".", (own, FileKind::Directory))
        .and_then(|()| put(bytes, (dot, rest), b"..", (parent, FileKind::Directory)))
        .ok_or(Errno::EUCLEAN)
}

/// Makes a block one without names.
///
/// # Errors
/// `EUCLEAN` for a block that is too large.
pub fn make_empty(bytes: &mut [u8]) -> Result<()> {
    let length = bytes.len();
    put(bytes, (0, length), b"", (0, FileKind::Regular))
        .and_then(|()| {
            let (header, _) = Header::mut_from_prefix(bytes).ok()?;
            header.kind = 0;
            Some(())
        })
        .ok_or(Errno::EUCLEAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    fn names(bytes: &[u8]) -> Vec<Vec<u8>> {
        let entries = entries(bytes).map(|entry| entry.unwrap());
        entries
            .filter(|entry| entry.inode != 0)
            .map(|entry| entry.name.to_vec())
            .collect()
    }

    #[test]
    fn names_come_and_go() {
        let mut bytes = vec![0; 1024];
        make_first(&mut bytes, 5, 2).unwrap();
        for name in [&b"a"[..], b"bc", b"long name"] {
            assert_eq!(insert(&mut bytes, name, 12, FileKind::Regular), Ok(true));
        }
        assert_eq!(remove(&mut bytes, b"bc"), Ok(true));
        assert_eq!(remove(&mut bytes, b"bc"), Ok(false));
        assert_eq!(
            redirect(&mut bytes, b"a", 13, FileKind::Directory),
            Ok(true)
        );
        let found = find(&bytes, b"a").unwrap().unwrap();
        assert_eq!((found.inode, found.kind), (13, Some(FileKind::Directory)));
        // The name takes the room of the one that went.
        assert_eq!(insert(&mut bytes, b"x", 14, FileKind::Fifo), Ok(true));
        assert_eq!(names(&bytes), [&b"."[..], b"..", b"a", b"x", b"long name"]);
        assert_eq!(remove(&mut bytes, b"."), Ok(true));
        assert_eq!(names(&bytes).len(), 4);
    }

    #[test]
    fn a_full_block_takes_no_more() {
        let mut bytes = vec![0; 1024];
        make_empty(&mut bytes).unwrap();
        let mut count = 0;
        while insert(&mut bytes, &[b'n'; 255], 1, FileKind::Regular).unwrap() {
            count += 1;
        }
        assert_eq!(count, 3);
        assert_eq!(
            insert(&mut bytes, &[b'm'; 200], 1, FileKind::Regular),
            Ok(true)
        );
        assert!(room(&bytes, 100).unwrap().is_none());
    }

    #[test]
    fn damage_is_found() {
        let mut good = vec![0; 1024];
        make_first(&mut good, 2, 2).unwrap();
        for (place, value) in [(4, 0), (4, 13), (16, 255), (17, 16), (6, 200)] {
            let mut bytes = good.clone();
            bytes[place] = value;
            assert_eq!(
                find(&bytes, b"none"),
                Err(Errno::EUCLEAN),
                "{place} {value}"
            );
        }
    }
}
