//! Directories with a fixed list of entries, and the inodes behind every kind of entry.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use super::shown::{DirectoryInode, Entries, Link, LinkInode};
use super::text::{Plain, Show, Store, Text, TextFile, TextSource};
use crate::vfs::attributes::Attributes;
use crate::vfs::inode::{AttributeChange, DirectoryEntry, EntrySink, LinkTarget, NamePolicy};
use crate::vfs::{
    FileKind, FileOperations, Inode, InodeOperations, Location, OpenFlags, SuperBlock,
};
use crate::{Errno, Result, task};

/// One entry of a directory whose list never changes.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What is behind it.
    pub kind: EntryKind,
}

/// What is behind a fixed entry.
pub enum EntryKind {
    /// Text for everybody to read.
    Text(Show),
    /// Text that a privileged process may replace.
    Setting(Show, Store),
    /// A link with this text.
    Link(&'static str),
    /// A link whose text depends on the reader.
    OwnLink(Show),
    /// A directory of further entries.
    Directory(&'static [Entry]),
    /// A directory that makes itself.
    Tree(fn(&Arc<SuperBlock>) -> Arc<Inode>),
}

impl Entry {
    /// What kind of file the entry is.
    pub fn file_kind(&self) -> FileKind {
        match self.kind {
            EntryKind::Text(_) | EntryKind::Setting(..) => FileKind::Regular,
            EntryKind::Link(_) | EntryKind::OwnLink(_) => FileKind::SymbolicLink,
            EntryKind::Directory(_) | EntryKind::Tree(_) => FileKind::Directory,
        }
    }

    /// Makes the entry's inode.
    pub fn inode(&'static self, super_block: &Arc<SuperBlock>) -> Arc<Inode> {
        let owner = Owner::ROOT;
        let number = number_of(self);
        match &self.kind {
            EntryKind::Text(show) => inode(
                super_block,
                number,
                owner,
                FileKind::Regular,
                0o444,
                FixedText(*show, None),
            ),
            EntryKind::Setting(show, store) => inode(
                super_block,
                number,
                owner,
                FileKind::Regular,
                0o644,
                FixedText(*show, Some(*store)),
            ),
            EntryKind::Link(_) | EntryKind::OwnLink(_) => inode(
                super_block,
                number,
                owner,
                FileKind::SymbolicLink,
                0o777,
                LinkInode(FixedLink(self)),
            ),
            EntryKind::Directory(entries) => inode(
                super_block,
                number,
                owner,
                FileKind::Directory,
                0o555,
                DirectoryInode(FixedDirectory(entries)),
            ),
            EntryKind::Tree(root) => root(super_block),
        }
    }
}

/// The inode number of a fixed entry: where it lies in the kernel's constants, which never changes.
pub fn number_of(entry: &'static Entry) -> u64 {
    FIXED | core::ptr::from_ref(entry).addr() as u64 & (FIXED - 1)
}

/// Set in the numbers of fixed entries, so that they differ from those of processes.
const FIXED: u64 = 1 << 62;

/// Who owns a file here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// User id.
    pub user: u32,
    /// Group id.
    pub group: u32,
}

impl Owner {
    /// User and group 0.
    pub const ROOT: Self = Owner { user: 0, group: 0 };
}

/// An inode made for one look at it.
pub fn inode(
    super_block: &Arc<SuperBlock>,
    number: u64,
    owner: Owner,
    kind: FileKind,
    permissions: u32,
    operations: impl InodeOperations + 'static,
) -> Arc<Inode> {
    let attributes = Attributes::new(kind, permissions, owner.user, owner.group);
    Arc::new(Inode::new(
        super_block,
        number,
        attributes,
        Box::new(operations),
    ))
}

/// Gives the sink the entries of a fixed list from `position` on.
pub fn list(entries: &'static [Entry], position: u64, sink: EntrySink<'_>) -> bool {
    let first = usize::try_from(position).unwrap_or(usize::MAX);
    entries
        .iter()
        .enumerate()
        .skip(first)
        .all(|(index, entry)| {
            sink(&DirectoryEntry {
                name: entry.name.as_bytes(),
                inode: number_of(entry),
                kind: entry.file_kind(),
                next: index as u64 + 1,
            })
        })
}

/// The entry of this name.
pub fn find(entries: &'static [Entry], name: &[u8]) -> Result<&'static Entry> {
    entries
        .iter()
        .find(|entry| entry.name.as_bytes() == name)
        .ok_or(Errno::ENOENT)
}

struct FixedDirectory(&'static [Entry]);

impl Entries for FixedDirectory {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Cached
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        Ok(find(self.0, name)?.inode(directory.super_block()))
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        list(self.0, position, sink);
        Ok(())
    }
}

struct FixedText(Show, Option<Store>);

impl InodeOperations for FixedText {
    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Ok(TextFile::open(Box::new(Plain {
            show: self.0,
            store: self.1,
        })))
    }

    /// Cutting a setting to nothing before it is written (`echo x > file`) changes nothing.
    fn truncate(&self, _inode: &Arc<Inode>, _size: u64) -> Result<()> {
        if self.1.is_some() {
            Ok(())
        } else {
            Err(Errno::EACCES)
        }
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

struct FixedLink(&'static Entry);

impl Link for FixedLink {
    fn follow_link(&self) -> Result<LinkTarget> {
        let mut text = Text::default();
        match self.0.kind {
            EntryKind::Link(target) => text.push(target.as_bytes()),
            EntryKind::OwnLink(show) => show(&task::current(), &mut text)?,
            _ => return Err(Errno::EINVAL),
        }
        let target: Vec<u8> = text.finish()?;
        Ok(LinkTarget::Path(target))
    }
}

/// A regular file of text about something.
pub struct TextInode<S>(pub S);

impl<S: TextSource + Clone + 'static> InodeOperations for TextInode<S> {
    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Ok(TextFile::open(Box::new(self.0.clone())))
    }

    /// Cutting to nothing before writing changes nothing.
    fn truncate(&self, _inode: &Arc<Inode>, _size: u64) -> Result<()> {
        Ok(())
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
