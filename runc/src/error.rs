//! Why a command failed, in one line, and the exit status that says so.

use std::fmt;
use std::io;

/// The manager itself failed, and no program was started.
pub const MANAGER_FAILED: u8 = 125;
/// The program exists and can't be executed.
const NOT_EXECUTABLE: u8 = 126;
/// The program does not exist.
const NOT_FOUND: u8 = 127;

/// A failure: one line of text without the command's name, and perhaps an exit status of its own.
#[derive(Debug)]
pub struct Error {
    message: String,
    status: Option<u8>,
}

impl Error {
    /// A failure of runc, or of what it was asked to do.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: None,
        }
    }

    /// A failed system call, after what it was made for.
    pub fn system(what: impl fmt::Display, cause: &io::Error) -> Self {
        Self::new(format!("{what}: {}", cause_in_words(cause)))
    }

    /// A failure that was told by another process, with its exit status.
    pub fn with_status(message: impl Into<String>, status: Option<u8>) -> Self {
        Self {
            message: message.into(),
            status,
        }
    }

    /// The container's program does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: Some(NOT_FOUND),
        }
    }

    /// The container's program can't be executed.
    pub fn not_executable(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            status: Some(NOT_EXECUTABLE),
        }
    }

    /// The exit status of runc; `None`: that of a verb that failed.
    pub fn status(&self) -> Option<u8> {
        self.status
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

/// The system's words for an error, without the number that the standard library adds.
pub fn cause_in_words(cause: &io::Error) -> String {
    let words = cause.to_string();
    let words = words.split(" (os error ").next().unwrap_or_default();
    let mut characters = words.chars();
    match characters.next() {
        Some(first) => first.to_lowercase().chain(characters).collect(),
        None => words.to_owned(),
    }
}
