//! Changes of a file's attributes and size.

use super::extended::capability;
use super::fs_context::View;
use super::inode::{AttributeChange, Inode};
use super::kind::{FileKind, SET_GROUP_ID, SET_USER_ID};
use super::location::Location;
use super::permission::{self, WRITE};
use super::write_access::Writing;
use crate::task::{Capability, Credentials, Thread};
use crate::{Errno, Result};
use alloc::sync::Arc;

const GROUP_EXECUTE: u32 = 0o010;

/// The set-id bits that a file loses when these credentials give it another owner or content. Without group execution
/// the set-group-ID bit means something else, and a member of the group may keep it.
fn lost_set_id_bits(inode: &Inode, credentials: &Credentials) -> u32 {
    let attributes = &inode.attributes;
    if attributes.mode() & GROUP_EXECUTE != 0
        || !permission::may_set_group_id(credentials, attributes.group())
    {
        SET_USER_ID | SET_GROUP_ID
    } else {
        SET_USER_ID
    }
}

/// Takes a file's capabilities away, if it has any.
fn drop_capabilities(inode: &Arc<Inode>) -> Result<()> {
    match inode.operations().remove_extended(inode, capability::NAME) {
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(()),
        outcome => outcome,
    }
}

/// Takes away what executing a file gives, after a write: its capabilities, and the set-id bits unless the writer has
/// CAP_FSETID. The kernel's own writes take both.
pub fn drop_rights(inode: &Arc<Inode>) {
    if inode.attributes.has_capabilities() {
        // What is in memory can always be taken away.
        let _ = drop_capabilities(inode);
    }
    let bits = match hal::task::try_current::<Thread>() {
        Some(writer) if writer.is_capable(Capability::Fsetid) => return,
        Some(writer) => lost_set_id_bits(inode, &writer.credentials()),
        None => SET_USER_ID | SET_GROUP_ID,
    };
    inode.attributes.clear_permissions(bits);
    inode.operations().attributes_changed(inode);
}

/// Sets permission bits (chmod(2)).
///
/// # Errors
/// `EROFS`; `EPERM` for anyone but the owner without CAP_FOWNER; `EOPNOTSUPP` for a symbolic link.
pub fn set_permissions(
    credentials: &Credentials,
    location: &Location,
    permissions: u32,
) -> Result<()> {
    let inode = location.inode();
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    if inode.kind() == FileKind::SymbolicLink {
        return Err(Errno::EOPNOTSUPP);
    }
    permission::check_owner(inode, credentials)?;
    let mut permissions = permissions;
    if !permission::may_set_group_id(credentials, inode.attributes.group()) {
        permissions &= !SET_GROUP_ID;
    }
    let change = AttributeChange {
        permissions: Some(permissions),
        ..AttributeChange::default()
    };
    inode.operations().set_attributes(inode, &change)
}

/// Sets the owner and the group (chown(2)); `None` leaves one as it is.
///
/// # Errors
/// `EROFS`; `EPERM`: CAP_CHOWN gives files away, an owner may choose among its own groups.
pub fn set_ownership(
    credentials: &Credentials,
    location: &Location,
    owner: Option<u32>,
    group: Option<u32>,
) -> Result<()> {
    let inode = location.inode();
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    let attributes = &inode.attributes;
    if !credentials.is_capable(Capability::Chown) {
        let own = credentials.fsuid == attributes.owner();
        let keeps_owner = owner.is_none_or(|owner| own && owner == attributes.owner());
        let may_have_group = group.is_none_or(|group| {
            own && (group == attributes.group() || credentials.in_group(group))
        });
        if !keeps_owner || !may_have_group {
            return Err(Errno::EPERM);
        }
    }
    let mut permissions = None;
    if !inode.is_directory() {
        let mode = attributes.permissions();
        let kept = mode & !lost_set_id_bits(inode, credentials);
        drop_capabilities(inode)?;
        permissions = (kept != mode).then_some(kept);
    }
    let change = AttributeChange {
        permissions,
        owner,
        group,
        ..AttributeChange::default()
    };
    inode.operations().set_attributes(inode, &change)
}

/// A time to set (utimensat(2)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewTime {
    /// Leave it (`UTIME_OMIT`).
    Keep,
    /// The present (`UTIME_NOW`).
    Now,
    /// Nanoseconds since 1970.
    At(i64),
}

impl NewTime {
    fn resolve(self, now: i64) -> Option<i64> {
        match self {
            Self::Keep => None,
            Self::Now => Some(now),
            Self::At(time) => Some(time),
        }
    }
}

/// Sets access and modification time.
///
/// # Errors
/// `EROFS`; `EACCES` for the present without ownership or write permission; `EPERM` for other times without ownership.
pub fn set_times(
    credentials: &Credentials,
    location: &Location,
    accessed: NewTime,
    modified: NewTime,
) -> Result<()> {
    if (accessed, modified) == (NewTime::Keep, NewTime::Keep) {
        return Ok(());
    }
    let inode = location.inode();
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    if permission::check_owner(inode, credentials).is_err() {
        if (accessed, modified) != (NewTime::Now, NewTime::Now) {
            return Err(Errno::EPERM);
        }
        permission::check(inode, credentials, WRITE)?;
    }
    let now = super::attributes::now();
    let change = AttributeChange {
        accessed: accessed.resolve(now),
        modified: modified.resolve(now),
        ..AttributeChange::default()
    };
    inode.operations().set_attributes(inode, &change)
}

/// Sets a file's size by its path (truncate(2)).
///
/// # Errors
/// `EISDIR`, `EINVAL` for what has no size; `EROFS`, `EACCES`, `EFBIG`; `ETXTBSY` for a program that runs.
pub fn truncate_at(view: &View<'_>, location: &Location, size: u64) -> Result<()> {
    let inode = location.inode();
    match inode.kind() {
        FileKind::Directory => return Err(Errno::EISDIR),
        FileKind::Regular => {}
        _ => return Err(Errno::EINVAL),
    }
    permission::check(inode, view.credentials, WRITE)?;
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    let _writing = Writing::new(inode)?;
    truncate(inode, size)
}

/// Sets the size of a file that is open for writing (ftruncate(2), `O_TRUNC`).
///
/// # Errors
/// `EINVAL` for what has no size; `EFBIG` beyond `RLIMIT_FSIZE`, with SIGXFSZ.
pub fn truncate(inode: &Arc<Inode>, size: u64) -> Result<()> {
    let _changing = inode.change.lock();
    if size > inode.size() && size > super::limits::file_size() {
        super::signals::file_size_exceeded();
        return Err(Errno::EFBIG);
    }
    inode.operations().truncate(inode, size)?;
    if inode.attributes.gives_rights() {
        drop_rights(inode);
    }
    Ok(())
}
