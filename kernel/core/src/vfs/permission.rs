//! Permission by user, groups and mode (path_resolution(7)).

use super::inode::Inode;
use super::kind::FileKind;
use crate::task::{Capability, Credentials};
use crate::{Errno, Result};

/// Permission to execute a file or to search a directory, as in access(2).
pub const EXECUTE: u32 = 1;
/// Permission to write.
pub const WRITE: u32 = 2;
/// Permission to read.
pub const READ: u32 = 4;

/// Whether this user may do to the inode what the mask says.
///
/// CAP_DAC_READ_SEARCH lets it read everything and search every directory, CAP_DAC_OVERRIDE also write, and execute a
/// file that anyone may execute.
///
/// # Errors
/// `EACCES`, or what the file system's own check says.
#[inline]
pub fn check(inode: &Inode, credentials: &Credentials, mask: u32) -> Result<()> {
    check_mode(inode, credentials, mask)?;
    inode.operations().check_access(inode, credentials, mask)
}

/// Whether this user may search a directory: what a walk asks at every step. Never sleeps.
///
/// # Errors
/// `EACCES`.
#[inline]
pub fn check_search(directory: &Inode, credentials: &Credentials) -> Result<()> {
    const ANYONE: u32 = 0o111;
    if directory.attributes.mode() & ANYONE == ANYONE {
        return Ok(());
    }
    check_mode(directory, credentials, EXECUTE)
}

/// The check by mode bits alone.
///
/// # Errors
/// `EACCES`.
pub fn check_mode(inode: &Inode, credentials: &Credentials, mask: u32) -> Result<()> {
    let mode = inode.attributes.mode();
    let granted = if credentials.fsuid == inode.attributes.owner() {
        mode >> 6
    } else if credentials.in_group(inode.attributes.group()) {
        mode >> 3
    } else {
        mode
    };
    if granted & mask == mask {
        return Ok(());
    }
    override_mode(inode, mode, credentials, mask)
}

/// What capabilities let a user do beyond the mode.
#[cold]
fn override_mode(inode: &Inode, mode: u32, credentials: &Credentials, mask: u32) -> Result<()> {
    let is_directory = inode.is_directory();
    let only_looks = if is_directory {
        mask & WRITE == 0
    } else {
        mask == READ
    };
    let may_override = is_directory || mask & EXECUTE == 0 || mode & 0o111 != 0;
    if (only_looks && credentials.is_capable(Capability::DacReadSearch))
        || (may_override && credentials.is_capable(Capability::DacOverride))
    {
        Ok(())
    } else {
        Err(Errno::EACCES)
    }
}

/// Whether this user may change the inode's attributes: its owner, or one with CAP_FOWNER.
///
/// # Errors
/// `EPERM`.
pub fn check_owner(inode: &Inode, credentials: &Credentials) -> Result<()> {
    if credentials.fsuid == inode.attributes.owner() {
        return Ok(());
    }
    credentials.require(Capability::Fowner)
}

/// Whether this user may take the name of `inode` out of `directory`: write permission, and in a sticky directory
/// the ownership of either.
///
/// # Errors
/// `EACCES`; `EPERM` for the sticky bit.
pub fn check_removal(directory: &Inode, inode: &Inode, credentials: &Credentials) -> Result<()> {
    check(directory, credentials, WRITE | EXECUTE)?;
    if directory.attributes.mode() & super::kind::STICKY != 0
        && credentials.fsuid != inode.attributes.owner()
        && credentials.fsuid != directory.attributes.owner()
    {
        return credentials.require(Capability::Fowner);
    }
    Ok(())
}

/// Whether a file of this group may have the set-group-ID bit by this user's doing: a member, or one with CAP_FSETID.
pub fn may_set_group_id(credentials: &Credentials, group: u32) -> bool {
    credentials.in_group(group) || credentials.is_capable(Capability::Fsetid)
}

/// Whether writing to this kind of file changes the file system, so that a read-only one refuses it.
pub fn writes_to_file_system(kind: FileKind) -> bool {
    matches!(
        kind,
        FileKind::Regular | FileKind::Directory | FileKind::SymbolicLink
    )
}
