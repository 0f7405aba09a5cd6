//! /proc/N/task: the threads of a process.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;

use super::super::root::parse_number;
use super::super::text::Text;
use super::Subject;
use crate::task;
use crate::vfs::directory_file::DirectoryFile;
use crate::vfs::inode::{AttributeChange, DirectoryEntry, EntrySink, NamePolicy, NewInode};
use crate::vfs::{FileKind, FileOperations, Inode, InodeOperations, Location, OpenFlags};
use crate::{Errno, Result};

/// /proc/N/task.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(Threads(subject.clone()))
}

struct Threads(Subject);

impl InodeOperations for Threads {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Dynamic
    }

    fn lookup(&self, directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let list = self.0.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        let wanted = parse_number(name)
            .and_then(|number| u32::try_from(number).ok())
            .ok_or(Errno::ENOENT)?;
        let threads = self.0.process.shared().lock().threads.clone();
        let thread = threads
            .into_iter()
            .find(|thread| thread.number().seen_by(&list) == Some(wanted));
        let subject = Subject::thread(Arc::clone(&self.0.process), thread.ok_or(Errno::ENOENT)?);
        Ok(super::inode(directory.super_block(), subject))
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        let list = self.0.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        let threads = self.0.process.shared().lock().threads.clone();
        // Threads are kept by age, which is the order of their numbers until those are used a second time.
        for thread in threads {
            let Some(number) = thread.number().seen_by(&list) else {
                continue;
            };
            if u64::from(number) < position {
                continue;
            }
            let mut name = Text::default();
            name.add(format_args!("{number}"));
            let entry = DirectoryEntry {
                name: &name.finish()?,
                inode: super::directory_number(thread.host_tid()),
                kind: FileKind::Directory,
                next: u64::from(number) + 1,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    }

    /// As on Linux, what can't be looked up can't be made either.
    fn create(
        &self,
        _directory: &Arc<Inode>,
        _name: &[u8],
        _new: &NewInode<'_>,
    ) -> Result<Arc<Inode>> {
        Err(Errno::ENOENT)
    }

    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Ok(Box::new(DirectoryFile))
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
