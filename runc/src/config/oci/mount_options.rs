//! Options of mounts: those that config.md lists, in one table, and the file systems' own.

use super::super::container::{AccessTimes, Restrictions};
use super::super::value::Field;
use crate::error::Error;

/// What an option does to a mount.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Effect {
    /// A file or directory is mounted, with the mounts below it if `recursive`.
    Bind {
        recursive: bool,
    },
    ReadOnly(bool),
    NoSetuid(bool),
    NoDevices(bool),
    NoExecute(bool),
    NoLinks(bool),
    NoDirectoryAccessTimes(bool),
    AccessTimes(Option<AccessTimes>),
    /// A tmpfs starts with a copy of what its mount point holds.
    CopyUp,
    /// It is so in any case.
    Nothing,
    Refused,
}

const OPTIONS: &[(&str, Effect)] = &[
    ("bind", Effect::Bind { recursive: false }),
    ("rbind", Effect::Bind { recursive: true }),
    ("ro", Effect::ReadOnly(true)),
    ("rw", Effect::ReadOnly(false)),
    ("nosuid", Effect::NoSetuid(true)),
    ("suid", Effect::NoSetuid(false)),
    ("nodev", Effect::NoDevices(true)),
    ("dev", Effect::NoDevices(false)),
    ("noexec", Effect::NoExecute(true)),
    ("exec", Effect::NoExecute(false)),
    ("nosymfollow", Effect::NoLinks(true)),
    ("symfollow", Effect::NoLinks(false)),
    ("noatime", Effect::AccessTimes(Some(AccessTimes::Never))),
    ("atime", Effect::AccessTimes(None)),
    (
        "strictatime",
        Effect::AccessTimes(Some(AccessTimes::Always)),
    ),
    ("nostrictatime", Effect::AccessTimes(None)),
    ("relatime", Effect::AccessTimes(Some(AccessTimes::Relative))),
    ("norelatime", Effect::AccessTimes(None)),
    ("nodiratime", Effect::NoDirectoryAccessTimes(true)),
    ("diratime", Effect::NoDirectoryAccessTimes(false)),
    // Mounts of a container reach nobody else, and nobody else's reach it.
    ("private", Effect::Nothing),
    ("rprivate", Effect::Nothing),
    ("slave", Effect::Nothing),
    ("rslave", Effect::Nothing),
    ("unbindable", Effect::Nothing),
    ("runbindable", Effect::Nothing),
    ("shared", Effect::Refused),
    ("rshared", Effect::Refused),
    ("remount", Effect::Refused),
    ("idmap", Effect::Refused),
    ("ridmap", Effect::Refused),
    ("tmpcopyup", Effect::CopyUp),
    // When data is written back; file systems in memory have nothing to.
    ("defaults", Effect::Nothing),
    ("async", Effect::Nothing),
    ("sync", Effect::Nothing),
    ("dirsync", Effect::Nothing),
    ("lazytime", Effect::Nothing),
    ("nolazytime", Effect::Nothing),
    ("iversion", Effect::Nothing),
    ("noiversion", Effect::Nothing),
    ("silent", Effect::Nothing),
    ("loud", Effect::Nothing),
    // Mandatory locks, which Linux has given up as well.
    ("mand", Effect::Refused),
    ("nomand", Effect::Nothing),
];

/// What a mount's options amount to.
#[derive(Default)]
pub struct Options {
    /// A file or directory is mounted, not a file system.
    pub bind: bool,
    /// Mounts below it come along.
    pub recursive: bool,
    /// What can't be done in it.
    pub restrictions: Restrictions,
    /// The file system starts with a copy of what its mount point holds.
    pub copies_up: bool,
    /// The file system's own options: names and values.
    pub data: Vec<(String, Option<String>)>,
}

impl Options {
    /// Reads a list of options. What the table doesn't know is for the file system to know.
    pub fn parse(field: &Field<'_>) -> Result<Self, Error> {
        let mut options = Self::default();
        for option in field.list()? {
            let text = option.nonempty_string()?;
            match find(text) {
                Some(Effect::Refused) => {
                    return Err(option.error("this option is not supported"));
                }
                Some(effect) => options.apply(effect),
                None => options.data.push(match text.split_once('=') {
                    Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                    None => (text.to_owned(), None),
                }),
            }
        }
        Ok(options)
    }

    fn apply(&mut self, effect: Effect) {
        match effect {
            Effect::Bind { recursive } => (self.bind, self.recursive) = (true, recursive),
            Effect::ReadOnly(value) => self.restrictions.read_only = value,
            Effect::NoSetuid(value) => self.restrictions.no_setuid = value,
            Effect::NoDevices(value) => self.restrictions.no_devices = value,
            Effect::NoExecute(value) => self.restrictions.no_execute = value,
            Effect::NoLinks(value) => self.restrictions.no_links = value,
            Effect::NoDirectoryAccessTimes(value) => {
                self.restrictions.no_directory_access_times = value;
            }
            Effect::AccessTimes(policy) => self.restrictions.access_times = policy,
            Effect::CopyUp => self.copies_up = true,
            Effect::Nothing | Effect::Refused => {}
        }
    }
}

/// What an option does. With an r before its name a restriction holds for the mounts below as well: it always does
/// where these come along.
fn find(text: &str) -> Option<Effect> {
    let known = |text: &str| OPTIONS.iter().find(|(name, _)| *name == text);
    let recursive = || text.strip_prefix('r').and_then(known);
    let (_, effect) =
        known(text).or_else(|| recursive().filter(|(_, effect)| effect.restricts()))?;
    Some(*effect)
}

impl Effect {
    /// Whether it is one on the mount's restrictions.
    fn restricts(self) -> bool {
        !matches!(
            self,
            Self::Bind { .. } | Self::CopyUp | Self::Nothing | Self::Refused
        )
    }
}

/// The names of the options that are accepted, sorted.
pub fn accepted() -> Vec<String> {
    let accepted = OPTIONS
        .iter()
        .filter(|(_, effect)| *effect != Effect::Refused);
    let recursive = OPTIONS.iter().filter(|(_, effect)| effect.restricts());
    let mut names: Vec<_> = accepted
        .map(|(name, _)| (*name).to_owned())
        .chain(recursive.map(|(name, _)| format!("r{name}")))
        .collect();
    names.sort_unstable();
    names
}
