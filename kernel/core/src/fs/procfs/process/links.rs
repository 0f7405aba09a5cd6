//! /proc/N/{cwd,root,exe}, and the mount tables of a process.
//!
//! The links lead to the object itself, whatever its path: but only for processes in the reader's sight, and
//! never from a container's VFS root context into another one.

use alloc::vec::Vec;

use super::super::shown::Link;
use super::super::text::Text;
use super::Subject;
use crate::context::Context;
use crate::task::{self, Current};
use crate::vfs::inode::LinkTarget;
use crate::vfs::{Location, internal, mount_text, path_text};
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
            Target::Executable => {
                let executable = self.subject.process.executable();
                Ok(executable.ok_or(Errno::ENOENT)?.location().clone())
            }
            Target::WorkingDirectory => Ok(thread
                .directories()
                .ok_or(Errno::ENOENT)?
                .working_directory()),
            Target::Root => Ok(thread.directories().ok_or(Errno::ENOENT)?.root()),
        }
    }
}

/// Refuses a reader the place that a link leads to, unless it could get there by itself: the place
/// is in its own VFS root context or in none (a pipe, a file without a name), or the reader is in the boot context, which
/// manages the others.
///
/// # Errors
/// `EACCES`.
pub fn check_crossing(reader: &Current, location: &Location) -> Result<()> {
    let root = reader
        .process()
        .contexts()
        .vfs_root()
        .ok_or(Errno::EACCES)?;
    if root.life().is_boot() || root.mounts().contains(location) || internal::contains(location) {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

impl Link for SubjectLink {
    fn follow_link(&self) -> Result<LinkTarget> {
        let location = self.location()?;
        let reader = task::current();
        // It holds its directories, not the file that it runs: that may be one of the root it came from.
        if self.target == Target::Executable || !self.subject.is_process_of(&reader) {
            check_crossing(&reader, &location)?;
        }
        Ok(LinkTarget::Place(location))
    }

    fn link_text(&self) -> Result<Vec<u8>> {
        path_text::describe(&self.location()?, &task::current().fs().root())
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
