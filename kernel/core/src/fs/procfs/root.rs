//! /proc itself: the fixed entries, and a directory for each process in the reader's sight.

use alloc::sync::Arc;

use super::device_tree;
use super::directory::{self, Entry, EntryKind, Owner};
use super::process::{self, Subject};
use super::shown::{DirectoryInode, Entries};
use super::system;
use super::text::Text;
use crate::context::members;
use crate::task::{self, Current};
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::{FileKind, Inode, SuperBlock};
use crate::{Errno, Result};

/// The inode number of the root, as on Linux.
const ROOT_NUMBER: u64 = 1;
/// Where processes begin in reading positions.
const FIRST_PROCESS: u64 = 256;

/// The entries that are shown to the boot list alone.
const HIDDEN: [&str; 2] = ["contexts", "device-tree"];

static ENTRIES: [Entry; 19] = [
    Entry {
        name: "self",
        kind: EntryKind::OwnLink(own_directory),
    },
    Entry {
        name: "thread-self",
        kind: EntryKind::OwnLink(own_thread_directory),
    },
    Entry {
        name: "mounts",
        kind: EntryKind::Link("self/mounts"),
    },
    Entry {
        name: "cmdline",
        kind: EntryKind::Text(system::machine::command_line),
    },
    Entry {
        name: "cpuinfo",
        kind: EntryKind::Text(system::machine::cpuinfo),
    },
    Entry {
        name: "devices",
        kind: EntryKind::Text(system::machine::devices),
    },
    Entry {
        name: "filesystems",
        kind: EntryKind::Text(system::machine::filesystems),
    },
    Entry {
        name: "version",
        kind: EntryKind::Text(system::machine::version),
    },
    Entry {
        name: "loadavg",
        kind: EntryKind::Text(system::load::loadavg),
    },
    Entry {
        name: "meminfo",
        kind: EntryKind::Text(system::memory::meminfo),
    },
    Entry {
        name: "stat",
        kind: EntryKind::Text(system::load::stat),
    },
    Entry {
        name: "uptime",
        kind: EntryKind::Text(system::load::uptime),
    },
    Entry {
        name: "vmstat",
        kind: EntryKind::Text(system::memory::vmstat),
    },
    Entry {
        name: "swaps",
        kind: EntryKind::Text(system::memory::swaps),
    },
    Entry {
        name: "partitions",
        kind: EntryKind::Text(system::machine::partitions),
    },
    Entry {
        name: "kmsg",
        kind: EntryKind::Text(system::machine::kernel_log),
    },
    Entry {
        name: HIDDEN[0],
        kind: EntryKind::Text(system::contexts::contexts),
    },
    Entry {
        name: HIDDEN[1],
        kind: EntryKind::Tree(device_tree::root),
    },
    Entry {
        name: "sys",
        kind: EntryKind::Directory(&system::settings::ENTRIES),
    },
];

fn own_directory(reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}", reader.process().number().own()));
    Ok(())
}

fn own_thread_directory(reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!(
        "{}/task/{}",
        reader.process().number().own(),
        reader.number().own()
    ));
    Ok(())
}

struct Root;

/// The inode of /proc.
pub fn inode(super_block: &Arc<SuperBlock>) -> Arc<Inode> {
    directory::inode(
        super_block,
        ROOT_NUMBER,
        Owner::ROOT,
        FileKind::Directory,
        0o555,
        DirectoryInode(Root),
    )
}

/// Whether an entry is there for this reader.
fn is_shown(entry: &Entry, reader: &Current) -> bool {
    !HIDDEN.contains(&entry.name) || reader.process().contexts().sees_everyone()
}

/// The number that a name is, in Linux's only form: decimal, without leading zeros.
pub fn parse_number(name: &[u8]) -> Option<i32> {
    let text = core::str::from_utf8(name).ok()?;
    if text.starts_with(['0', '+', '-']) {
        return None;
    }
    text.parse().ok()
}

impl Entries for Root {
    /// What isn't about the reader. Entries that some readers don't see are looked for anew each time.
    fn is_permanent(&self, name: &[u8]) -> bool {
        directory::find(&ENTRIES, name).is_ok_and(|entry| {
            !HIDDEN.contains(&entry.name) && !matches!(entry.kind, EntryKind::OwnLink(_))
        })
    }

    fn lookup(&self, inode: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        let reader = task::current();
        if let Some(number) = parse_number(name) {
            let process = task::find_process(&reader, number).map_err(|_| Errno::ENOENT)?;
            return Ok(process::inode(
                inode.super_block(),
                Subject::process(process),
            ));
        }
        let entry = directory::find(&ENTRIES, name)?;
        if !is_shown(entry, &reader) {
            return Err(Errno::ENOENT);
        }
        Ok(entry.inode(inode.super_block()))
    }

    fn read_directory(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        let reader = task::current();
        let shows_all = directory::list(&ENTRIES, position.min(FIRST_PROCESS), &mut |entry| {
            let is_hidden =
                directory::find(&ENTRIES, entry.name).is_ok_and(|found| !is_shown(found, &reader));
            is_hidden || sink(entry)
        });
        if !shows_all {
            return Ok(());
        }
        let list = reader.process().contexts().list().ok_or(Errno::ESRCH)?;
        // Positions are numbers of the reader's list: they stay valid while processes come and go.
        for process in members::visible(&list)? {
            let Some(number) = process.number().seen_by(&list) else {
                continue;
            };
            let at = FIRST_PROCESS + u64::from(number);
            if at < position {
                continue;
            }
            let mut name = Text::default();
            name.add(format_args!("{number}"));
            let name = name.finish()?;
            let entry = DirectoryEntry {
                name: &name,
                inode: process::directory_number(process.host_pid()),
                kind: FileKind::Directory,
                next: at + 1,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::parse_number;

    #[test]
    fn only_plain_decimal_numbers_name_processes() {
        assert_eq!(parse_number(b"1"), Some(1));
        assert_eq!(parse_number(b"4194303"), Some(4_194_303));
        for name in [
            &b"0"[..],
            b"01",
            b"+1",
            b"-1",
            b"1x",
            b"",
            b"99999999999",
            b"\xff",
        ] {
            assert_eq!(parse_number(name), None);
        }
    }
}
