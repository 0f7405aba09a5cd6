//! /proc/N/ns: the contexts of a process, in the form of namespaces(7).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use gantry_abi::context::ContextType;

use super::super::directory;
use super::super::text::Text;
use super::{Subject, item_number};
use crate::task;
use crate::vfs::directory_file::DirectoryFile;
use crate::vfs::inode::{
    AttributeChange, DirectoryEntry, EntrySink, LinkTarget, NamePolicy, NewInode,
};
use crate::vfs::{FileKind, FileOperations, Inode, InodeOperations, Location, OpenFlags};
use crate::{Errno, Result};

/// Where the links begin in the numbers of inodes.
const FIRST: u64 = 1 << 26;

/// /proc/N/ns.
pub fn directory(subject: &Subject) -> Box<dyn InodeOperations> {
    Box::new(Namespaces(subject.clone()))
}

struct Namespaces(Subject);

impl InodeOperations for Namespaces {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Dynamic
    }

    fn lookup(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        self.0.check(&task::current()).map_err(|_| Errno::ENOENT)?;
        let context_type = ContextType::ALL
            .into_iter()
            .find(|context_type| context_type.namespace_name().as_bytes() == name)
            .ok_or(Errno::ENOENT)?;
        let number = item_number(&self.0, FIRST + context_type.number() as u64);
        let link = NamespaceLink {
            subject: self.0.clone(),
            context_type,
        };
        Ok(directory::inode(
            inode.super_block(),
            number,
            self.0.content_owner(),
            FileKind::SymbolicLink,
            0o777,
            link,
        ))
    }

    fn read_directory(
        &self,
        _inode: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
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

struct NamespaceLink {
    subject: Subject,
    context_type: ContextType,
}

impl InodeOperations for NamespaceLink {
    /// It names a context and leads nowhere: contexts are entered through their own descriptors.
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        Err(Errno::EACCES)
    }

    fn link_text(&self, _inode: &Arc<Inode>) -> Result<Vec<u8>> {
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

    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Err(Errno::ELOOP)
    }

    fn set_attributes(&self, _inode: &Arc<Inode>, _change: &AttributeChange) -> Result<()> {
        Err(Errno::EPERM)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}
