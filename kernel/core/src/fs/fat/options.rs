//! Mount options (Documentation/filesystems/vfat.rst).

use super::{attributes::ALL, attributes::WRITE};
use crate::{Errno, Result};
use alloc::format;
use alloc::string::String;

/// Options as given, or their defaults.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Owner of everything.
    pub owner: u32,
    /// Group of everything.
    pub group: u32,
    /// Permission bits that files don't have.
    pub file_mask: u32,
    /// Permission bits that directories don't have.
    pub directory_mask: u32,
    /// Minutes by which the times on the volume are ahead of UTC.
    pub time_offset: i16,
    /// What can't be stored is ignored instead of refused.
    pub quiet: bool,
    /// Only names that end in .exe, .com or .bat may be executed.
    pub shows_executables: bool,
    /// The attribute "read-only" counts for directories too.
    pub read_only_directories: bool,
    /// Writing goes on after the volume turned out to be corrupted.
    pub continues: bool,
}

/// What Linux lets a user choose and is the only choice here: names are UTF-8, short names those of code page 437 and made
/// when a name isn't one, as Windows NT shows and Windows 95 makes them; times are UTC unless an offset is given.
const ONLY_CHOICES: [&[u8]; 14] = [
    b"utf8",
    b"utf8=1",
    b"utf8=yes",
    b"utf8=true",
    b"iocharset=utf8",
    b"codepage=437",
    b"shortname=mixed",
    b"check=n",
    b"check=normal",
    b"tz=UTC",
    b"nonumtail=0",
    b"nonumtail=no",
    b"nonumtail=false",
    b"nodiscard",
];

impl Options {
    /// Parses a comma-separated list; who mounts has these user and group ids and this umask.
    ///
    /// # Errors
    /// `EINVAL` for an unknown option or a bad value.
    pub fn parse(text: &[u8], owner: u32, group: u32, umask: u32) -> Result<Self> {
        let mut options = Self {
            owner,
            group,
            file_mask: umask,
            directory_mask: umask,
            ..Self::default()
        };
        let given = text.split(|&byte| byte == b',');
        for option in given.filter(|option| !option.is_empty()) {
            options.set(option)?;
        }
        Ok(options)
    }

    fn set(&mut self, option: &[u8]) -> Result<()> {
        let mut parts = option.splitn(2, |&byte| byte == b'=');
        let (key, value) = (parts.next().unwrap_or(&[]), parts.next());
        let number = |radix| number(value.unwrap_or(&[]), radix);
        match (key, value) {
            (b"uid", _) => self.owner = number(10)?,
            (b"gid", _) => self.group = number(10)?,
            (b"umask", _) => {
                self.file_mask = number(8)? & ALL;
                self.directory_mask = self.file_mask;
            }
            (b"fmask", _) => self.file_mask = number(8)? & ALL,
            (b"dmask", _) => self.directory_mask = number(8)? & ALL,
            (b"time_offset", Some(value)) => self.time_offset = minutes(value)?,
            (b"quiet", None) => self.quiet = true,
            (b"showexec", None) => self.shows_executables = true,
            (b"rodir", None) => self.read_only_directories = true,
            (b"errors", Some(b"continue")) => self.continues = true,
            (b"errors", Some(b"remount-ro")) => self.continues = false,
            _ if ONLY_CHOICES.contains(&option) => {}
            _ => return Err(Errno::EINVAL),
        }
        Ok(())
    }

    /// As /proc/mounts shows them, with a comma before each.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.owner != 0 {
            text += &format!(",uid={}", self.owner);
        }
        if self.group != 0 {
            text += &format!(",gid={}", self.group);
        }
        text += &format!(
            ",fmask={:04o},dmask={:04o},codepage=437,iocharset=utf8,shortname=mixed,utf8",
            self.file_mask, self.directory_mask
        );
        for (is_set, name) in [
            (self.quiet, ",quiet"),
            (self.shows_executables, ",showexec"),
            (self.read_only_directories, ",rodir"),
        ] {
            if is_set {
                text += name;
            }
        }
        match self.time_offset {
            0 => text += ",tz=UTC",
            offset => text += &format!(",time_offset={offset}"),
        }
        text += if self.continues {
            ",errors=continue"
        } else {
            ",errors=remount-ro"
        };
        text
    }

    /// The permission bits of a file or directory whose name allows execution, or doesn't, and that may be written.
    pub fn permissions(&self, is_directory: bool, is_executable: bool, is_writable: bool) -> u32 {
        let mut permissions = ALL;
        if !is_writable && (!is_directory || self.read_only_directories) {
            permissions &= !WRITE;
        }
        if is_directory {
            return permissions & !self.directory_mask;
        }
        if self.shows_executables && !is_executable {
            permissions &= !0o111;
        }
        permissions & !self.file_mask
    }
}

fn number(digits: &[u8], radix: u32) -> Result<u32> {
    let text = core::str::from_utf8(digits).map_err(|_| Errno::EINVAL)?;
    u32::from_str_radix(text, radix).map_err(|_| Errno::EINVAL)
}

/// Less than a day, as on Linux.
fn minutes(digits: &[u8]) -> Result<i16> {
    let text = core::str::from_utf8(digits).map_err(|_| Errno::EINVAL)?;
    let minutes: i16 = text.parse().map_err(|_| Errno::EINVAL)?;
    if (-24 * 60..=24 * 60).contains(&minutes) {
        Ok(minutes)
    } else {
        Err(Errno::EINVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(text.as_bytes(), 5, 6, 0o022)
    }

    #[test]
    fn options_are_shown_as_given() {
        let shown = |text| parse(text).unwrap().text();
        assert_eq!(
            shown(""),
            ",uid=5,gid=6,fmask=0022,dmask=0022,codepage=437,iocharset=utf8,shortname=mixed,utf8,tz=UTC,errors=remount-ro"
        );
        assert_eq!(
            shown(
                "uid=0,gid=0,umask=077,dmask=007,quiet,showexec,rodir,time_offset=-90,errors=continue,utf8"
            ),
            ",fmask=0077,dmask=0007,codepage=437,iocharset=utf8,shortname=mixed,utf8,quiet,showexec,rodir,time_offset=-90,errors=continue"
        );
    }

    #[test]
    fn bad_values_are_refused() {
        for text in [
            "uid=-1",
            "fmask=9",
            "umask",
            "time_offset=1441",
            "quiet=1",
            "errors=panic",
            "utf8=0",
            "size=1",
        ] {
            assert_eq!(parse(text), Err(Errno::EINVAL), "{text}");
        }
    }

    #[test]
    fn masks_and_attributes_give_permissions() {
        let options = parse("fmask=0133,dmask=022").unwrap();
        assert_eq!(options.permissions(false, true, true), 0o644);
        assert_eq!(options.permissions(false, true, false), 0o444);
        assert_eq!(options.permissions(true, true, false), 0o755);
        let options = parse("umask=0,showexec,rodir").unwrap();
        assert_eq!(options.permissions(false, false, true), 0o666);
        assert_eq!(options.permissions(false, true, true), 0o777);
        assert_eq!(options.permissions(true, false, false), 0o555);
    }
}
