//! Extended attributes: who may do what with which of them (xattr(7)). Storage is a file system's own affair;
//! [`store`] is that of file systems in memory. [`capability`] understands file capabilities.

pub mod capability;
pub mod store;
#[cfg(test)]
mod tests;

use super::inode::Inode;
use super::kind::{FileKind, STICKY};
use super::location::Location;
use super::permission::{self, READ, WRITE};
use crate::heap::MakeRoom;
use crate::task::{Capability, Credentials};
use crate::{Errno, Result};
use alloc::vec::Vec;
use capability::FileCapabilities;

/// Longest name, with its namespace (`XATTR_NAME_MAX`).
pub const NAME_LIMIT: usize = 255;
/// Largest value (`XATTR_SIZE_MAX`).
pub const VALUE_LIMIT: usize = 65536;
/// Longest list of names (`XATTR_LIST_MAX`).
pub const LIST_LIMIT: usize = 65536;

/// What setting a value demands of an attribute that may be there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It is replaced, or made.
    Allowed,
    /// There must be none (`XATTR_CREATE`).
    Refused,
    /// There must be one (`XATTR_REPLACE`).
    Required,
    /// Both at once, which fails either way.
    Contradicted,
}

/// The namespaces of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Namespace {
    /// `user.`: like the content of files and directories.
    User,
    /// `trusted.`: for who administers the system, invisible to others.
    Trusted,
    /// `security.`: read by all.
    Security,
}

const USER: &[u8] = b"user.";
const TRUSTED: &[u8] = b"trusted.";
const SECURITY: &[u8] = b"security.";

impl Namespace {
    /// # Errors
    /// `EOPNOTSUPP` for another one; `EINVAL` if nothing follows it.
    fn of(name: &[u8]) -> Result<Self> {
        let (namespace, prefix) = match name {
            _ if name.starts_with(USER) => (Self::User, USER),
            _ if name.starts_with(TRUSTED) => (Self::Trusted, TRUSTED),
            _ if name.starts_with(SECURITY) => (Self::Security, SECURITY),
            _ => return Err(Errno::EOPNOTSUPP),
        };
        if name.len() == prefix.len() {
            return Err(Errno::EINVAL);
        }
        Ok(namespace)
    }
}

/// Whether the caller administers the system (`CAP_SYS_ADMIN`).
fn administers(credentials: &Credentials) -> bool {
    credentials.is_capable(Capability::SysAdmin)
}

/// Whether the caller may give files capabilities (`CAP_SETFCAP`).
fn sets_capabilities(credentials: &Credentials) -> bool {
    credentials.is_capable(Capability::Setfcap)
}

/// Whether the caller may read (or change) attributes of this name.
///
/// # Errors
/// `ERANGE` for a name that is empty or too long; `EOPNOTSUPP`, `EINVAL` for one without a known namespace; `EACCES`,
/// `EPERM`, and `ENODATA` for reading what the caller shall not know of.
fn check(inode: &Inode, credentials: &Credentials, name: &[u8], mask: u32) -> Result<()> {
    if name.is_empty() || name.len() > NAME_LIMIT {
        return Err(Errno::ERANGE);
    }
    let refusal = if mask == WRITE {
        Errno::EPERM
    } else {
        Errno::ENODATA
    };
    match Namespace::of(name)? {
        Namespace::Trusted if !administers(credentials) => Err(refusal),
        Namespace::Trusted => Ok(()),
        Namespace::Security if mask == READ => Ok(()),
        Namespace::Security if name == capability::NAME && sets_capabilities(credentials) => Ok(()),
        Namespace::Security if name != capability::NAME && administers(credentials) => Ok(()),
        Namespace::Security => Err(Errno::EPERM),
        Namespace::User => {
            if !matches!(inode.kind(), FileKind::Regular | FileKind::Directory) {
                return Err(refusal);
            }
            if mask == WRITE && inode.is_directory() && inode.attributes.mode() & STICKY != 0 {
                permission::check_owner(inode, credentials)?;
            }
            permission::check(inode, credentials, mask)
        }
    }
}

/// The value of an attribute.
///
/// # Errors
/// `ENODATA` if there is none; those of the rules; what the file system says.
pub fn get(credentials: &Credentials, location: &Location, name: &[u8]) -> Result<Vec<u8>> {
    let inode = location.inode();
    check(inode, credentials, name, READ)?;
    inode.operations().get_extended(inode, name)
}

/// Sets an attribute.
///
/// # Errors
/// `EROFS`; `E2BIG` for a value that is too large; `EEXIST`, `ENODATA` as `existing` demands; `EINVAL` for file
/// capabilities that are none; those of the rules; what the file system says.
pub fn set(
    credentials: &Credentials,
    location: &Location,
    name: &[u8],
    value: &[u8],
    existing: Existing,
) -> Result<()> {
    if value.len() > VALUE_LIMIT {
        return Err(Errno::E2BIG);
    }
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    let inode = location.inode();
    if name == capability::NAME && !FileCapabilities::is_settable(value) {
        return Err(Errno::EINVAL);
    }
    check(inode, credentials, name, WRITE)?;
    inode
        .operations()
        .set_extended(inode, name, value, existing)?;
    inode.attributes.touch_changed();
    Ok(())
}

/// Takes an attribute away.
///
/// # Errors
/// `EROFS`; `ENODATA` if there is none; those of the rules; what the file system says.
pub fn remove(credentials: &Credentials, location: &Location, name: &[u8]) -> Result<()> {
    if location.is_read_only() {
        return Err(Errno::EROFS);
    }
    let inode = location.inode();
    check(inode, credentials, name, WRITE)?;
    inode.operations().remove_extended(inode, name)?;
    inode.attributes.touch_changed();
    Ok(())
}

/// The names that the caller may know of, each with a NUL after it.
///
/// # Errors
/// `E2BIG` beyond [`LIST_LIMIT`]; `ENOMEM`; what the file system says.
pub fn list(credentials: &Credentials, location: &Location) -> Result<Vec<u8>> {
    let inode = location.inode();
    let sees_trusted = administers(credentials);
    let mut names = Vec::new();
    inode.operations().list_extended(inode, &mut |name| {
        if name.starts_with(TRUSTED) && !sees_trusted {
            return Ok(());
        }
        if names.len() + name.len() + 1 > LIST_LIMIT {
            return Err(Errno::E2BIG);
        }
        names.make_room(name.len() + 1)?;
        names.extend_from_slice(name);
        names.push(0);
        Ok(())
    })?;
    Ok(names)
}
