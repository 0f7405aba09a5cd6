//! Unpacks the initial file system: cpio archives in the "newc" format, plain or compressed by gzip, one after the
//! other with zeros between them (Documentation/driver-api/early-userspace/buffer-format.rst).
//!
//! Pages of a plain archive that hold a whole page of a file become that file's pages; the rest is copied. As on
//! Linux, an entry that can't be made (its parent is missing) is passed over; a damaged archive ends the unpacking
//! and leaves what came before.

mod gzip;
mod header;
mod reader;
#[cfg(test)]
mod tests;
mod tree;

use crate::Errno;
use crate::heap::MakeRoom;
use crate::vfs::location::Location;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use hal::frame::{Frame, Initrd};
use header::{HEADER_SIZE, Header};
use reader::Reader;
use tree::Tree;

/// Longest name in an archive, with its NUL.
const NAME_LIMIT: usize = crate::vfs::name::PATH_MAX;
/// The name that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";

/// Where an archive's bytes come from.
pub trait Archive {
    /// Length in bytes.
    fn length(&self) -> usize;
    /// Copies bytes from `offset` on; false if there aren't so many.
    fn read(&self, offset: usize, target: &mut [u8]) -> bool;
    /// Shares the page that begins at `offset`, if it can be.
    fn page_at(&mut self, offset: usize) -> Option<Frame>;
}

impl Archive for Initrd {
    fn length(&self) -> usize {
        self.len()
    }

    fn read(&self, offset: usize, target: &mut [u8]) -> bool {
        Initrd::read(self, offset, target)
    }

    fn page_at(&mut self, offset: usize) -> Option<Frame> {
        self.frame_at(offset)
    }
}

/// Why unpacking ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnpackError {
    /// The archive is not what it should be, at this byte of it.
    Damaged(&'static str, usize),
    /// There was no memory for something but an entry's own content.
    Memory,
}

impl fmt::Display for UnpackError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(what, offset) => write!(
                formatter,
                "the initramfs is damaged at byte {offset}: {what}"
            ),
            Self::Memory => formatter.write_str("not enough memory to unpack the initramfs"),
        }
    }
}

impl From<Errno> for UnpackError {
    fn from(_: Errno) -> Self {
        Self::Memory
    }
}

/// What unpacking did.
#[derive(Debug, Default)]
pub struct Report {
    /// Entries that were made.
    pub entries: usize,
    /// Entries that could not be made.
    pub refused: usize,
    /// The first of them, and why.
    pub first_refused: Option<(Vec<u8>, Errno)>,
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} entries", self.entries)?;
        if let Some((name, error)) = &self.first_refused {
            let name = String::from_utf8_lossy(name);
            write!(
                formatter,
                ", {} refused, the first: {name}: {error}",
                self.refused
            )?;
        }
        Ok(())
    }
}

/// Unpacks an archive into the directory `root`.
///
/// # Errors
/// [`UnpackError`], with what came before the damage unpacked.
pub fn unpack(root: &Location, archive: impl Archive) -> core::result::Result<Report, UnpackError> {
    let mut reader = Reader::new(archive);
    let mut tree = Tree::new(root);
    let mut report = Report::default();
    while let Some(first) = reader.next_part()? {
        if first != b'0' {
            return Err(reader.damaged("neither a cpio header nor gzip data"));
        }
        unpack_entry(&mut reader, &mut tree, &mut report)?;
    }
    tree.set_directory_times();
    Ok(report)
}

fn unpack_entry<A: Archive>(
    reader: &mut Reader<A>,
    tree: &mut Tree,
    report: &mut Report,
) -> core::result::Result<(), UnpackError> {
    let mut raw = [0; HEADER_SIZE];
    reader.read_exact(&mut raw)?;
    let header = Header::parse(&raw).ok_or_else(|| reader.damaged("a bad cpio header"))?;
    let length = header.name_length as usize;
    if length == 0 || length > NAME_LIMIT {
        return Err(reader.damaged("a name of impossible length"));
    }
    let mut buffer = crate::vfs::name::boxed(&[])?.into_vec();
    buffer
        .make_room_exact(length)
        .map_err(|_| UnpackError::Memory)?;
    buffer.resize(length, 0);
    reader.read_exact(&mut buffer)?;
    reader.skip_padding()?;
    if buffer.pop() != Some(0) {
        return Err(reader.damaged("a name without end"));
    }
    let name = buffer.split(|&byte| byte == 0).next().unwrap_or(&[]);
    if name == TRAILER {
        tree.end_of_archive();
        reader.skip(header.size as usize)?;
        return Ok(());
    }
    let left = tree.place(&header, name, reader, report)?;
    reader.skip(left)?;
    reader.skip_padding()
}
