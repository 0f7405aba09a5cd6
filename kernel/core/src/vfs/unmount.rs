//! Taking mounts away (umount(2)).

use super::location::Location;
use super::mask;
use super::mount::{Child, Mount, MountLife, MountState};
use super::mount_table::ATTACHED;
use super::path_node::NAMES;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::sync::atomic::Ordering::Relaxed;
use hal::sync::WriteToken;

/// Unmounts the mount whose root `target` is.
///
/// # Errors
/// `EINVAL` if `target` is no mount's root, or locked; `EBUSY` for a table's root, for a mount with mounts on it, and
/// for one that somebody else uses.
pub fn unmount(target: Location) -> Result<()> {
    let Location { mount, node } = target;
    if !Arc::ptr_eq(&node, mount.root()) {
        return Err(Errno::EINVAL);
    }
    let mut token = NAMES.write();
    let state = mount.state.get_in_write(&token);
    if state.life != MountLife::Attached || is_locked(&mount, state) {
        return Err(Errno::EINVAL);
    }
    // The parent's list and this call hold one reference each.
    if state.parent.is_none() || !state.children.is_empty() || Arc::strong_count(&mount) > 2 {
        return Err(Errno::EBUSY);
    }
    let removed = unlink(&mut token, &mount, None);
    mount.state.get_mut(&mut token).life = MountLife::Gone;
    drop(token);
    ATTACHED.fetch_sub(1, Relaxed);
    drop(removed);
    Ok(())
}

/// Unmounts the mount whose root `target` is and everything on it at once, whoever uses it: they keep their files
/// (`MNT_DETACH`).
///
/// # Errors
/// `EINVAL` if `target` is no mount's root, or locked; `EBUSY` for a table's root.
pub fn unmount_lazily(target: Location) -> Result<()> {
    let Location { mount, node } = target;
    if !Arc::ptr_eq(&node, mount.root()) {
        return Err(Errno::EINVAL);
    }
    let token = NAMES.read();
    let state = mount.state.get(&token);
    if state.life != MountLife::Attached || is_locked(&mount, state) {
        return Err(Errno::EINVAL);
    }
    if state.parent.is_none() {
        return Err(Errno::EBUSY);
    }
    drop(token);
    dismantle(&mount);
    Ok(())
}

/// Whether the mount can't be unmounted. A table's root has no place to leave: that it is busy says more.
fn is_locked(mount: &Mount, state: &MountState) -> bool {
    state.parent.is_some() && mount.lock.holds_place()
}

/// Takes a tree of mounts apart, the newest first, one write section for each mount. Whoever still holds a directory
/// of it sees masks where mounts were locked, not what they covered.
pub(super) fn dismantle(top: &Arc<Mount>) {
    loop {
        let mut token = NAMES.write();
        let mut mount = top.clone();
        while let Some(child) = newest_child(&token, &mount) {
            mount = child;
        }
        let is_inner = !Arc::ptr_eq(&mount, top) && mount.lock.holds_place();
        let cover = is_inner
            .then(|| mask::cover(mount.root().inode().is_directory()))
            .flatten();
        let removed = unlink(&mut token, &mount, cover);
        let state = mount.state.get_mut(&mut token);
        let was_attached = state.life == MountLife::Attached;
        state.life = MountLife::Gone;
        let last = Arc::ptr_eq(&mount, top);
        drop(token);
        if was_attached {
            ATTACHED.fetch_sub(1, Relaxed);
        }
        drop(removed);
        drop(mount);
        if last {
            return;
        }
    }
}

/// The mount that was put on this one last; covers of earlier ones don't count.
fn newest_child(token: &WriteToken, mount: &Mount) -> Option<Arc<Mount>> {
    let mut children = mount.state.get_in_write(token).children.iter().rev();
    children
        .find(|child| child.mount.state.get_in_write(token).life != MountLife::Gone)
        .map(|child| child.mount.clone())
}

/// Takes a mount out of its parent, and puts `cover` there if there is one; what it returns is dropped after the write
/// section.
pub(super) fn unlink(
    token: &mut WriteToken,
    mount: &Arc<Mount>,
    cover: Option<Arc<Mount>>,
) -> Option<(Location, Child)> {
    let place = mount.state.get_mut(token).parent.take()?;
    let siblings = &mut place.mount.state.get_mut(token).children;
    let index = siblings
        .iter()
        .position(|sibling| Arc::ptr_eq(&sibling.mount, mount))?;
    let removed = match (cover, siblings.get_mut(index)) {
        (Some(mount), Some(sibling)) => {
            let node = sibling.node.clone();
            core::mem::replace(sibling, Child { node, mount })
        }
        _ => {
            let removed = siblings.remove(index);
            place.node.remove_mount(token);
            removed
        }
    };
    Some((place, removed))
}
