//! Options of an overlay (Documentation/filesystems/overlayfs.rst).

use crate::heap::MakeRoom;
use crate::vfs::file_system::GivenDirectory;
use crate::vfs::location::Location;
use crate::vfs::name::boxed;
use crate::vfs::path_text;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;

/// Lower layers of one overlay at most (Linux's `OVL_MAX_STACK`).
const LAYER_LIMIT: usize = 500;

/// Options that name a directory each, by path or by descriptor.
pub const LOWER: &[u8] = b"lowerdir+";
pub const UPPER: &[u8] = b"upperdir";
pub const WORK: &[u8] = b"workdir";

/// The options as they were given; paths without escapes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Lower directories, the uppermost first.
    pub lowers: Vec<Box<[u8]>>,
    /// The upper directory; none for an overlay that can't be written.
    pub upper: Option<Box<[u8]>>,
    /// An empty directory beside the upper one.
    pub work: Option<Box<[u8]>>,
    /// Marks are `user.overlay.` attributes, not `trusted.overlay.` ones.
    pub user_attributes: bool,
    /// Whoever mounts can do without what sync(2) promises.
    pub is_volatile: bool,
}

impl Options {
    /// Parses a list whose commas, colons and backslashes within paths have backslashes before them. Directories that
    /// are given otherwise get the paths under which `root` shows them.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option, a bad value, a feature that isn't there, more than 500 layers, an upper
    /// directory without a working one, no lower directory or nothing but a single one, lower directories of both
    /// kinds; `ENOMEM`.
    pub fn parse(text: &[u8], given: &[GivenDirectory], root: &Location) -> Result<Self> {
        let mut options = Self::parse_list(text)?;
        let has_paths = !options.lowers.is_empty();
        for directory in given {
            let path = path_text::seen_from(&directory.location, root)?.into_boxed_slice();
            match &*directory.key {
                UPPER => options.upper = Some(path),
                WORK => options.work = Some(path),
                // In which order they would lie is not to be seen any more.
                _ if has_paths => return Err(Errno::EINVAL),
                _ => options.add_lower(path)?,
            }
        }
        options.check()?;
        Ok(options)
    }

    fn parse_list(text: &[u8]) -> Result<Self> {
        let mut options = Self::default();
        for option in split(text, b',').filter(|option| !option.is_empty()) {
            let mut parts = option.splitn(2, |&byte| byte == b'=');
            let key = parts.next().unwrap_or(&[]);
            options.set(key, parts.next())?;
        }
        Ok(options)
    }

    fn check(&self) -> Result<()> {
        let needed = match (&self.upper, &self.work) {
            (Some(_), None) => return Err(Errno::EINVAL),
            (Some(_), Some(_)) => 1,
            (None, _) => 2,
        };
        if self.lowers.len() < needed {
            return Err(Errno::EINVAL);
        }
        Ok(())
    }

    fn set(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        match (key, value) {
            (b"lowerdir", Some(list)) => {
                self.lowers.clear();
                split(list, b':').try_for_each(|path| self.add_lower(unescaped(path)?))?;
            }
            (LOWER, Some(path)) => self.add_lower(boxed(path)?)?,
            (UPPER, Some(path)) if !path.is_empty() => self.upper = Some(unescaped(path)?),
            (WORK, Some(path)) if !path.is_empty() => self.work = Some(unescaped(path)?),
            (b"userxattr", None) => self.user_attributes = true,
            (b"volatile", None) => self.is_volatile = true,
            // Permissions are always checked here, too.
            (b"default_permissions", None) => {}
            // Inode numbers are always put together from those of the layers.
            (b"xino", Some(b"on" | b"off" | b"auto")) => {}
            // What isn't there can at least be forbidden.
            (
                b"index" | b"redirect_dir" | b"metacopy" | b"nfs_export" | b"verity",
                Some(b"off"),
            )
            | (b"redirect_dir", Some(b"nofollow")) => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    fn add_lower(&mut self, path: Box<[u8]>) -> Result<()> {
        if path.is_empty() || self.lowers.len() >= LAYER_LIMIT {
            return Err(Errno::EINVAL);
        }
        self.lowers.make_room(1)?;
        self.lowers.push(path);
        Ok(())
    }
}

/// The parts between separators that have no backslash before them.
fn split(text: &[u8], separator: u8) -> impl Iterator<Item = &[u8]> {
    let mut escaped = false;
    text.split(move |&byte| {
        let ends = byte == separator && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// A copy without the backslashes that escape.
fn unescaped(text: &[u8]) -> Result<Box<[u8]>> {
    let mut plain = Vec::new();
    plain.make_room_exact(text.len())?;
    let mut escaped = false;
    for &byte in text {
        escaped = byte == b'\\' && !escaped;
        if !escaped {
            plain.push(byte);
        }
    }
    boxed(&plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8]) -> Result<Options> {
        let options = Options::parse_list(text)?;
        options.check().map(|()| options)
    }

    fn paths(paths: &[&str]) -> Vec<Box<[u8]>> {
        paths.iter().map(|path| path.as_bytes().into()).collect()
    }

    #[test]
    fn layers_are_listed_from_the_top() {
        let options = parse(b"lowerdir=/a:/b/c:d,upperdir=/u,workdir=/w").unwrap();
        assert_eq!(options.lowers, paths(&["/a", "/b/c", "d"]));
        assert_eq!(options.upper.as_deref(), Some(&b"/u"[..]));
        assert_eq!(options.work.as_deref(), Some(&b"/w"[..]));
        let options = parse(b"lowerdir+=/a:b,lowerdir+=/c,userxattr,xino=off").unwrap();
        assert_eq!(options.lowers, paths(&["/a:b", "/c"]));
        assert!(options.user_attributes);
    }

    #[test]
    fn backslashes_escape() {
        let text = br"lowerdir=/a\:b:/c\\d:/e\,f,upperdir=/u\,v,workdir=/w";
        let options = parse(text).unwrap();
        assert_eq!(options.lowers, paths(&["/a:b", r"/c\d", "/e,f"]));
        assert_eq!(options.upper.as_deref(), Some(&b"/u,v"[..]));
    }

    #[test]
    fn what_is_not_there_is_refused() {
        for text in [
            "",
            "upperdir=/u,workdir=/w",
            "lowerdir=/a",
            "lowerdir=/a,upperdir=/u",
            "lowerdir=",
            "lowerdir=/a::/b",
            "lowerdir=:/a",
            "lowerdir=/a:/b,redirect_dir=on",
            "lowerdir=/a:/b,metacopy=on",
            "lowerdir=/a:/b,nosuch",
            "lowerdir=/a:/b,userxattr=1",
        ] {
            assert_eq!(parse(text.as_bytes()), Err(Errno::EINVAL), "{text}");
        }
        let many = std::format!("lowerdir={}", std::vec!["/a"; 501].join(":"));
        assert_eq!(parse(many.as_bytes()), Err(Errno::EINVAL));
    }
}
