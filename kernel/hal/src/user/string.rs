//! Strings in user memory.

use super::UserAddr;
use super::machine;
use core::mem::MaybeUninit;

/// Why a string couldn't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringError {
    /// Its memory can't be read.
    Fault,
    /// There is no NUL in as many bytes as there is room for.
    TooLong,
}

/// How reading a string ended.
#[repr(C)]
pub(super) struct StringResult {
    /// Bytes before the NUL.
    pub length: usize,
    pub status: u64,
}

pub(super) const STRING_READ: u64 = 0;
pub(super) const STRING_TOO_LONG: u64 = 2;

/// Reads a string that ends with NUL; how many bytes come before it. What follows them in `target` is
/// unspecified.
///
/// # Errors
/// As [`StringError`] says; the NUL needs room too.
pub fn read_string(source: UserAddr, target: &mut [u8]) -> Result<usize, StringError> {
    // SAFETY: as many bytes are writable, and initialised bytes stay so.
    let target =
        unsafe { core::slice::from_raw_parts_mut(target.as_mut_ptr().cast(), target.len()) };
    read_string_into(source, target).map(|string| string.len())
}

/// Reads a string that ends with NUL into memory that needs no content before; the bytes before the NUL.
///
/// # Errors
/// As [`StringError`] says; the NUL needs room too.
#[inline]
pub fn read_string_into(
    source: UserAddr,
    target: &mut [MaybeUninit<u8>],
) -> Result<&mut [u8], StringError> {
    let available = crate::layout::USER_END.saturating_sub(source.0);
    let limit = target.len().min(available as usize);
    // SAFETY: `limit` bytes are writable at the target, and lie in the user half at the source.
    let result = unsafe { machine::read_string(target.as_mut_ptr().cast(), source.0, limit) };
    match result.status {
        // SAFETY: the routine wrote the bytes before the NUL.
        STRING_READ => Ok(unsafe { target[..result.length].assume_init_mut() }),
        STRING_TOO_LONG if limit == target.len() => Err(StringError::TooLong),
        _ => Err(StringError::Fault),
    }
}
