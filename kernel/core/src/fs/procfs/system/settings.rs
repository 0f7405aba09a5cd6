//! /proc/sys: settings (proc_sys_kernel(5)).

use hal::sync::Once;

use super::super::directory::{Entry, EntryKind};
use super::super::text::Text;
use crate::context::hostname::Name;
use crate::context::{HostnameContext, jail};
use crate::system::{identity, random};
use crate::task::{Capability, Current, registry};
use crate::vfs::fd_table::DESCRIPTOR_LIMIT;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// The entries of /proc/sys.
pub static ENTRIES: [Entry; 2] = [
    Entry {
        name: "kernel",
        kind: EntryKind::Directory(&KERNEL),
    },
    Entry {
        name: "fs",
        kind: EntryKind::Directory(&FS),
    },
];

static KERNEL: [Entry; 8] = [
    Entry {
        name: "hostname",
        kind: EntryKind::Setting(hostname, set_hostname),
    },
    Entry {
        name: "domainname",
        kind: EntryKind::Setting(domainname, set_domainname),
    },
    Entry {
        name: "ostype",
        kind: EntryKind::Text(ostype),
    },
    Entry {
        name: "osrelease",
        kind: EntryKind::Text(osrelease),
    },
    Entry {
        name: "version",
        kind: EntryKind::Text(version),
    },
    Entry {
        name: "pid_max",
        kind: EntryKind::Text(pid_max),
    },
    Entry {
        name: "cap_last_cap",
        kind: EntryKind::Text(last_capability),
    },
    Entry {
        name: "random",
        kind: EntryKind::Directory(&RANDOM),
    },
];

static RANDOM: [Entry; 2] = [
    Entry {
        name: "boot_id",
        kind: EntryKind::Text(boot_id),
    },
    Entry {
        name: "uuid",
        kind: EntryKind::Text(uuid),
    },
];

static FS: [Entry; 1] = [Entry {
    name: "nr_open",
    kind: EntryKind::Text(descriptor_limit),
}];

fn names(current: &Current) -> Result<Arc<HostnameContext>> {
    current.process().contexts().hostname().ok_or(Errno::ESRCH)
}

fn hostname(reader: &Current, text: &mut Text) -> Result<()> {
    text.push(names(reader)?.names().host.as_bytes());
    text.push(b"\n");
    Ok(())
}

fn domainname(reader: &Current, text: &mut Text) -> Result<()> {
    text.push(names(reader)?.names().domain.as_bytes());
    text.push(b"\n");
    Ok(())
}

/// Linux asks for no capability beyond the file's permissions here; without it the calls of the same effect would be
/// easy to go round.
fn check_naming(writer: &Current) -> Result<()> {
    jail::refuse(writer)?;
    writer.require(Capability::SysAdmin)
}

fn set_hostname(writer: &Current, value: &[u8]) -> Result<()> {
    check_naming(writer)?;
    names(writer)?.set_host(Name::new(value)?);
    Ok(())
}

fn set_domainname(writer: &Current, value: &[u8]) -> Result<()> {
    check_naming(writer)?;
    names(writer)?.set_domain(Name::new(value)?);
    Ok(())
}

fn ostype(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}\n", identity::SYSTEM));
    Ok(())
}

fn osrelease(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}\n", identity::RELEASE));
    Ok(())
}

fn version(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}\n", identity::VERSION));
    Ok(())
}

fn pid_max(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}\n", registry::NUMBER_LIMIT));
    Ok(())
}

fn last_capability(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{}\n", Capability::LAST));
    Ok(())
}

fn descriptor_limit(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!("{DESCRIPTOR_LIMIT}\n"));
    Ok(())
}

/// A random identifier in the form of RFC 9562, version 4.
fn random_id() -> u128 {
    let mut bytes = [0; 16];
    random::fill(&mut bytes);
    let id = u128::from_be_bytes(bytes);
    id & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62
}

fn push_id(id: u128, text: &mut Text) {
    text.add(format_args!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}\n",
        id >> 96,
        id >> 80 & 0xffff,
        id >> 64 & 0xffff,
        id >> 48 & 0xffff,
        id & 0xffff_ffff_ffff
    ));
}

static BOOT_ID: Once<u128> = Once::new();

fn boot_id(_reader: &Current, text: &mut Text) -> Result<()> {
    push_id(*BOOT_ID.call_once(random_id), text);
    Ok(())
}

fn uuid(_reader: &Current, text: &mut Text) -> Result<()> {
    push_id(random_id(), text);
    Ok(())
}
