//! Making the entries of an archive.

use super::header::{Header, Identity};
use super::reader::Reader;
use super::{Archive, Report, UnpackError};
use crate::heap::MakeRoom;
use crate::task::Credentials;
use crate::vfs::change;
use crate::vfs::fs_context::{FsContext, View};
use crate::vfs::inode::AttributeChange;
use crate::vfs::kind::{DeviceNumber, FileKind, PERMISSION_MASK};
use crate::vfs::location::Location;
use crate::vfs::name::PATH_MAX;
use crate::vfs::namespace::{self, Creation, Removal};
use crate::vfs::page_cache::PAGE_SIZE;
use crate::vfs::walk::{self, Target, WalkFlags};
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::frame::Frame;

/// Files that have further names in the archive, at most remembered.
const LINK_LIMIT: usize = 65_536;

type Unpacked<T> = core::result::Result<T, UnpackError>;

/// The tree that is being made, and what is known of the archive so far.
pub struct Tree {
    fs: Arc<FsContext>,
    credentials: Credentials,
    /// Files of which further names may come.
    links: Vec<(Identity, Location)>,
    /// Times of directories, set last: what is made in one changes its own.
    directories: Vec<(Location, i64)>,
}

impl Tree {
    pub fn new(root: &Location) -> Self {
        let fs = FsContext::new(root.clone());
        fs.set_umask(0);
        Self {
            fs,
            credentials: Credentials::root(),
            links: Vec::new(),
            directories: Vec::new(),
        }
    }

    /// Links are not made across archives.
    pub fn end_of_archive(&mut self) {
        self.links.clear();
    }

    pub fn set_directory_times(&self) {
        for (location, time) in &self.directories {
            location.inode().attributes.set_modified(*time);
        }
    }

    /// Makes an entry; returns how many bytes of its content are still to be passed over.
    ///
    /// # Errors
    /// Damage, or no memory. What else goes wrong concerns the entry alone and goes to the report.
    pub fn place<A: Archive>(
        &mut self,
        header: &Header,
        name: &[u8],
        reader: &mut Reader<A>,
        report: &mut Report,
    ) -> Unpacked<usize> {
        let size = header.size as usize;
        let mut left = size;
        let result = match FileKind::from_mode(header.mode) {
            Some(FileKind::Regular) => self.regular(header, name, reader, &mut left),
            Some(FileKind::SymbolicLink) => {
                if size >= PATH_MAX {
                    return Err(reader.damaged("a symbolic link of impossible length"));
                }
                let mut target = Vec::new();
                target
                    .make_room_exact(size)
                    .map_err(|_| UnpackError::Memory)?;
                target.resize(size, 0);
                reader.read_exact(&mut target)?;
                left = 0;
                let end = target.iter().position(|&byte| byte == 0).unwrap_or(size);
                self.special(
                    header,
                    name,
                    FileKind::SymbolicLink,
                    target.get(..end).unwrap_or(&[]),
                )
                .map_err(Failure::Entry)
            }
            Some(kind) => self
                .special(header, name, kind, &[])
                .map_err(Failure::Entry),
            None => Err(Failure::Entry(Errno::EINVAL)),
        };
        match result {
            Ok(()) => report.entries += 1,
            Err(Failure::Archive(error)) => return Err(error),
            Err(Failure::Entry(error)) => {
                report.refused += 1;
                if report.first_refused.is_none() {
                    report.first_refused = Some((crate::vfs::name::boxed(name)?.into_vec(), error));
                }
            }
        }
        Ok(left)
    }

