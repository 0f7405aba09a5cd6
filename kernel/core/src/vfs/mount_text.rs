//! Mount tables as text: /proc/N/mountinfo, /proc/N/mounts (proc(5)).

use super::location::Location;
use super::mount::{Mount, MountFlags};
use super::mount_table;
use super::path_node::NAMES;
use super::path_text;
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Options as they are shown, in Linux's order.
const OPTIONS: [(MountFlags, &str); 7] = [
    (MountFlags::NO_SETUID, ",nosuid"),
    (MountFlags::NO_DEVICES, ",nodev"),
    (MountFlags::NO_EXECUTE, ",noexec"),
    (MountFlags::NO_ACCESS_TIME, ",noatime"),
    (MountFlags::NO_DIRECTORY_ACCESS_TIME, ",nodiratime"),
    (MountFlags::RELATIVE_ACCESS_TIME, ",relatime"),
    (MountFlags::NO_SYMBOLIC_LINKS, ",nosymfollow"),
];

struct Text(Vec<u8>);

impl Text {
    fn add(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.make_room(bytes.len())?;
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// White space and backslashes in names become octal escapes.
    fn add_escaped(&mut self, bytes: &[u8]) -> Result<()> {
        for &byte in bytes {
            match byte {
                b' ' | b'\t' | b'\n' | b'\\' | b'#' => {
                    self.add(format!("\\{byte:03o}").as_bytes())?
                }
                _ => self.add(&[byte])?,
            }
        }
        Ok(())
    }

    fn add_flags(&mut self, flags: MountFlags, read_only: bool) -> Result<()> {
        self.add(if read_only { b"ro" } else { b"rw" })?;
        for (flag, text) in OPTIONS {
            if flags.contains(flag) {
                self.add(text.as_bytes())?;
            }
        }
        Ok(())
    }
}

/// The mounts that a process with this root can reach, each with its path.
fn reachable(root: &Location) -> Result<Vec<(Arc<Mount>, Vec<u8>)>> {
    let mut all = Vec::new();
    let top = root.mount.top(&NAMES.read()).clone();
    let mut failed = false;
    mount_table::for_each_in_tree(&NAMES.read(), &top, |mount| {
        if all.make_room(1).is_ok() {
            all.push(mount.clone());
        } else {
            failed = true;
        }
    });
    if failed {
        return Err(Errno::ENOMEM);
    }
    let mut shown = Vec::new();
    shown.make_room_exact(all.len())?;
    for mount in all {
        if let Some(path) = path_text::below(&Location::root_of(&mount), root)? {
            shown.push((mount, path));
        } else if Arc::ptr_eq(&mount, &root.mount) {
            // The root is a directory in the middle of this mount.
            shown.push((mount, b"/".to_vec()));
        }
    }
    Ok(shown)
}

/// The table in the form of /proc/N/mountinfo.
///
/// # Errors
/// `ENOMEM`.
pub fn mount_info(root: &Location) -> Result<Vec<u8>> {
    let mut text = Text(Vec::new());
    for (mount, path) in reachable(root)? {
        let super_block = mount.super_block();
        let parent = mount
            .parent(&NAMES.read())
            .map_or(mount.id(), |place| place.mount.id());
        let device = super_block.device();
        text.add(
            format!(
                "{} {} {}:{} ",
                mount.id(),
                parent,
                device.major,
                device.minor
            )
            .as_bytes(),
        )?;
        text.add_escaped(&path_text::in_file_system(&mount)?)?;
        text.add(b" ")?;
        text.add_escaped(&path)?;
        text.add(b" ")?;
        text.add_flags(mount.flags(), mount.flags().contains(MountFlags::READ_ONLY))?;
        text.add(b" - ")?;
        text.add(super_block.operations().type_name().as_bytes())?;
        text.add(b" ")?;
        text.add_escaped(&super_block.source())?;
        text.add(if super_block.is_read_only() {
            b" ro"
        } else {
            b" rw"
        })?;
        text.add(&super_block.operations().options()?)?;
        text.add(b"\n")?;
    }
    Ok(text.0)
}

/// The table in the form of /proc/N/mounts.
///
/// # Errors
/// `ENOMEM`.
pub fn mounts(root: &Location) -> Result<Vec<u8>> {
    let mut text = Text(Vec::new());
    for (mount, path) in reachable(root)? {
        let super_block = mount.super_block();
        text.add_escaped(&super_block.source())?;
        text.add(b" ")?;
        text.add_escaped(&path)?;
        text.add(b" ")?;
        text.add(super_block.operations().type_name().as_bytes())?;
        text.add(b" ")?;
        text.add_flags(mount.flags(), mount.is_read_only())?;
        text.add(&super_block.operations().options()?)?;
        text.add(b" 0 0\n")?;
    }
    Ok(text.0)
}
