//! Mount options of file systems in memory: `size=`, `nr_blocks=`, `nr_inodes=`, `mode=`, `uid=`, `gid=` (tmpfs(5)); and
//! `nodes=default`, which fills an instance with what every container finds in /dev.

use crate::vfs::page_cache::PAGE_SIZE;
use crate::{Errno, Result};

/// Options as given; `None` for what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Limit of the content in pages.
    pub pages: Option<u64>,
    /// Limit of inodes.
    pub inodes: Option<u64>,
    /// Permission bits of the root directory.
    pub mode: Option<u32>,
    /// Owner of the root directory.
    pub owner: Option<u32>,
    /// Group of the root directory.
    pub group: Option<u32>,
    /// The instance holds the devices that every container has.
    pub default_nodes: bool,
}

impl Options {
    /// Parses a comma-separated list; `memory` is the number of pages in the machine, which percentages count by.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option or a bad value.
    pub fn parse(text: &[u8], memory: u64) -> Result<Self> {
        let mut options = Self::default();
        for option in text
            .split(|&byte| byte == b',')
            .filter(|option| !option.is_empty())
        {
            let mut parts = option.splitn(2, |&byte| byte == b'=');
            let (key, value) = (parts.next().unwrap_or(&[]), parts.next().unwrap_or(&[]));
            match key {
                b"size" => options.pages = Some(pages(value, memory)?),
                b"nr_blocks" => options.pages = Some(unlimited_if_zero(size(value)?)),
                b"nr_inodes" => options.inodes = Some(unlimited_if_zero(size(value)?)),
                b"mode" => options.mode = Some(number(value, 8)? as u32 & 0o7777),
                b"uid" => {
                    options.owner =
                        Some(u32::try_from(number(value, 10)?).map_err(|_| Errno::EINVAL)?)
                }
                b"gid" => {
                    options.group =
                        Some(u32::try_from(number(value, 10)?).map_err(|_| Errno::EINVAL)?)
                }
                b"nodes" if value == b"default" => options.default_nodes = true,
                // These change nothing where pages are not swapped and names are 64 bits wide.
                b"noswap" | b"inode64" | b"inode32" if value.is_empty() => {}
                b"huge" if matches!(value, b"never" | b"advise" | b"within_size") => {}
                _ => return Err(Errno::EINVAL),
            }
        }
        Ok(options)
    }
}

fn unlimited_if_zero(value: u64) -> u64 {
    if value == 0 { u64::MAX } else { value }
}

fn pages(value: &[u8], memory: u64) -> Result<u64> {
    if let Some((b'%', percent)) = value.split_last() {
        let percent = number(percent, 10)?;
        return memory
            .checked_mul(percent)
            .map(|pages| unlimited_if_zero(pages / 100))
            .ok_or(Errno::EINVAL);
    }
    Ok(unlimited_if_zero(size(value)?.div_ceil(PAGE_SIZE as u64)))
}

/// A number with an optional suffix k, m, g, t (either case).
fn size(value: &[u8]) -> Result<u64> {
    let (digits, shift) = match value.split_last() {
        Some((b'k' | b'K', digits)) => (digits, 10),
        Some((b'm' | b'M', digits)) => (digits, 20),
        Some((b'g' | b'G', digits)) => (digits, 30),
        Some((b't' | b'T', digits)) => (digits, 40),
        _ => (value, 0),
    };
    number(digits, 10)?
        .checked_mul(1 << shift)
        .ok_or(Errno::EINVAL)
}

fn number(digits: &[u8], radix: u32) -> Result<u64> {
    let text = core::str::from_utf8(digits).map_err(|_| Errno::EINVAL)?;
    u64::from_str_radix(text, radix).map_err(|_| Errno::EINVAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_suffixes_and_percentages() {
        let parse = |text: &str| Options::parse(text.as_bytes(), 1000);
        assert_eq!(parse("size=1m").unwrap().pages, Some(256));
        assert_eq!(parse("size=4097").unwrap().pages, Some(2));
        assert_eq!(parse("size=50%").unwrap().pages, Some(500));
        assert_eq!(parse("size=0").unwrap().pages, Some(u64::MAX));
        assert_eq!(
            parse("mode=1777,uid=5,gid=6,nodes=default").unwrap(),
            Options {
                default_nodes: true,
                mode: Some(0o1777),
                owner: Some(5),
                group: Some(6),
                ..Options::default()
            }
        );
    }

    #[test]
    fn bad_values_are_refused() {
        for text in [
            "size=",
            "size=x",
            "mode=9",
            "uid=-1",
            "uid=4294967296",
            "colour=red",
            "size=99999999999t",
            "nodes=all",
        ] {
            assert_eq!(
                Options::parse(text.as_bytes(), 1000),
                Err(Errno::EINVAL),
                "{text}"
            );
        }
    }
}
