//! What a test says: nothing, or why it failed.

use gantry_abi::user::Errno;
use std::fmt::{Debug, Display};

/// The result of a test or a step of one.
pub type Check<T = ()> = Result<T, String>;

/// An error that has a Linux error number.
pub trait Numbered {
    /// The number.
    fn number(&self) -> i32;
}

impl Numbered for Errno {
    fn number(&self) -> i32 {
        Errno::number(*self)
    }
}

impl Numbered for rustix::io::Errno {
    fn number(&self) -> i32 {
        self.raw_os_error()
    }
}

impl Numbered for std::io::Error {
    fn number(&self) -> i32 {
        self.raw_os_error().unwrap_or(0)
    }
}

/// The value of a step that must succeed.
pub fn ok<T, E: Display>(what: &str, result: Result<T, E>) -> Check<T> {
    result.map_err(|error| format!("{what}: {error}"))
}

/// A step that must fail with this error.
pub fn fails<T, E: Numbered>(what: &str, result: Result<T, E>, expected: Errno) -> Check {
    match result {
        Ok(_) => Err(format!("{what}: succeeded, expected {expected}")),
        Err(error) if error.number() == expected.number() => Ok(()),
        Err(error) => Err(format!(
            "{what}: {}, expected {expected}",
            Errno::from_number(error.number())
        )),
    }
}

/// Two values that must be equal.
pub fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Check {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, expected {expected:?}"))
    }
}

/// Something that must hold.
pub fn ensure(what: &str, holds: bool) -> Check {
    if holds { Ok(()) } else { Err(what.to_owned()) }
}
