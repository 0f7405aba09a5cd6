//! The strings that a program is started with, copied from the caller.

use crate::errno::{Errno, Result};
use crate::heap::MakeRoom;
use crate::task::{Current, Resource};
use alloc::vec::Vec;
use hal::user::{self, StringError, UserAddr};

/// The longest single string with its NUL (MAX_ARG_STRLEN).
const STRING_MAX: usize = 131_072;
/// Total bytes are bounded by a quarter of the stack limit, but never by less.
const TOTAL_MINIMUM: u64 = 131_072;
/// And never more (three quarters of 8 MiB).
const TOTAL_MAXIMUM: u64 = 6 << 20;

/// Strings one after the other, each with its NUL.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    pub bytes: Vec<u8>,
    pub count: usize,
}

impl Strings {
    /// Adds a string.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn push(&mut self, string: &[u8]) -> Result<()> {
        self.bytes.make_room(string.len() + 1)?;
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.count += 1;
        Ok(())
    }

    /// Puts strings before all others, in place of the first one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn replace_first(&mut self, strings: &[&[u8]]) -> Result<()> {
        let first = self
            .bytes
            .iter()
            .position(|&byte| byte == 0)
            .map_or(0, |end| end + 1);
        let mut new = Strings::default();
        for string in strings {
            new.push(string)?;
        }
        let rest = self.bytes.get(first..).unwrap_or_default();
        new.bytes.make_room(rest.len())?;
        new.bytes.extend_from_slice(rest);
        new.count += self.count.saturating_sub(1);
        *self = new;
        Ok(())
    }

    /// The strings, without their NULs.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes.split(|&byte| byte == 0).take(self.count)
    }

    /// Copies the strings that an array of pointers in user memory, ended by a null pointer, points to. A null array is
    /// an empty one, as on Linux.
    ///
    /// # Errors
    /// `EFAULT`; `E2BIG` when one string or, with `budget` bytes left, all are too long; `ENOMEM`.
    pub fn copy_from_user(array: u64, budget: &mut u64) -> Result<Self> {
        let mut strings = Strings::default();
        if array == 0 {
            return Ok(strings);
        }
        for index in 0.. {
            let pointer: u64 = user::read_value(UserAddr(array.wrapping_add(8 * index)))?;
            if pointer == 0 {
                break;
            }
            let length = strings.copy_one(pointer)?;
            *budget = budget.checked_sub(length as u64 + 8).ok_or(Errno::E2BIG)?;
        }
        Ok(strings)
    }

    fn copy_one(&mut self, address: u64) -> Result<usize> {
        let mut chunk = [0u8; 128];
        let mut length = 0;
        loop {
            let (read, whole) = match user::read_string(
                UserAddr(address.wrapping_add(length as u64)),
                &mut chunk,
            ) {
                Ok(read) => (read, true),
                Err(StringError::TooLong) => (chunk.len(), false),
                Err(StringError::Fault) => return Err(Errno::EFAULT),
            };
            length += read;
            if length >= STRING_MAX {
                return Err(Errno::E2BIG);
            }
            self.bytes.make_room(read + 1)?;
            self.bytes
                .extend_from_slice(chunk.get(..read).unwrap_or_default());
            if whole {
                self.bytes.push(0);
                self.count += 1;
                return Ok(length + 1);
            }
        }
    }
}

/// What a program is started with.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    pub arguments: Strings,
    pub environment: Strings,
}

impl Arguments {
    /// Copies argv and envp of execve(2). An empty argv becomes one empty string, as on Linux.
    ///
    /// # Errors
    /// As [`Strings::copy_from_user`].
    pub fn copy_from_user(current: &Current, argv: u64, envp: u64) -> Result<Self> {
        let stack = current.process().limit(Resource::Stack);
        let mut budget = (stack / 4).clamp(TOTAL_MINIMUM, TOTAL_MAXIMUM);
        let mut arguments = Strings::copy_from_user(argv, &mut budget)?;
        let environment = Strings::copy_from_user(envp, &mut budget)?;
        if arguments.count == 0 {
            arguments.push(b"")?;
        }
        Ok(Self {
            arguments,
            environment,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_puts_its_interpreter_before_the_arguments() {
        let mut strings = Strings::default();
        for string in [&b"script"[..], b"one", b""] {
            strings.push(string).unwrap();
        }
        strings
            .replace_first(&[b"/bin/sh", b"-e", b"/the/script"])
            .unwrap();
        let all: Vec<&[u8]> = strings.iter().collect();
        assert_eq!(all, [&b"/bin/sh"[..], b"-e", b"/the/script", b"one", b""]);
    }
}
