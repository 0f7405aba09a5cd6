//! Directories of an image: blocks of sorted entries, the blocks sorted too.

use super::format::{Entry, NAME_LIMIT};
use super::image::Image;
use super::node::Node;
use crate::heap::MakeRoom;
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::cmp::Ordering;
use zerocopy::FromBytes;

/// A block of a directory.
struct Block {
    bytes: Vec<u8>,
    /// Number of entries.
    count: usize,
}

const ENTRY: usize = size_of::<Entry>();

impl Block {
    /// Reads the block that begins at `start`.
    ///
    /// # Errors
    /// `EUCLEAN` if its first entry makes no sense; those of reading.
    fn read(image: &Image, directory: &Node, start: u64) -> Result<Self> {
        let length = (directory.size - start).min(image.block_size()) as usize;
        let mut bytes = Vec::new();
        bytes.make_room_exact(length)?;
        bytes.resize(length, 0);
        directory.read_content(image, start, &mut bytes)?;
        let mut block = Self { bytes, count: 1 };
        // The names begin where the entries end.
        let names = block.entry(0)?.name.get() as usize;
        if !names.is_multiple_of(ENTRY) || names < ENTRY || names >= block.bytes.len() {
            return Err(Errno::EUCLEAN);
        }
        block.count = names / ENTRY;
        Ok(block)
    }

    fn entry(&self, index: usize) -> Result<Entry> {
        let bytes = self.bytes.get(index * ENTRY..(index + 1) * ENTRY);
        Entry::read_from_bytes(bytes.ok_or(Errno::EUCLEAN)?).map_err(|_| Errno::EUCLEAN)
    }

    /// An entry and its name.
    ///
    /// # Errors
    /// `EUCLEAN` for what is no name.
    fn named(&self, index: usize) -> Result<(Entry, &[u8])> {
        let entry = self.entry(index)?;
        let end = if index + 1 < self.count {
            self.entry(index + 1)?.name.get() as usize
        } else {
            self.bytes.len()
        };
        let name = self.bytes.get(entry.name.get() as usize..end);
        let mut name = name.ok_or(Errno::EUCLEAN)?;
        if index + 1 == self.count {
            // The last name ends with the block or before its padding.
            name = name.split(|&byte| byte == 0).next().unwrap_or(&[]);
        }
        if name.is_empty() || name.len() > NAME_LIMIT || name.iter().any(|&b| matches!(b, 0 | b'/'))
        {
            return Err(Errno::EUCLEAN);
        }
        Ok((entry, name))
    }
}

fn kind(entry: &Entry) -> Result<FileKind> {
    Ok(match entry.kind {
        1 => FileKind::Regular,
        2 => FileKind::Directory,
        3 => FileKind::CharacterDevice,
        4 => FileKind::BlockDevice,
        5 => FileKind::Fifo,
        6 => FileKind::Socket,
        7 => FileKind::SymbolicLink,
        _ => return Err(Errno::EUCLEAN),
    })
}

/// The number of the inode that a name in a directory leads to.
///
/// # Errors
/// `ENOENT`; `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn look_up(image: &Image, directory: &Node, name: &[u8]) -> Result<u64> {
    let size = image.block_size();
    let (mut low, mut high) = (0, directory.size.div_ceil(size));
    while low < high {
        let middle = low + (high - low) / 2;
        let block = Block::read(image, directory, middle * size)?;
        let (_, first) = block.named(0)?;
        let (_, last) = block.named(block.count - 1)?;
        if name < first {
            high = middle;
        } else if name > last {
            low = middle + 1;
        } else {
            return look_up_in(&block, name);
        }
    }
    Err(Errno::ENOENT)
}

fn look_up_in(block: &Block, name: &[u8]) -> Result<u64> {
    let (mut low, mut high) = (0, block.count);
    while low < high {
        let middle = low + (high - low) / 2;
        let (entry, found) = block.named(middle)?;
        match name.cmp(found) {
            Ordering::Equal => return Ok(entry.inode.get()),
            Ordering::Less => high = middle,
            Ordering::Greater => low = middle + 1,
        }
    }
    Err(Errno::ENOENT)
}

/// Gives the sink the entries from `position` on, without "." and "..". Positions are offsets of entries.
///
/// # Errors
/// `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn read(image: &Image, directory: &Node, position: u64, sink: EntrySink<'_>) -> Result<()> {
    let size = image.block_size();
    let mut start = position - position % size;
    let mut first = (position % size) as usize / ENTRY;
    while start < directory.size {
        let block = Block::read(image, directory, start)?;
        for index in first..block.count {
            let (entry, name) = block.named(index)?;
            if matches!(name, b"." | b"..") {
                continue;
            }
            let next = if index + 1 < block.count {
                start + ((index + 1) * ENTRY) as u64
            } else {
                start + size
            };
            let taken = sink(&DirectoryEntry {
                name,
                inode: entry.inode.get(),
                kind: kind(&entry)?,
                next,
            });
            if !taken {
                return Ok(());
            }
        }
        first = 0;
        start += size;
    }
    Ok(())
}
