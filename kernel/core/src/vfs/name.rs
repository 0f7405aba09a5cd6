//! Names of directory entries: their limits, their storage and their hash.

use crate::{Errno, Result};
use smallvec::SmallVec;

/// Longest name in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// Longest path in bytes, with its terminating NUL (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

/// Bytes of a name that are stored beside its node rather than in an allocation of their own.
const INLINE: usize = 24;

/// A name that is stored: up to 255 bytes, none of them NUL or '/'.
pub type Name = SmallVec<[u8; INLINE]>;

/// Checks the length of a name.
///
/// # Errors
/// `ENAMETOOLONG` above [`NAME_MAX`].
#[inline]
pub fn check(name: &[u8]) -> Result<()> {
    if name.len() > NAME_MAX { Err(Errno::ENAMETOOLONG) } else { Ok(()) }
}

/// The hash of a name in the name cache.
///
/// Multiplies and folds eight bytes at a time with a key that differs from boot to boot, so that nobody can prepare
/// names that collide.
#[inline]
pub fn hash(name: &[u8], key: u64) -> u64 {
    let mut state = key ^ name.len() as u64;
    let mut words = name.chunks_exact(8);
    for word in &mut words {
        if let Ok(word) = <[u8; 8]>::try_from(word) {
            state = fold(state ^ u64::from_le_bytes(word));
        }
    }
    let mut tail = 0;
    for &byte in words.remainder().iter().rev() {
        tail = tail << 8 | u64::from(byte);
    }
    fold(state ^ tail)
}

#[inline]
fn fold(value: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(value) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

/// A copy of `bytes` in memory of its own.
///
/// # Errors
/// `ENOMEM`.
pub fn boxed(bytes: &[u8]) -> Result<alloc::boxed::Box<[u8]>> {
    let mut copy = alloc::vec::Vec::new();
    copy.try_reserve_exact(bytes.len()).map_err(|_| Errno::ENOMEM)?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}
