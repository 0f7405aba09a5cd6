//! Restrictions: changes of the flags of mounts and trees of mounts (mount_setattr(2)), and paths that the manager of
//! a tree makes read-only or hides.

use super::fs_context::View;
use super::location::Location;
use super::mask;
use super::mount::{Mount, MountFlags};
use super::mount_copy::clone_tree;
use super::mount_table::{self, Locking, MountTable, for_each_in_tree};
use super::path_node::NAMES;
use super::walk::{self, WalkFlags};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use gantry_abi::context::PathRestriction;

/// Changes the flags of a mount, and with `recursive` of all below it: of all or of none. In a table that isn't the
/// caller's own the new flags are locked.
///
/// # Errors
/// `EPERM` for one that is locked; `EBUSY` for one that would become read-only while files are open for writing;
/// `ENOMEM`.
pub fn change_flags(
    top: &Arc<Mount>,
    recursive: bool,
    locking: Locking,
    change: impl Fn(MountFlags) -> MountFlags,
) -> Result<()> {
    let mut mounts: Vec<(Arc<Mount>, MountFlags)> = Vec::new();
    let mut failed = false;
    for_each_in_tree(&NAMES.read(), top, |mount| {
        if (recursive || mounts.is_empty()) && mounts.make_room(1).is_ok() {
            mounts.push((mount.clone(), mount.flags()));
        } else {
            failed |= recursive;
        }
    });
    if failed {
        return Err(Errno::ENOMEM);
    }
    for (index, (mount, old)) in mounts.iter().enumerate() {
        if let Err(error) = mount.set_flags(change(*old)) {
            for (mount, old) in mounts.iter().take(index) {
                // Only less restrictions and becoming read-only can fail, and these were just there.
                let _ = mount.set_flags(*old);
            }
            return Err(error);
        }
    }
    if locking == Locking::Locked {
        mount_table::lock(&mounts)?;
    }
    Ok(())
}

/// Makes what is at a path of a table read-only, or hides it. Links are followed inside the table. What becomes of the
/// path is locked; a restriction that is there already stays.
///
/// # Errors
/// Those of a walk; `ELOOP` for a link of proc that leads to a place; `EBUSY` if the root would be hidden, or if
/// files are open for writing; `ENOMEM`.
pub fn restrict_path(
    table: &MountTable,
    view: &View<'_>,
    path: &[u8],
    restriction: PathRestriction,
) -> Result<()> {
    let inside = WalkFlags::FOLLOW | WalkFlags::IN_ROOT | WalkFlags::NO_MAGIC_LINKS;
    let place = walk::resolve(view, Some(&table.root()), path, inside)?;
    let is_mount = Arc::ptr_eq(&place.node, place.mount.root());
    match restriction {
        PathRestriction::Masked if is_mount && mask::is_mask(&place.mount) => Ok(()),
        PathRestriction::Masked => {
            let mask = mask::mount(place.inode().is_directory())?;
            mount_table::attach(&mask, &place, Locking::Locked)
        }
        PathRestriction::ReadOnly if is_mount => protect(&place.mount, Locking::Locked),
        PathRestriction::ReadOnly => cover_with_read_only(&place),
    }
}

fn protect(top: &Arc<Mount>, locking: Locking) -> Result<()> {
    change_flags(top, true, locking, |flags| flags | MountFlags::READ_ONLY)
}

/// Puts a read-only copy of a place, with the mounts below it, on the place.
fn cover_with_read_only(place: &Location) -> Result<()> {
    let copy = clone_tree(place)?;
    protect(copy.mount(), Locking::Open)?;
    mount_table::attach(copy.mount(), place, Locking::Locked)
}
