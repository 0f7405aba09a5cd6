//! The arguments and the environment of a program, on their way from the old program's memory to the new one's.

use crate::errno::{Errno, Result};
use alloc::vec::Vec;
use hal::user::{self, StringError, UserAddr};

/// Longest single string with its NUL (Linux's MAX_ARG_STRLEN: 32 pages).
const LONGEST: usize = 32 * 4096;
/// Room that is made for a string at first.
const USUAL: usize = 256;
/// What a string takes besides its bytes: its pointer.
const POINTER: usize = 8;

/// Strings in order, each with its NUL.
#[derive(Default)]
pub struct Strings {
    bytes: Vec<u8>,
    count: usize,
}

impl Strings {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// All bytes, one string after the other.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// What they take on the new program's stack, with their pointers.
    pub fn size(&self) -> usize {
        self.bytes.len() + self.count * POINTER
    }

    /// Each of them, without its NUL.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split_inclusive(|&byte| byte == 0).map(|string| string.strip_suffix(&[0]).unwrap_or(string))
    }

    /// Adds a string of the kernel's.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        self.bytes.try_reserve(string.len() + 1).map_err(|_| Errno::ENOMEM)?;
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    /// Adds the strings of another.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn append(&mut self, others: impl Iterator<Item = impl AsRef<[u8]>>) -> Result<()> {
        for string in others {
            self.push(string.as_ref())?;
        }
        Ok(())
    }

    /// Copies the strings of an array of pointers in user memory that ends with a null pointer. A null array is an
    /// empty one. All of them together may take `limit` bytes.
    ///
    /// # Errors
    /// `EFAULT`; `E2BIG`; `ENOMEM`.
    pub fn read(array: UserAddr, limit: usize) -> Result<Self> {
        let mut strings = Self::new();
        let mut at = array.0;
        while array.0 != 0 {
            let pointer = user::read_value::<u64>(UserAddr(at))?;
            if pointer == 0 {
                break;
            }
            strings.read_one(UserAddr(pointer))?;
            if strings.size() > limit {
                return Err(Errno::E2BIG);
            }
            at = at.wrapping_add(POINTER as u64);
        }
        Ok(strings)
    }

    fn read_one(&mut self, address: UserAddr) -> Result<()> {
        let mut room = USUAL;
        loop {
            self.bytes.try_reserve(room).map_err(|_| Errno::ENOMEM)?;
            let start = self.bytes.len();
            self.bytes.resize(start + room, 0);
            let target = self.bytes.get_mut(start..).unwrap_or_default();
            match user::read_string(address, target) {
                Ok(length) => {
                    self.bytes.truncate(start + length);
                    self.bytes.push(0);
                    self.count += 1;
                    return Ok(());
                }
                Err(StringError::Fault) => return Err(Errno::EFAULT),
                Err(StringError::TooLong) if room >= LONGEST => return Err(Errno::E2BIG),
                Err(StringError::TooLong) => {
                    self.bytes.truncate(start);
                    room = (room * 8).min(LONGEST);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_strings_are_counted_with_their_pointers() {
        let mut strings = Strings::new();
        strings.push(b"sh").unwrap();
        strings.push(b"").unwrap();
        assert_eq!(strings.bytes(), b"sh\0\0");
        assert_eq!((strings.count(), strings.size()), (2, 4 + 16));
        assert!(strings.iter().eq([b"sh".as_slice(), b"".as_slice()]));
    }
}
