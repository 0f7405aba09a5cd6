//! /proc/N/{cwd,root,exe}, and the mount tables of a process.
//!
//! The links lead to the object itself, whatever its path: but only for processes in the reader's sight, and
//! never from one VFS root context into another that the reader isn't in.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use super::super::text::Text;
use super::Subject;
use crate::task::{self, Current};
use crate::vfs::inode::{AttributeChange, LinkTarget};
use crate::vfs::{
    FileOperations, Inode, InodeOperations, Location, OpenFlags, mount_text, path_text,
};
use crate::{Errno, Result};

/// Where a link leads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// The working directory.
    WorkingDirectory,
    /// The root directory.
    Root,
    /// The program.
    Executable,
}

/// A link of a process.
pub struct SubjectLink {
    subject: Subject,
    target: Target,
}

impl SubjectLink {
    /// A link of a process to one of its places.
    pub fn new(subject: Subject, target: Target) -> Self {
        SubjectLink { subject, target }
    }

    fn location(&self) -> Result<Location> {
        self.subject.check_inspection(&task::current())?;
        let thread = self.subject.any_thread().ok_or(Errno::ENOENT)?;
        match self.target {
            Target::Executable => self.subject.process.executable().ok_or(Errno::ENOENT),
            Target::WorkingDirectory => Ok(thread
                .directories()
                .ok_or(Errno::ENOENT)?
                .working_directory()),
            Target::Root => Ok(thread.directories().ok_or(Errno::ENOENT)?.root()),
        }
    }
}

/// Whether a reader may go to a place through a link: a process in the boot list may go anywhere it may look;
/// another only within its own VFS root context.
///
/// # Errors
/// `EACCES`.
pub fn check_crossing(reader: &Current, location: &Location) -> Result<()> {
    let contexts = reader.process().contexts();
    let root = contexts.vfs_root().ok_or(Errno::EACCES)?;
    let token = crate::vfs::path_node::NAMES.read();
    let leads_out =
        location.mount.parent(&token).is_some() || location.mount.id() == root.root().mount.id();
    drop(token);
    if contexts.sees_everyone() || !leads_out || root.mounts().contains(location) {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

impl InodeOperations for SubjectLink {
    fn follow_link(&self, _inode: &Arc<Inode>) -> Result<LinkTarget> {
        let location = self.location()?;
        check_crossing(&task::current(), &location)?;
        Ok(LinkTarget::Place(location))
    }

    fn link_text(&self, _inode: &Arc<Inode>) -> Result<Vec<u8>> {
        path_text::describe(&self.location()?, &task::current().fs().root())
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

/// /proc/N/mounts.
///
/// # Errors
/// `EACCES`, `ENOMEM`; `EINVAL` for a process that has ended.
pub fn mounts(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    text.push(&mount_text::mounts(&root(subject, reader)?)?);
    Ok(())
}

/// /proc/N/mountinfo.
///
/// # Errors
/// As [`mounts`].
pub fn mountinfo(subject: &Subject, reader: &Current, text: &mut Text) -> Result<()> {
    text.push(&mount_text::mount_info(&root(subject, reader)?)?);
    Ok(())
}

fn root(subject: &Subject, reader: &Current) -> Result<Location> {
    subject.check_inspection(reader)?;
    let directories = subject.any_thread().and_then(|thread| thread.directories());
    Ok(directories.ok_or(Errno::EINVAL)?.root())
}
