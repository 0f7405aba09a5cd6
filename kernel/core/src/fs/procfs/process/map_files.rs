//! /proc/N/map_files: the files that a process has mapped, by the addresses of their areas (proc(5)).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::directory as fixed;
use super::super::shown::{DirectoryInode, Entries, Link, LinkInode};
use super::super::text::Text;
use super::memory::space;
use super::{Subject, item_number, links};
use crate::memory::{Area, PAGE_SIZE, Source};
use crate::task::{self, Capability, Current};
use crate::vfs::inode::{DirectoryEntry, EntrySink, LinkTarget};
use crate::vfs::{File, FileKind, Inode, InodeOperations, Location, path_text};
use crate::{Errno, Result};

/// Set in the numbers of the links' inodes; below it is the number of the first page, as far as it fits.
const FIRST: u64 = 1 << 31;

/// /proc/N/map_files.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(DirectoryInode(MapFiles(subject.clone())))
}

struct MapFiles(Subject);

/// An area that shows a file.
struct Mapped {
    start: u64,
    end: u64,
    file: Arc<File>,
}

impl Mapped {
    fn of(area: &Area) -> Option<Self> {
        match &area.source {
            Source::Object { mapped, .. } => Some(Self {
                start: area.start,
                end: area.end,
                file: mapped.file.clone()?,
            }),
            Source::Anonymous => None,
        }
    }

    fn inode_number(&self, subject: &Subject) -> u64 {
        let first_page = self.start / PAGE_SIZE;
        item_number(subject, FIRST | (first_page & (FIRST - 1)))
    }

    /// The first one that begins at `from` or later.
    fn next(subject: &Subject, from: u64) -> Option<Self> {
        let mut found = None;
        space(subject)?.for_each_area(from, |area| {
            if area.start >= from {
                found = Self::of(area);
            }
            found.is_none()
        });
        found
    }

    /// The one of exactly these addresses.
    fn exactly(subject: &Subject, start: u64, end: u64) -> Option<Self> {
        Self::next(subject, start).filter(|mapped| mapped.start == start && mapped.end == end)
    }
}

/// The addresses that a name says: lower-case hexadecimal digits without leading zeros.
fn parse(name: &[u8]) -> Option<(u64, u64)> {
    let (start, end) = core::str::from_utf8(name).ok()?.split_once('-')?;
    let number = |digits: &str| {
        let plain = digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        let leading = digits.len() > 1 && digits.starts_with('0');
        (plain && !leading)
            .then(|| u64::from_str_radix(digits, 16).ok())
            .flatten()
    };
    Some((number(start)?, number(end)?))
}

impl Entries for MapFiles {
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let subject = &self.0;
        subject.check_inspection(&task::current())?;
        let (start, end) = parse(name).ok_or(Errno::ENOENT)?;
        let mapped = Mapped::exactly(subject, start, end).ok_or(Errno::ENOENT)?;
        let flags = mapped.file.flags();
        let read = if flags.can_read() { 0o400 } else { 0 };
        let write = if flags.can_write() { 0o200 } else { 0 };
        Ok(fixed::inode(
            directory.super_block(),
            mapped.inode_number(subject),
            subject.content_owner(),
            FileKind::SymbolicLink,
            read | write,
            LinkInode(MapLink {
                subject: subject.clone(),
                start,
                end,
            }),
        ))
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        let subject = &self.0;
        subject.check_inspection(&task::current())?;
        let mut next = position;
        while let Some(mapped) = Mapped::next(subject, next) {
            let mut name = Text::default();
            name.add(format_args!("{:x}-{:x}", mapped.start, mapped.end));
            next = mapped.end;
            let entry = DirectoryEntry {
                name: &name.finish()?,
                inode: mapped.inode_number(subject),
                kind: FileKind::SymbolicLink,
                next,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        self.0.check_inspection(&task::current())?;
        Ok(())
    }
}

struct MapLink {
    subject: Subject,
    start: u64,
    end: u64,
}

impl MapLink {
    fn location(&self, reader: &Current) -> Result<Location> {
        self.subject.check_inspection(reader)?;
        Mapped::exactly(&self.subject, self.start, self.end)
            .and_then(|mapped| mapped.file.location().cloned())
            .ok_or(Errno::ENOENT)
    }
}

impl Link for MapLink {
    /// Only who may checkpoint processes gets a file this way: its mapping outlives a descriptor's closing, and with it
    /// the owner's decision.
    fn follow_link(&self) -> Result<LinkTarget> {
        let reader = task::current();
        if !reader.is_capable(Capability::CheckpointRestore)
            && !reader.is_capable(Capability::SysAdmin)
        {
            return Err(Errno::EPERM);
        }
        let location = self.location(&reader)?;
        // As with `exe`, what a process runs may be of the root it came from.
        links::check_crossing(&reader, &location)?;
        Ok(LinkTarget::Place(location))
    }

    fn link_text(&self) -> Result<Vec<u8>> {
        let reader = task::current();
        path_text::describe(&self.location(&reader)?, &reader.fs().root())
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_are_two_plain_hexadecimal_numbers() {
        assert_eq!(parse(b"400000-4a1000"), Some((0x40_0000, 0x4a_1000)));
        assert_eq!(parse(b"0-1000"), Some((0, 0x1000)));
        for name in [
            "",
            "-",
            "1-",
            "-1",
            "1",
            "01-2",
            "1-02",
            "+1-2",
            "1-2-3",
            "A-B",
            "0x1-2",
            "1- 2",
            "11111111111111111-2",
        ] {
            assert_eq!(parse(name.as_bytes()), None, "{name}");
        }
    }
}
