//! Mount options of devpts.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::{Errno, Result};

/// What new terminals get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Permission bits of terminals.
    pub mode: u32,
    /// Permission bits of `ptmx`.
    pub ptmx_mode: u32,
    /// Owner instead of the opener.
    pub owner: Option<u32>,
    /// Group instead of the opener's.
    pub group: Option<u32>,
    /// Terminals at most.
    pub limit: Option<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            mode: 0o600,
            ptmx_mode: 0,
            owner: None,
            group: None,
            limit: None,
        }
    }
}

fn number(value: &str, radix: u32) -> Result<u32> {
    u32::from_str_radix(value, radix).map_err(|_| Errno::EINVAL)
}

impl Options {
    /// Reads comma-separated options.
    ///
    /// # Errors
    /// `EINVAL` for unknown ones and bad numbers.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let text = core::str::from_utf8(text).map_err(|_| Errno::EINVAL)?;
        let mut options = Options::default();
        for option in text.split(',').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').unwrap_or((option, ""));
            match key {
                "mode" => options.mode = number(value, 8)? & 0o7777,
                "ptmxmode" => options.ptmx_mode = number(value, 8)? & 0o7777,
                "uid" => options.owner = Some(number(value, 10)?),
                "gid" => options.group = Some(number(value, 10)?),
                "max" => options.limit = Some(number(value, 10)?),
                // Every instance is a new one.
                "newinstance" if value.is_empty() => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }

    /// The options as /proc/mounts shows them, each with a comma before it.
    pub fn text(&self) -> Vec<u8> {
        let mut text = String::new();
        for (key, value) in [("uid", self.owner), ("gid", self.group)] {
            if let Some(value) = value {
                // Formatting into a string never fails.
                let _ = write!(text, ",{key}={value}");
            }
        }
        let _ = write!(
            text,
            ",mode={:03o},ptmxmode={:03o}",
            self.mode, self.ptmx_mode
        );
        if let Some(limit) = self.limit {
            let _ = write!(text, ",max={limit}");
        }
        text.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_shown() {
        let options = Options::parse(b"gid=5,mode=620,ptmxmode=666,newinstance").unwrap();
        assert_eq!(
            (options.group, options.mode, options.ptmx_mode),
            (Some(5), 0o620, 0o666)
        );
        assert_eq!(options.text(), b",gid=5,mode=620,ptmxmode=666");
        assert_eq!(Options::parse(b"mode=9"), Err(Errno::EINVAL));
        assert_eq!(Options::parse(b"unknown"), Err(Errno::EINVAL));
    }
}
