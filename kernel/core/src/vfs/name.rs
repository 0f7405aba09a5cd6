//! Names of directory entries: their limits, how they are taken out of a path, compared and stored.
//!
//! A name is looked at eight bytes at a time: one pass finds its end in a path, computes its hash and leaves the first
//! 24 bytes in three words, which is all that comparing most names takes.

use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Deref;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use zerocopy::IntoBytes;

/// Longest name in bytes (`NAME_MAX`).
pub const NAME_MAX: usize = 255;
/// Longest path in bytes, with its terminating NUL (`PATH_MAX`).
pub const PATH_MAX: usize = 4096;

const WORD: usize = size_of::<u64>();
/// Words of a name that are kept at hand.
const WORDS: usize = 3;
/// Bytes of a name that needs no allocation.
const SHORT: usize = WORD * WORDS;

/// Where hashing begins: differs from boot to boot, so that nobody can prepare names that collide.
static HASH_KEY: AtomicU64 = AtomicU64::new(0x243f_6a88_85a3_08d3);

/// Makes the name hash unpredictable. Called once, before the first name is stored.
pub fn set_hash_key(key: u64) {
    HASH_KEY.store(key, Relaxed);
}

/// A name where it stands in a path, with what comparing and finding it needs.
#[derive(Clone, Copy)]
pub struct Component<'p> {
    /// Its bytes.
    pub bytes: &'p [u8],
    /// Its hash in the name cache.
    pub hash: u64,
    /// Its first bytes, with zeros after them: no name contains a zero.
    words: [u64; WORDS],
}

/// The first up to eight bytes as a little-endian number, and how many they are.
#[inline(always)]
fn load(bytes: &[u8]) -> (u64, usize) {
    if let Some(word) = bytes.first_chunk::<8>() {
        return (u64::from_le_bytes(*word), 8);
    }
    let length = bytes.len();
    // Two loads that overlap in the middle: where they do, both have the same bits.
    let word = if let (Some(low), Some(high)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>())
    {
        u64::from(u32::from_le_bytes(*low))
            | u64::from(u32::from_le_bytes(*high)) << ((length - 4) * 8)
    } else if let (Some(low), Some(high)) = (bytes.first_chunk::<2>(), bytes.last_chunk::<2>()) {
        u64::from(u16::from_le_bytes(*low))
            | u64::from(u16::from_le_bytes(*high)) << ((length - 2) * 8)
    } else {
        bytes.first().map_or(0, |&byte| byte.into())
    };
    (word, length)
}

/// How many bytes come before the first slash; eight if there is none.
#[inline(always)]
fn before_slash(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const SLASHES: u64 = ONES * b'/' as u64;
    let zero_at_slash = word ^ SLASHES;
    let found = zero_at_slash.wrapping_sub(ONES) & !zero_at_slash & (ONES << 7);
    (found.trailing_zeros() / 8) as usize
}

/// The bytes before the first slash, up to eight, with zeros after them, and how many they are.
#[inline(always)]
fn first_word(path: &[u8]) -> (u64, usize) {
    let (word, available) = load(path);
    let taken = before_slash(word).min(available);
    (
        if taken < WORD {
            word & ((1 << (taken * 8)) - 1)
        } else {
            word
        },
        taken,
    )
}

#[inline(always)]
fn fold(value: u64) -> u64 {
    const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(value) * u128::from(MULTIPLIER);
    product as u64 ^ (product >> 64) as u64
}

impl<'p> Component<'p> {
    /// No name.
    pub const NONE: Self = Self {
        bytes: &[],
        hash: 0,
        words: [0; WORDS],
    };

    /// The name at the start of a path, and what comes after it: nothing, or a slash and more.
    #[inline(always)]
    pub fn split(path: &'p [u8]) -> (Self, &'p [u8]) {
        let (word, length) = first_word(path);
        if length == WORD {
            return Self::split_long(path);
        }
        let hash = fold(HASH_KEY.load(Relaxed) ^ word);
        let (bytes, rest) = path.split_at_checked(length).unwrap_or((path, &[]));
        (
            Self {
                bytes,
                hash,
                words: [word, 0, 0],
            },
            rest,
        )
    }

