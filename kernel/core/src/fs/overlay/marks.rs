//! Marks in the layers: whiteouts, opaque directories, and the attributes that are the overlay's own.

use super::layers::find;
use crate::vfs::extended::NAME_LIMIT;
use crate::vfs::inode::Inode;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::location::Location;
use crate::vfs::name::Name;
use crate::{Errno, Result};
use alloc::vec::Vec;

/// How a directory of a layer lies upon those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opacity {
    /// What is below shows.
    Transparent,
    /// Nothing below shows (the attribute `opaque` is `y`).
    Opaque,
    /// What is below shows, and files of it may be whiteouts (the attribute is `x`).
    HasWhiteoutFiles,
}

/// What a name in a directory of a layer is.
#[derive(Debug)]
pub enum Entry {
    /// It isn't there.
    Missing,
    /// It hides what is below.
    Whiteout,
    /// A directory.
    Directory(Location),
    /// Anything else.
    File(Location),
}

/// The names of the attributes that mark.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    prefix: &'static [u8],
}

/// Between the prefix and the rest of a name that belongs to an overlay on this one.
const ESCAPE: &[u8] = b"overlay.";

/// A name put together from parts.
struct MarkName([u8; 64], usize);

impl Marks {
    /// Marks that are `user.overlay.` or `trusted.overlay.` attributes.
    pub fn new(user_attributes: bool) -> Self {
        let prefix = if user_attributes {
            &b"user.overlay."[..]
        } else {
            b"trusted.overlay."
        };
        Self { prefix }
    }

    fn name(self, mark: &[u8]) -> MarkName {
        let mut name = MarkName([0; 64], self.prefix.len() + mark.len());
        let bytes = self.prefix.iter().chain(mark);
        for (place, byte) in name.0.iter_mut().zip(bytes) {
            *place = *byte;
        }
        name
    }

    /// The value of a mark; none where the file system has no attributes either.
    fn get(self, inode: &Inode, mark: &[u8]) -> Result<Option<Vec<u8>>> {
        let MarkName(name, length) = self.name(mark);
        let name = name.get(..length).unwrap_or(&[]);
        match inode.operations().get_extended(inode, name) {
            Ok(value) => Ok(Some(value)),
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// How a directory of a layer lies upon those below it.
    ///
    /// # Errors
    /// `ENOMEM`, `EIO`.
    pub fn opacity(self, directory: &Inode) -> Result<Opacity> {
        Ok(match self.get(directory, b"opaque")?.as_deref() {
            Some(b"y") => Opacity::Opaque,
            Some(b"x") => Opacity::HasWhiteoutFiles,
            _ => Opacity::Transparent,
        })
    }

    /// Makes a directory of the upper layer opaque.
    ///
    /// # Errors
    /// `ENOSPC`, `ENOMEM`.
    pub fn make_opaque(self, directory: &Location) -> Result<()> {
        let MarkName(name, length) = self.name(b"opaque");
        let name = name.get(..length).unwrap_or(&[]);
        let inode = directory.inode();
        inode
            .operations()
            .set_extended(inode, name, b"y", crate::vfs::extended::Existing::Allowed)
    }

    /// Whether a file in a directory of this opacity is a whiteout: the device 0/0, or an empty file with a mark.
    ///
    /// # Errors
    /// `ENOMEM`, `EIO`.
    pub fn is_whiteout(self, inode: &Inode, directory: Opacity) -> Result<bool> {
        Ok(match inode.kind() {
            FileKind::CharacterDevice => inode.device() == DeviceNumber::NONE,
            FileKind::Regular if directory == Opacity::HasWhiteoutFiles && inode.size() == 0 => {
                self.get(inode, b"whiteout")?.is_some()
            }
            _ => false,
        })
    }

    /// What a name in a directory of a layer is.
    ///
    /// # Errors
    /// What the layer's file system says.
    pub fn entry(self, directory: &Location, opacity: Opacity, name: &Name) -> Result<Entry> {
        let Some(found) = find(directory, name)? else {
            return Ok(Entry::Missing);
        };
        Ok(if found.inode().is_directory() {
            Entry::Directory(found)
        } else if self.is_whiteout(found.inode(), opacity)? {
            Entry::Whiteout
        } else {
            Entry::File(found)
        })
    }

    /// Whether an attribute of a layer's file is the overlay's own, which is neither shown nor copied up.
    pub fn is_own(self, name: &[u8]) -> bool {
        name.strip_prefix(self.prefix)
            .is_some_and(|rest| !rest.starts_with(ESCAPE))
    }

    /// Calls `action` with the name that an attribute of the overlay has in the layers: one more escape before what
    /// looks like a mark, so that an overlay can hold the layers of another one.
    ///
    /// # Errors
    /// `ERANGE` if it gets too long; those of `action`.
    pub fn with_name_below<R>(
        self,
        name: &[u8],
        action: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<R> {
        let Some(rest) = name.strip_prefix(self.prefix) else {
            return action(name);
        };
        let mut below = [0; NAME_LIMIT];
        let length = name.len() + ESCAPE.len();
        let bytes = self.prefix.iter().chain(ESCAPE).chain(rest);
        for (place, byte) in below.iter_mut().zip(bytes) {
            *place = *byte;
        }
        action(below.get(..length).ok_or(Errno::ERANGE)?)
    }

    /// Calls `action` with the name under which the overlay shows an attribute of a layer, unless it is its own.
    ///
    /// # Errors
    /// Those of `action`.
    pub fn with_name_above(
        self,
        name: &[u8],
        action: impl FnOnce(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let Some(rest) = name.strip_prefix(self.prefix) else {
            return action(name);
        };
        let Some(rest) = rest.strip_prefix(ESCAPE) else {
            return Ok(());
        };
        let mut above = [0; NAME_LIMIT];
        let bytes = self.prefix.iter().chain(rest);
        for (place, byte) in above.iter_mut().zip(bytes) {
            *place = *byte;
        }
        action(
            above
                .get(..self.prefix.len() + rest.len())
                .unwrap_or(&above),
        )
    }
}
