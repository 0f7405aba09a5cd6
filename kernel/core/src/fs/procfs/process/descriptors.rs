//! /proc/N/fd and /proc/N/fdinfo: a process's open files (proc(5)).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::super::directory::{self as fixed, TextInode};
use super::super::root::parse_number;
use super::super::shown::{DirectoryInode, Entries, Link, LinkInode};
use super::super::text::{Text, TextSource};
use super::{Subject, item_number, links};
use crate::task::{self, Current};
use crate::vfs::inode::{DirectoryEntry, EntrySink, LinkTarget};
use crate::vfs::{FdTable, File, FileKind, Inode, InodeOperations, OpenFlags, path_text};
use crate::{Errno, Result};

/// Where the descriptors of fd begin in the numbers of inodes, and those of fdinfo.
const FIRST_LINK: u64 = 1 << 24;
const FIRST_TEXT: u64 = 1 << 25;

/// Which of the two directories it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Links,
    Information,
}

/// /proc/N/fd.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(DirectoryInode(Descriptors {
        subject: subject.clone(),
        show: Show::Links,
    }))
}

/// /proc/N/fdinfo.
pub fn information_directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(DirectoryInode(Descriptors {
        subject: subject.clone(),
        show: Show::Information,
    }))
}

struct Descriptors {
    subject: Subject,
    show: Show,
}

fn files(subject: &Subject, reader: &Current) -> Result<Arc<FdTable>> {
    subject.check_inspection(reader)?;
    subject
        .any_thread()
        .ok_or(Errno::ENOENT)?
        .open_files()
        .map_err(|_| Errno::ENOENT)
}

fn descriptor(name: &[u8]) -> Option<i32> {
    if name == b"0" {
        Some(0)
    } else {
        parse_number(name)
    }
}

impl Entries for Descriptors {
    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let subject = self.subject.clone();
        let files = files(&subject, &task::current())?;
        let descriptor = descriptor(name).ok_or(Errno::ENOENT)?;
        let file = files.get(descriptor).map_err(|_| Errno::ENOENT)?;
        let super_block = directory.super_block();
        let owner = subject.content_owner();
        let place = descriptor as u64;
        Ok(match self.show {
            Show::Links => {
                // The permission bits tell how it was opened.
                let flags = file.flags();
                let read = if flags.can_read() { 0o500 } else { 0o100 };
                let write = if flags.can_write() { 0o200 } else { 0 };
                let number = item_number(&subject, FIRST_LINK + place);
                let link = LinkInode(DescriptorLink {
                    subject,
                    descriptor,
                });
                fixed::inode(
                    super_block,
                    number,
                    owner,
                    FileKind::SymbolicLink,
                    read | write,
                    link,
                )
            }
            Show::Information => {
                let number = item_number(&subject, FIRST_TEXT + place);
                let text = TextInode(DescriptorText {
                    subject,
                    descriptor,
                });
                fixed::inode(super_block, number, owner, FileKind::Regular, 0o444, text)
            }
        })
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        let files = files(&self.subject, &task::current())?;
        let (kind, base) = match self.show {
            Show::Links => (FileKind::SymbolicLink, FIRST_LINK),
            Show::Information => (FileKind::Regular, FIRST_TEXT),
        };
        let mut next = u32::try_from(position).map_err(|_| Errno::EINVAL)?;
        while let Some((descriptor, _)) = files.next(next) {
            let place = descriptor as u64;
            let mut name = Text::default();
            name.add(format_args!("{descriptor}"));
            let entry = DirectoryEntry {
                name: &name.finish()?,
                inode: item_number(&self.subject, base + place),
                kind,
                next: place + 1,
            };
            if !sink(&entry) {
                break;
            }
            next = descriptor as u32 + 1;
        }
        Ok(())
    }

    fn check_open(&self) -> Result<()> {
        files(&self.subject, &task::current())?;
        Ok(())
    }
}

struct DescriptorLink {
    subject: Subject,
    descriptor: i32,
}

impl DescriptorLink {
    fn file(&self) -> Result<Arc<File>> {
        files(&self.subject, &task::current())?
            .get(self.descriptor)
            .map_err(|_| Errno::ENOENT)
    }
}

impl Link for DescriptorLink {
    fn follow_link(&self) -> Result<LinkTarget> {
        let file = self.file()?;
        // What has no place, such as a socket, can't be opened again.
        let location = file.location().ok_or(Errno::ENXIO)?;
        let reader = task::current();
        if !self.subject.is_process_of(&reader) {
            links::check_crossing(&reader, location)?;
        }
        Ok(LinkTarget::Place(location.clone()))
    }

    fn link_text(&self) -> Result<Vec<u8>> {
        let file = self.file()?;
        match file.location() {
            Some(location) => path_text::describe(location, &task::current().fs().root()),
            None => {
                let mut text = Text::default();
                text.add(format_args!("anon_inode:[{}]", file.label()));
                text.finish()
            }
        }
    }
}

#[derive(Clone)]
struct DescriptorText {
    subject: Subject,
    descriptor: i32,
}

impl TextSource for DescriptorText {
    fn show(&self, reader: &Current, text: &mut Text) -> Result<()> {
        let files = files(&self.subject, reader)?;
        let file = files.get(self.descriptor).map_err(|_| Errno::ENOENT)?;
        let mut flags = file.flags();
        if files.closes_on_exec(self.descriptor).unwrap_or(false) {
            flags |= OpenFlags::CLOSE_ON_EXEC;
        }
        let position = *file.lock_position();
        text.add(format_args!(
            "pos:\t{position}\nflags:\t0{:o}\n",
            flags.bits()
        ));
        if let Some(location) = file.location() {
            text.add(format_args!(
                "mnt_id:\t{}\nino:\t{}\n",
                location.mount.id(),
                location.inode().number()
            ));
        }
        Ok(())
    }
}
