//! Structures whose callers say how long they are, since later versions lengthen them (Linux's copy_struct_from_user()).

use crate::{Errno, Result};
use hal::user::{self, UserAddr};
use zerocopy::{FromBytes, IntoBytes};

/// More than any structure has.
const MOST: usize = 4096;

/// Reads a structure of `size` bytes, `first` of which its first version has: what the caller doesn't know of is 0, and
/// what only the caller knows of must be.
///
/// # Errors
/// `EINVAL` if it is shorter than the first version, `E2BIG` if it says something unknown or is longer than a page,
/// `EFAULT`.
pub fn read<T: FromBytes + IntoBytes>(address: UserAddr, size: usize, first: usize) -> Result<T> {
    if size < first {
        return Err(Errno::EINVAL);
    }
    if size > MOST {
        return Err(Errno::E2BIG);
    }
    let mut value = T::new_zeroed();
    let known = value.as_mut_bytes();
    let known_length = known.len().min(size);
    user::copy_from_user(&mut known[..known_length], address)?;
    let mut offset = known_length;
    while offset < size {
        let mut piece = [0; 64];
        let piece = &mut piece[..(size - offset).min(64)];
        user::copy_from_user(piece, UserAddr(address.0.wrapping_add(offset as u64)))?;
        if piece.iter().any(|&byte| byte != 0) {
            return Err(Errno::E2BIG);
        }
        offset += piece.len();
    }
    Ok(value)
}
