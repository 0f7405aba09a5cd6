//! Mount tables as text: /proc/N/mounts and /proc/N/mountinfo (proc(5)).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::text::Text;
use crate::Result;
use crate::vfs::path_node::NAMES;
use crate::vfs::{Location, Mount, MountFlags, MountTable, path_text};
use crate::Errno;

/// Bytes that the two files write in octal.
const SPECIAL: &[u8] = b" \t\n\\";

/// The mounts of a table, parents first.
fn mounts(table: &MountTable) -> Result<Vec<Arc<Mount>>> {
    let mut mounts = Vec::new();
    loop {
        let wanted = table.len();
        mounts.try_reserve(wanted).map_err(|_| Errno::ENOMEM)?;
        let mut fits = true;
        {
            let token = NAMES.read();
            table.for_each(&token, |mount| {
                if mounts.len() < mounts.capacity() {
                    mounts.push(Arc::clone(mount));
                } else {
                    fits = false;
                }
            });
        }
        if fits {
            return Ok(mounts);
        }
        mounts.clear();
    }
}

/// The options that every mount has, in Linux's order.
fn options(flags: MountFlags, is_read_only: bool, text: &mut Text) {
    text.push(if is_read_only { b"ro" } else { b"rw" });
    for (flag, name) in [
        (MountFlags::NO_SETUID, ",nosuid"),
        (MountFlags::NO_DEVICES, ",nodev"),
        (MountFlags::NO_EXECUTE, ",noexec"),
        (MountFlags::NO_ACCESS_TIME, ",noatime"),
        (MountFlags::NO_DIRECTORY_ACCESS_TIME, ",nodiratime"),
        (MountFlags::RELATIVE_ACCESS_TIME, ",relatime"),
        (MountFlags::NO_SYMBOLIC_LINKS, ",nosymfollow"),
    ] {
        if flags.contains(flag) {
            text.push(name.as_bytes());
        }
    }
}

fn source(mount: &Mount) -> Vec<u8> {
    let source = mount.super_block().source();
    if source.is_empty() { b"none".to_vec() } else { source }
}

/// Calls `each` with every mount whose place lies below `root`, and its path from there.
fn for_each_visible(
    table: &MountTable,
    root: &Location,
    mut each: impl FnMut(&Arc<Mount>, &[u8]),
) -> Result<()> {
    for mount in mounts(table)? {
        let path = path_text::of(&Location::root_of(&mount), root)?;
        if path.reachable {
            each(&mount, &path.text);
        }
    }
    Ok(())
}

/// The form of /proc/N/mounts (fstab(5)).
///
/// # Errors
/// `ENOMEM`.
pub fn write_mounts(table: &MountTable, root: &Location, text: &mut Text) -> Result<()> {
    for_each_visible(table, root, |mount, path| {
        let super_block = mount.super_block();
        text.push_escaped(&source(mount), SPECIAL);
        text.push(b" ");
        text.push_escaped(path, SPECIAL);
        text.add(format_args!(" {} ", super_block.operations().type_name()));
        options(mount.flags(), mount.is_read_only(), text);
        text.push(&super_block.operations().options());
        text.push(b" 0 0\n");
    })
}

/// The form of /proc/N/mountinfo.
///
/// # Errors
/// `ENOMEM`.
pub fn write_mountinfo(table: &MountTable, root: &Location, text: &mut Text) -> Result<()> {
    for_each_visible(table, root, |mount, path| {
        let super_block = mount.super_block();
        let parent = {
            let token = NAMES.read();
            // The root of a tree is shown below itself.
            mount.parent(&token).map_or(mount.id(), |place| place.mount.id())
        };
        let device = super_block.device();
        text.add(format_args!("{} {parent} {}:{} ", mount.id(), device.major, device.minor));
        text.push_escaped(&shown_directory(mount), SPECIAL);
        text.push(b" ");
        text.push_escaped(path, SPECIAL);
        text.push(b" ");
        options(mount.flags(), mount.flags().contains(MountFlags::READ_ONLY), text);
        text.add(format_args!(" - {} ", super_block.operations().type_name()));
        text.push_escaped(&source(mount), SPECIAL);
        text.push(if super_block.is_read_only() { b" ro" } else { b" rw" });
        text.push(&super_block.operations().options());
        text.push(b"\n");
    })
}

/// The directory of its file system that a mount shows.
fn shown_directory(mount: &Mount) -> Vec<u8> {
    let token = NAMES.read();
    let mut backwards = Vec::new();
    let mut node = mount.root();
    while let Some(parent) = node.parent(&token) {
        backwards.extend(node.name(&token).iter().rev());
        backwards.push(b'/');
        node = parent;
    }
    if backwards.is_empty() {
        backwards.push(b'/');
    }
    backwards.reverse();
    backwards
}