    /// As [`Self::split`], for a name of a word or more.
    #[inline(never)]
    fn split_long(path: &'p [u8]) -> (Self, &'p [u8]) {
        let mut hash = HASH_KEY.load(Relaxed);
        let mut words = [0; WORDS];
        let mut length = 0;
        let mut index = 0;
        loop {
            let (word, taken) = first_word(path.get(length..).unwrap_or(&[]));
            hash = fold(hash ^ word);
            if let Some(place) = words.get_mut(index) {
                *place = word;
            }
            length += taken;
            index += 1;
            if taken < WORD {
                break;
            }
        }
        let (bytes, rest) = path.split_at_checked(length).unwrap_or((path, &[]));
        (Self { bytes, hash, words }, rest)
    }

    /// Whether its first byte is a dot.
    #[inline(always)]
    pub fn begins_with_dot(&self) -> bool {
        self.words[0] as u8 == b'.'
    }

    /// Whether it is ".".
    #[inline(always)]
    pub fn is_dot(&self) -> bool {
        self.words[0] == u64::from(b'.')
    }

    /// Whether it is "..".
    #[inline(always)]
    pub fn is_dot_dot(&self) -> bool {
        self.words[0] == u64::from(b'.') << 8 | u64::from(b'.')
    }

    /// Checks the length of the name.
    ///
    /// # Errors
    /// `ENAMETOOLONG` above [`NAME_MAX`].
    #[inline]
    pub fn check(&self) -> Result<()> {
        if self.bytes.len() > NAME_MAX {
            Err(Errno::ENAMETOOLONG)
        } else {
            Ok(())
        }
    }
}

/// A name that is stored. It has no slash and no NUL in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    words: [u64; WORDS],
    hash: u64,
    length: usize,
    /// The whole name, if the words don't hold it.
    long: Option<Box<[u8]>>,
}

impl Name {
    /// A name of these bytes.
    pub fn from_slice(bytes: &[u8]) -> Self {
        Self::new(&Component::split(bytes).0)
    }

    /// The name of a component.
    pub fn new(component: &Component<'_>) -> Self {
        let Component { bytes, hash, words } = *component;
        Self {
            words,
            hash,
            length: bytes.len(),
            long: (bytes.len() > SHORT).then(|| bytes.into()),
        }
    }

    /// Its hash in the name cache.
    #[inline]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The name as one looks for it.
    pub fn component(&self) -> Component<'_> {
        Component {
            bytes: self,
            hash: self.hash,
            words: self.words,
        }
    }

    /// Whether a component is this name.
    #[inline(always)]
    pub fn is(&self, component: &Component<'_>) -> bool {
        // Spelled out: comparing arrays calls a function.
        let ([a, b, c], [x, y, z]) = (self.words, component.words);
        (a ^ x) | (b ^ y) | (c ^ z) == 0
            && self.length == component.bytes.len()
            && self
                .long
                .as_deref()
                .is_none_or(|long| long == component.bytes)
    }
}

impl Deref for Name {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.long {
            Some(long) => long,
            None => self.words.as_bytes().get(..self.length).unwrap_or(&[]),
        }
    }
}

/// A copy of `bytes` in memory of its own.
///
/// # Errors
/// `ENOMEM`.
pub fn boxed(bytes: &[u8]) -> Result<Box<[u8]>> {
    let mut copy = Vec::new();
    copy.make_room_exact(bytes.len())?;
    copy.extend_from_slice(bytes);
    Ok(copy.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::format;

    #[test]
    fn components_end_at_slashes() {
        for length in 0..70 {
            let name = "abcdefghij".repeat(7)[..length].to_string();
            for rest in ["", "/", "/x", "//", "/abcdefghijkl"] {
                let path = format!("{name}{rest}");
                let (component, after) = Component::split(path.as_bytes());
                assert_eq!((component.bytes, after), (name.as_bytes(), rest.as_bytes()));
                let stored = Name::from_slice(name.as_bytes());
                assert!(
                    stored.is(&component)
                        && stored.hash() == component.hash
                        && *stored == *name.as_bytes()
                );
            }
        }
    }

    #[test]
    fn different_names_differ() {
        let long = "n".repeat(24);
        let names = [
            "",
            "a",
            "b",
            "ab",
            "abcdefgh",
            "abcdefghi",
            &long,
            &format!("{long}a"),
            &format!("{long}b"),
        ];
        for one in names {
            for other in names {
                let is_same =
                    Name::from_slice(one.as_bytes()).is(&Component::split(other.as_bytes()).0);
                assert_eq!(is_same, one == other, "{one} {other}");
            }
        }
    }
}
