//! Copies of mounts and trees of mounts (`MS_BIND`, open_tree(2)), and the guard of those that have no place yet.

use super::location::Location;
use super::mount::{Child, Mount, MountFlags};
use super::path_node::{NAMES, PathNode};
use super::unmount::dismantle;
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Copies the mount at `source` as a floating one, without those below it, with its flags and more.
///
/// # Errors
/// `EINVAL` if a locked mount lies below, as the copy would show what that covers; `ENOMEM`.
pub fn clone_mount(source: &Location, more: MountFlags) -> Result<FloatingMount> {
    hal::frame::headroom()?;
    let token = NAMES.read();
    let children = &source.mount.state.get(&token).children;
    let mut locked = children
        .iter()
        .filter(|child| child.mount.lock.holds_place());
    if locked.any(|child| child.node.is_at_or_below(&token, &source.node)) {
        return Err(Errno::EINVAL);
    }
    drop(token);
    Ok(FloatingMount::new(Mount::of(source, more)))
}

/// Copies the mount at `source` and those below it as a floating tree.
///
/// # Errors
/// `ENOMEM`.
pub fn clone_tree(source: &Location) -> Result<FloatingMount> {
    hal::frame::headroom()?;
    let top = FloatingMount::new(Mount::of(source, MountFlags::empty()));
    // Pairs of a mount that is being copied and its copy; the list grows while it is worked through.
    let mut pairs: Vec<(Arc<Mount>, Arc<Mount>)> = Vec::new();
    pairs.make_room(1)?;
    pairs.push((source.mount.clone(), top.mount().clone()));
    let mut done = 0;
    while let Some((original, copy)) = pairs.get(done).cloned() {
        done += 1;
        for (child, node) in children_below(&original, copy.root())? {
            hal::frame::headroom()?;
            pairs.make_room(1)?;
            let child_copy = child.duplicate();
            let mut token = NAMES.write();
            let siblings = &mut copy.state.get_mut(&mut token).children;
            siblings.make_room(1)?;
            siblings.push(Child {
                node: node.clone(),
                mount: child_copy.clone(),
            });
            node.add_mount(&token);
            child_copy.state.get_mut(&mut token).parent = Some(Location {
                mount: copy.clone(),
                node,
            });
            drop(token);
            pairs.push((child, child_copy));
        }
    }
    Ok(top)
}

/// The mounts on directories of `mount` that are at or below `root`, each with its directory.
fn children_below(mount: &Mount, root: &PathNode) -> Result<Vec<(Arc<Mount>, Arc<PathNode>)>> {
    let mut found = Vec::new();
    let token = NAMES.read();
    for child in &mount.state.get(&token).children {
        if child.node.is_at_or_below(&token, root) {
            found.make_room(1)?;
            found.push((child.mount.clone(), child.node.clone()));
        }
    }
    Ok(found)
}

/// A mount that is at no place yet: taken apart, with what is on it, if it never gets one.
#[derive(Debug)]
pub struct FloatingMount(Arc<Mount>);

impl FloatingMount {
    /// Guards a floating mount.
    pub fn new(mount: Arc<Mount>) -> Self {
        Self(mount)
    }

    /// The mount.
    pub fn mount(&self) -> &Arc<Mount> {
        &self.0
    }
}

impl Drop for FloatingMount {
    fn drop(&mut self) {
        if self.0.is_floating() {
            dismantle(&self.0);
        }
    }
}
