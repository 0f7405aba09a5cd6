//! Paths that userland passes.

use crate::heap::MakeRoom;
use crate::vfs::name::PATH_MAX;
use crate::{Errno, Result};
use alloc::vec::Vec;
use core::mem::MaybeUninit;
use hal::user::{self, StringError, UserAddr};

/// Bytes of a path that are read onto the stack; longer ones take an allocation.
const SHORT: usize = 256;

/// Runs `action` with the path at this address.
///
/// # Errors
/// `EFAULT`; `ENAMETOOLONG` beyond `PATH_MAX` with its NUL; `ENOMEM`.
#[inline]
pub fn with_path<R>(address: UserAddr, action: impl FnOnce(&[u8]) -> Result<R>) -> Result<R> {
    let mut short = [const { MaybeUninit::uninit() }; SHORT];
    let mut long = Vec::new();
    let path: &[u8] = match user::read_string_into(address, &mut short) {
        Ok(path) => path,
        Err(StringError::TooLong) => read_long(address, &mut long)?,
        Err(StringError::Fault) => return Err(Errno::EFAULT),
    };
    action(path)
}

#[cold]
fn read_long(address: UserAddr, buffer: &mut Vec<u8>) -> Result<&[u8]> {
    buffer.make_room_exact(PATH_MAX)?;
    let room = buffer.spare_capacity_mut();
    let room = room.get_mut(..PATH_MAX).ok_or(Errno::ENOMEM)?;
    match user::read_string_into(address, room) {
        Ok(path) => Ok(path),
        Err(StringError::TooLong) => Err(Errno::ENAMETOOLONG),
        Err(StringError::Fault) => Err(Errno::EFAULT),
    }
}
