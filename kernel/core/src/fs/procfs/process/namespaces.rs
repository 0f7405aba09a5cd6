//! /proc/N/ns: the contexts of a process, in the form of namespaces(7).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use gantry_abi::context::ContextType;

use super::super::directory;
use super::super::shown::{DirectoryInode, Entries, Link, LinkInode};
use super::super::text::Text;
use super::{Subject, item_number};
use crate::task;
use crate::vfs::inode::{DirectoryEntry, EntrySink, LinkTarget};
use crate::vfs::{FileKind, Inode, InodeOperations};
use crate::{Errno, Result};

/// Where the links begin in the numbers of inodes.
const FIRST: u64 = 1 << 26;

/// /proc/N/ns.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(DirectoryInode(Namespaces(subject.clone())))
}

struct Namespaces(Subject);

impl Entries for Namespaces {
    fn lookup(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.0.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        let context_type = ContextType::ALL
            .into_iter()
            .find(|context_type| context_type.namespace_name().as_bytes() == name)
            .ok_or(Errno::ENOENT)?;
        let number = item_number(&self.0, FIRST + context_type.number() as u64);
        let link = LinkInode(NamespaceLink {
            subject: self.0.clone(),
            context_type,
        });
        Ok(directory::inode(
            inode.super_block(),
            number,
            self.0.content_owner(),
            FileKind::SymbolicLink,
            0o777,
            link,
        ))
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        self.0.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        for context_type in ContextType::ALL {
            let place = context_type.number() as u64;
            let entry = DirectoryEntry {
                name: context_type.namespace_name().as_bytes(),
                inode: item_number(&self.0, FIRST + place),
                kind: FileKind::SymbolicLink,
                next: place + 1,
            };
            if place >= position && !sink(&entry) {
                break;
            }
        }
        Ok(())
    }
}

struct NamespaceLink {
    subject: Subject,
    context_type: ContextType,
}

impl Link for NamespaceLink {
    /// It names a context and leads nowhere: contexts are entered through their own descriptors.
    fn follow_link(&self) -> Result<LinkTarget> {
        Err(Errno::EACCES)
    }

    fn link_text(&self) -> Result<Vec<u8>> {
        self.subject.check_inspection(&task::current())?;
        let id = self
            .subject
            .process
            .contexts()
            .id_of(self.context_type)
            .ok_or(Errno::ENOENT)?;
        let mut text = Text::default();
        text.add(format_args!(
            "{}:[{id}]",
            self.context_type.namespace_name()
        ));
        text.finish()
    }
}