    fn view(&self) -> View<'_> {
        View {
            fs: &self.fs,
            credentials: &self.credentials,
        }
    }

    /// Takes away what has this name already, unless it can stay as a directory or regular file of the same kind.
    fn clear(&self, name: &[u8], kind: FileKind) -> Result<()> {
        let view = self.view();
        match walk::resolve_for_create(&view, None, name, WalkFlags::empty())? {
            Target::Missing(_) => Ok(()),
            Target::Found(found) => {
                let old = found.inode().kind();
                if old == kind && matches!(kind, FileKind::Directory | FileKind::Regular) {
                    return Ok(());
                }
                let removal = if old == FileKind::Directory {
                    Removal::Directory
                } else {
                    Removal::File
                };
                let parent = walk::resolve_parent(&view, None, name, WalkFlags::empty())?;
                namespace::remove(&view, &parent, removal)
            }
        }
    }

    /// The file of this name, made if it isn't there.
    fn make(&self, name: &[u8], creation: &Creation<'_>) -> Result<Location> {
        let view = self.view();
        let made = walk::resolve_parent(&view, None, name, WalkFlags::empty())
            .and_then(|parent| namespace::create(&view, &parent, creation));
        match made {
            Err(Errno::EEXIST) => {}
            other => return other,
        }
        self.clear(name, creation.kind)?;
        let parent = walk::resolve_parent(&view, None, name, WalkFlags::empty())?;
        match namespace::create(&view, &parent, creation) {
            Err(Errno::EEXIST) => walk::resolve(&view, None, name, WalkFlags::empty()),
            other => other,
        }
    }

    fn set_attributes(&self, header: &Header, location: &Location) {
        let time = i64::from(header.modified) * 1_000_000_000;
        let change = AttributeChange {
            permissions: Some(header.mode & PERMISSION_MASK),
            owner: Some(header.owner),
            group: Some(header.group),
            accessed: Some(time),
            modified: Some(time),
        };
        location.inode().apply(&change);
    }

    fn special(
        &mut self,
        header: &Header,
        name: &[u8],
        kind: FileKind,
        target: &[u8],
    ) -> Result<()> {
        let (major, minor) = header.device;
        let creation = Creation {
            kind,
            permissions: header.mode & PERMISSION_MASK,
            device: DeviceNumber::new(major, minor),
            target,
        };
        let location = if kind == FileKind::SymbolicLink && target.is_empty() {
            return Err(Errno::ENOENT);
        } else if kind == FileKind::Directory && is_root(name) {
            self.fs.root()
        } else {
            self.make(name, &creation)?
        };
        self.set_attributes(header, &location);
        if kind == FileKind::Directory && self.directories.make_room(1).is_ok() {
            self.directories
                .push((location, i64::from(header.modified) * 1_000_000_000));
        }
        Ok(())
    }

    fn regular<A: Archive>(
        &mut self,
        header: &Header,
        name: &[u8],
        reader: &mut Reader<A>,
        left: &mut usize,
    ) -> core::result::Result<(), Failure> {
        let linked = header.links > 1;
        let earlier = self
            .links
            .iter()
            .find(|(identity, _)| linked && *identity == header.identity)
            .map(|(_, location)| location.clone());
        let location = match earlier {
            Some(source) => {
                self.clear(name, FileKind::SymbolicLink)?;
                let view = self.view();
                let parent = walk::resolve_parent(&view, None, name, WalkFlags::empty())?;
                namespace::link(&view, &source, &parent)?;
                source
            }
            None => {
                let made = self.make(
                    name,
                    &Creation::plain(FileKind::Regular, header.mode & PERMISSION_MASK),
                )?;
                if linked && self.links.len() < LINK_LIMIT && self.links.make_room(1).is_ok() {
                    self.links.push((header.identity, made.clone()));
                }
                made
            }
        };
        if header.size > 0 || !linked {
            fill(&location, header, reader, left)?;
        }
        self.set_attributes(header, &location);
        Ok(())
    }
}

/// What an entry failed at: itself, or the archive.
enum Failure {
    Entry(Errno),
    Archive(UnpackError),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::Entry(error)
    }
}

fn is_root(name: &[u8]) -> bool {
    name.split(|&byte| byte == b'/')
        .all(|component| component.is_empty() || component == b".")
}

/// Gives a regular file its content.
fn fill<A: Archive>(
    location: &Location,
    header: &Header,
    reader: &mut Reader<A>,
    left: &mut usize,
) -> core::result::Result<(), Failure> {
    let inode = location.inode();
    if inode.size() > 0 {
        change::truncate(inode, 0)?;
    }
    let pages = inode.page_cache().ok_or(Errno::EINVAL)?;
    let mut sum = 0u32;
    let mut index = 0;
    while *left > 0 {
        let length = (*left).min(PAGE_SIZE);
        let shared = if length == PAGE_SIZE && header.checksum.is_none() {
            reader.share_page()
        } else {
            None
        };
        let frame = match shared {
            Some(frame) => frame,
            None => copy_page(
                reader,
                length,
                header.checksum.is_some().then_some(&mut sum),
            )?,
        };
        *left -= length;
        pages.insert(index, frame)?;
        index += 1;
    }
    pages.grow(header.size.into());
    match header.checksum {
        Some(expected) if expected != sum => Err(Failure::Archive(
            reader.damaged("a file's checksum is wrong"),
        )),
        _ => Ok(()),
    }
}

fn copy_page<A: Archive>(
    reader: &mut Reader<A>,
    length: usize,
    mut sum: Option<&mut u32>,
) -> core::result::Result<Frame, Failure> {
    let frame = Frame::uninitialised().map_err(|error| Failure::Entry(error.into()))?;
    let mut piece = [0; 512];
    let mut done = 0;
    while done < length {
        let count = piece.len().min(length - done);
        let bytes = piece.get_mut(..count).unwrap_or(&mut []);
        reader.read_exact(bytes).map_err(Failure::Archive)?;
        frame.write(done, bytes);
        if let Some(sum) = &mut sum {
            **sum = bytes
                .iter()
                .fold(**sum, |sum, &byte| sum.wrapping_add(byte.into()));
        }
        done += count;
    }
    frame.fill_zero(length, PAGE_SIZE - length);
    Ok(frame)
}
