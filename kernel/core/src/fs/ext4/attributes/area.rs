//! An area of extended attributes, behind an inode's fields or in a block: entries from the start on, values from the end
//! back (Linux: Documentation/filesystems/ext4/attributes.rst).

use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The first number of both kinds of area.
pub const MAGIC: u32 = 0xea02_0000;

/// What comes before the entries in a block.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct BlockHeader {
    pub magic: U32,
    /// Inodes that share the block.
    pub references: U32,
    pub blocks: U32,
    /// By which Linux finds blocks to share; 0 for one that isn't.
    pub hash: U32,
    pub checksum: U32,
    pub reserved: [U32; 3],
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Entry {
    name_length: u8,
    namespace: u8,
    value_offset: U16,
    value_inode: U32,
    value_length: U32,
    hash: U32,
}

const ENTRY: usize = size_of::<Entry>();
/// Zeros that end the entries.
const END: usize = 4;

/// An attribute: its namespace's number, the rest of its name, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    pub namespace: u8,
    pub name: Vec<u8>,
    pub value: Vec<u8>,
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.make_room_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

impl Attribute {
    /// # Errors
    /// `ENOMEM`.
    pub fn new(namespace: u8, name: &[u8], value: &[u8]) -> Result<Self> {
        Ok(Self {
            namespace,
            name: copy(name)?,
            value: copy(value)?,
        })
    }

    /// Bytes that it takes in an area.
    pub fn length(&self) -> usize {
        self.entry_length() + self.value.len().next_multiple_of(4)
    }

    fn entry_length(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4)
    }

    /// By which a block's entries are ordered.
    pub fn key(&self) -> (u8, usize, &[u8]) {
        (self.namespace, self.name.len(), &self.name)
    }

    /// What an entry in a block says about its name and value.
    fn hash(&self) -> u32 {
        let name = self
            .name
            .iter()
            .fold(0u32, |hash, &byte| hash.rotate_left(5) ^ u32::from(byte));
        self.value.chunks(4).fold(name, |hash, chunk| {
            let mut word = [0; 4];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Bytes of an area that these attributes need.
pub fn needed<'a>(attributes: impl Iterator<Item = &'a Attribute>) -> usize {
    attributes.map(Attribute::length).sum::<usize>() + END
}

/// Adds the attributes of an area to a list. Entries begin at `first`, places of values count from `base`.
///
/// # Errors
/// `EUCLEAN` for an area that makes no sense; `ENOMEM`.
pub fn read(area: &[u8], first: usize, base: usize, list: &mut Vec<Attribute>) -> Result<()> {
    let mut at = first;
    loop {
        let rest = area.get(at..).ok_or(Errno::EUCLEAN)?;
        if rest.get(..END).is_none_or(|end| end == [0; END]) {
            return Ok(());
        }
        let (entry, name) = Entry::read_from_prefix(rest).map_err(|_| Errno::EUCLEAN)?;
        let name = name.get(..entry.name_length.into()).ok_or(Errno::EUCLEAN)?;
        let length = entry.value_length.get() as usize;
        let start = base + usize::from(entry.value_offset.get());
        let value = start
            .checked_add(length)
            .and_then(|end| area.get(start..end));
        let value = value
            .filter(|_| entry.value_inode.get() == 0)
            .ok_or(Errno::EUCLEAN)?;
        let attribute = Attribute::new(entry.namespace, name, value)?;
        at += attribute.entry_length();
        list.make_room(1)?;
        list.push(attribute);
    }
}

/// Fills an area from `first` on with attributes, for which it has room. Those in blocks have hashes.
///
/// # Errors
/// `ENOSPC` if it hasn't.
pub fn write(
    area: &mut [u8],
    first: usize,
    base: usize,
    attributes: &[Attribute],
    hashed: bool,
) -> Result<()> {
    if area.len() < first + needed(attributes.iter()) {
        return Err(Errno::ENOSPC);
    }
    area.get_mut(first..).ok_or(Errno::ENOSPC)?.fill(0);
    let (mut at, mut end) = (first, area.len());
    for attribute in attributes {
        let (name, value) = (&attribute.name, &attribute.value);
        end -= value.len().next_multiple_of(4);
        let entry = Entry {
            name_length: name.len() as u8,
            namespace: attribute.namespace,
            value_offset: U16::new(if value.is_empty() {
                0
            } else {
                (end - base) as u16
            }),
            value_inode: U32::new(0),
            value_length: U32::new(value.len() as u32),
            hash: U32::new(if hashed { attribute.hash() } else { 0 }),
        };
        let put = |area: &mut [u8], at: usize, bytes: &[u8]| {
            let place = area.get_mut(at..at + bytes.len()).ok_or(Errno::ENOSPC)?;
            place.copy_from_slice(bytes);
            Ok::<(), Errno>(())
        };
        put(area, at, entry.as_bytes())?;
        put(area, at + ENTRY, name)?;
        put(area, end, value)?;
        at += attribute.entry_length();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn what_is_written_is_read() {
        let attributes = [
            Attribute::new(1, b"name", b"value").unwrap(),
            Attribute::new(6, b"empty", b"").unwrap(),
            Attribute::new(4, b"x", &[7; 30]).unwrap(),
        ];
        let length = 4 + needed(attributes.iter());
        let mut area = vec![0xff; length];
        write(&mut area, 4, 4, &attributes, true).unwrap();
        let mut found = Vec::new();
        read(&area, 4, 4, &mut found).unwrap();
        assert_eq!(found, attributes);
        assert_eq!(
            write(&mut area[1..], 4, 4, &attributes, true),
            Err(Errno::ENOSPC)
        );
        // Every byte may be anything: no panic.
        for place in 0..length {
            for value in [0, 1, 0x7f, 0xff] {
                let mut damaged = area.clone();
                damaged[place] = value;
                let _ = read(&damaged, 4, 4, &mut Vec::new());
            }
        }
    }
}
