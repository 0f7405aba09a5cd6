//! /proc/N/task: the threads of a process.

use alloc::boxed::Box;
use alloc::sync::Arc;

use super::super::root::parse_number;
use super::super::shown::{DirectoryInode, Entries};
use super::super::text::Text;
use super::Subject;
use crate::task;
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::{FileKind, Inode, InodeOperations};
use crate::{Errno, Result};

/// /proc/N/task.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(DirectoryInode(Threads(subject.clone())))
}

struct Threads(Subject);

impl Entries for Threads {
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

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
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
}
