//! The system calls on files, directories and mounts, a family to a file.

pub mod access;
pub mod attributes;
pub mod copy;
pub mod descriptor;
pub mod directory;
pub mod extended;
pub mod ioctl;
pub mod lock;
pub mod memory_file;
pub mod mount;
pub mod mount_api;
mod mount_file;
pub mod open;
pub mod pipe;
pub mod read_write;
pub mod size;
pub mod stat;
pub mod statfs;
pub mod sync;
pub mod user_path;
pub mod working;

use super::file::File;
use super::flags::OpenFlags;
use super::fs_context::View;
use super::location::Location;
use super::name::PATH_MAX;
use crate::heap::MakeRoom;
use crate::task::Current;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::user::{self, Fault, UserAddr};
use user_path::with_path;

/// The working directory in place of a descriptor (`AT_FDCWD`).
pub const WORKING_DIRECTORY: i32 = -100;
/// Don't follow a symbolic link that is the last component (`AT_SYMLINK_NOFOLLOW`).
pub const NO_FOLLOW: u32 = 0x100;
/// Follow one, for calls that don't by default (`AT_SYMLINK_FOLLOW`).
pub const FOLLOW: u32 = 0x400;
/// `AT_NO_AUTOMOUNT`: there is no automounting.
pub const NO_AUTOMOUNT: u32 = 0x800;
/// An empty path means the descriptor itself (`AT_EMPTY_PATH`).
pub const EMPTY_PATH: u32 = 0x1000;

pub(super) fn fault(_: Fault) -> Errno {
    Errno::EFAULT
}

/// Runs `action` with the caller's view.
#[inline]
pub(super) fn with_view<R>(
    current: &Current,
    action: impl FnOnce(&View<'_>) -> Result<R>,
) -> Result<R> {
    let fs = current.fs();
    let credentials = current.credentials();
    action(&View {
        fs: &fs,
        credentials: &credentials,
    })
}

/// Runs `action` with the caller's view, the place where a relative path begins, and the path.
///
/// # Errors
/// `EFAULT`, `ENAMETOOLONG`; `EBADF` for the descriptor of a relative path, `ENOTDIR` if it has no place.
#[inline]
pub(super) fn at<R>(
    current: &Current,
    descriptor: i32,
    path: UserAddr,
    action: impl FnOnce(&View<'_>, Option<&Location>, &[u8]) -> Result<R>,
) -> Result<R> {
    with_path(path, |path| {
        at_path(current, descriptor, path, |view, start| {
            action(view, start, path)
        })
    })
}

#[inline]
pub(super) fn at_path<R>(
    current: &Current,
    descriptor: i32,
    path: &[u8],
    action: impl FnOnce(&View<'_>, Option<&Location>) -> Result<R>,
) -> Result<R> {
    with_view(current, |view| {
        if descriptor == WORKING_DIRECTORY || path.first() == Some(&b'/') {
            return action(view, None);
        }
        let file = current.file(descriptor)?;
        action(view, Some(file.location().ok_or(Errno::ENOTDIR)?))
    })
}

/// The file of a descriptor that is more than a place.
///
/// # Errors
/// `EBADF`.
#[inline]
pub(super) fn usable_file(current: &Current, descriptor: i32) -> Result<Arc<File>> {
    let file = current.file(descriptor)?;
    if file.flags().contains(OpenFlags::PATH) {
        Err(Errno::EBADF)
    } else {
        Ok(file)
    }
}

/// A string of userland's that isn't a path, of at most `PATH_MAX` bytes; a null pointer is an empty one.
///
/// # Errors
/// `EFAULT`; `EINVAL` if it is too long; `ENOMEM`.
pub(super) fn read_text(address: UserAddr) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    if address.0 == 0 {
        return Ok(text);
    }
    text.make_room_exact(PATH_MAX)?;
    let length = match user::read_string_into(address, text.spare_capacity_mut()) {
        Ok(read) => {
            let mut copy = Vec::new();
            copy.make_room_exact(read.len())?;
            copy.extend_from_slice(read);
            return Ok(copy);
        }
        Err(user::StringError::TooLong) => Errno::EINVAL,
        Err(user::StringError::Fault) => Errno::EFAULT,
    };
    Err(length)
}
