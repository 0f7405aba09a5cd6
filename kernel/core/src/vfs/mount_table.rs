//! Mount tables: the trees of mounts that VFS root contexts have, each on its own.
//!
//! A table is its root mount and what hangs below it; nothing propagates from one table to another. Changes are made
//! in one write section of [`NAMES`] each, so that no walk ever sees half of one. References to a mount are what
//! keeps it busy: every location, and so every open file and working directory, holds one.

use super::location::Location;
use super::mount::{Child, Mount, MountFlags, MountLife};
use super::path_node::{NAMES, PathNode};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use hal::sync::{ReadToken, WriteToken};

/// Mounts in one table at most (Linux's fs.mount-max).
const MOUNT_LIMIT: usize = 100_000;

/// Mounts that are in a table.
static ATTACHED: AtomicUsize = AtomicUsize::new(0);

/// Number of mounts in all tables.
pub fn attached_mounts() -> usize {
    ATTACHED.load(Relaxed)
}

/// A tree of mounts. Dropping it unmounts everything in it, in reverse order.
#[derive(Debug)]
pub struct MountTable {
    root: Arc<Mount>,
}

impl MountTable {
    /// A table with this root mount, which is in no other.
    ///
    /// # Errors
    /// `EINVAL` if the mount is in a table already.
    pub fn new(root: Arc<Mount>) -> Result<Arc<Self>> {
        let mut token = NAMES.write();
        let state = root.state.get_mut(&mut token);
        if state.life != MountLife::Floating {
            return Err(Errno::EINVAL);
        }
        state.life = MountLife::Attached;
        drop(token);
        ATTACHED.fetch_add(1, Relaxed);
        Ok(Arc::new(Self { root }))
    }

    /// A table whose root is a fresh empty RAMFS: mode 0755, owned by user and group 0.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn create_empty_root() -> Result<Arc<Self>> {
        let super_block = crate::fs::ramfs::create_root()?;
        let root = super_block.root().ok_or(Errno::EIO)?;
        Self::new(Mount::new(super_block, root, MountFlags::empty()))
    }

    /// A table whose root is a directory seen through another mount, with that mount's flags. Mounts below it are not
    /// carried along; holding `location` keeps the source busy, the new table does not.
    ///
    /// # Errors
    /// `ENOTDIR`, `ENOMEM`.
    pub fn create_root_from(location: &Location) -> Result<Arc<Self>> {
        if !location.inode().is_directory() {
            return Err(Errno::ENOTDIR);
        }
        hal::frame::headroom()?;
        Self::new(Mount::of(location, MountFlags::empty()))
    }

    /// The root directory.
    pub fn root(&self) -> Location {
        Location::root_of(&self.root)
    }

    /// Whether a place is in this table.
    pub fn contains(&self, location: &Location) -> bool {
        Arc::ptr_eq(location.mount.top(&NAMES.read()), &self.root)
    }

    /// Unmounts everything in it, in reverse order: nobody has it as their tree any more.
    pub fn dismantle(&self) {
        dismantle(&self.root);
    }

    /// Number of mounts.
    pub fn len(&self) -> usize {
        let mut count = 0;
        for_each_in_tree(&NAMES.read(), &self.root, |_| count += 1);
        count
    }

    /// Never: there is always the root mount.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Mounts what is at `source` a second time, at `target` in this table. Not recursive; the source's flags are
    /// inherited and `more` adds to them.
    ///
    /// # Errors
    /// `EBUSY` if `target` is a mount point or the root; `ENOTDIR`, `EISDIR` for a file on a directory or the reverse.
    pub fn copy_mount(&self, source: &Location, target: &Location, more: MountFlags) -> Result<()> {
        if Arc::ptr_eq(&target.node, target.mount.root()) {
            return Err(Errno::EBUSY);
        }
        match (source.inode().is_directory(), target.inode().is_directory()) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            _ => {}
        }
        if !self.contains(target) {
            return Err(Errno::EINVAL);
        }
        hal::frame::headroom()?;
        attach_with(Mount::of(source, more), target, Stacking::Refused)
    }
}

impl Drop for MountTable {
    fn drop(&mut self) {
        dismantle(&self.root);
    }
}

/// Calls `each` for every mount of a tree, parents first, in the order in which they were made.
pub(super) fn for_each_in_tree<'a>(
    token: &'a ReadToken,
    top: &'a Arc<Mount>,
    mut each: impl FnMut(&'a Arc<Mount>),
) {
    let mut next = Some(top);
    while let Some(mount) = next {
        each(mount);
        next = successor(token, mount, top);
    }
}

/// The mount after this one in a tree, parents first.
fn successor<'a>(
    token: &'a ReadToken,
    mount: &'a Arc<Mount>,
    top: &'a Arc<Mount>,
) -> Option<&'a Arc<Mount>> {
    if let Some(first) = mount.state.get(token).children.first() {
        return Some(&first.mount);
    }
    let mut mount = mount;
    while !Arc::ptr_eq(mount, top) {
        let parent = &mount.parent(token)?.mount;
        let siblings = &parent.state.get(token).children;
        let place = siblings
            .iter()
            .position(|sibling| Arc::ptr_eq(&sibling.mount, mount))?;
        if let Some(next) = siblings.get(place + 1) {
            return Some(&next.mount);
        }
        mount = parent;
    }
    None
}

/// Whether a mount may lie on a place that is covered already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stacking {
    /// As mount(2): the newer one covers the older.
    Allowed,
    /// As `copy_mount`.
    Refused,
}

/// Puts a floating mount at `target`, on top of what may be mounted there.
///
/// # Errors
/// `EBUSY` for a table's root; `ENOTDIR` unless both or neither are directories; `EINVAL` if the target is in no
/// table or the mount is placed already; `ENOENT` if the target was removed; `ENOMEM`, `ENOSPC`.
pub fn attach(mount: Arc<Mount>, target: &Location) -> Result<()> {
    if mount.root().inode().is_directory() != target.inode().is_directory() {
        return Err(Errno::ENOTDIR);
    }
    attach_with(mount, target, Stacking::Allowed)
}

fn attach_with(mount: Arc<Mount>, target: &Location, stacking: Stacking) -> Result<()> {
    let mut token = NAMES.write();
    let place = top_of_stack(&token, target);
    if stacking == Stacking::Refused && !place.is_same(target) {
        return Err(Errno::EBUSY);
    }
    // The mount outlives the section: dropping the last reference to a file system opens sections of its own.
    place_at(&mut token, &mount, place)
}

/// The place that a new mount at `target` covers: the root of the last mount that lies there.
fn top_of_stack(token: &WriteToken, target: &Location) -> Location {
    let mut place = target.clone();
    while let Some(child) = place.mount.child_at_in_write(token, &place.node).cloned() {
        place = Location::root_of(&child);
    }
    place
}

fn place_at(token: &mut WriteToken, mount: &Arc<Mount>, place: Location) -> Result<()> {
    let target = place.mount.state.get_in_write(token);
    if target.life != MountLife::Attached
        || mount.state.get_in_write(token).life != MountLife::Floating
    {
        return Err(Errno::EINVAL);
    }
    if target.parent.is_none() && Arc::ptr_eq(&place.node, place.mount.root()) {
        return Err(Errno::EBUSY);
    }
    if place.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    if ATTACHED.load(Relaxed) >= MOUNT_LIMIT {
        return Err(Errno::ENOSPC);
    }
    let children = &mut place.mount.state.get_mut(token).children;
    children.make_room(1)?;
    children.push(Child {
        node: place.node.clone(),
        mount: mount.clone(),
    });
    place.node.add_mount(token);
    mount.state.get_mut(token).parent = Some(place);
    let changed = set_life(token, mount, MountLife::Attached);
    ATTACHED.fetch_add(changed, Relaxed);
    Ok(())
}

/// Sets the state of a whole tree; returns how many mounts it has.
fn set_life(token: &mut WriteToken, top: &Arc<Mount>, life: MountLife) -> usize {
    let mut count = 0;
    let mut mount = top.clone();
    loop {
        mount.state.get_mut(token).life = life;
        count += 1;
        let next = mount
            .state
            .get_in_write(token)
            .children
            .first()
            .map(|child| child.mount.clone());
        let next = next.or_else(|| successor_in_write(token, &mount, top));
        match next {
            Some(next) => mount = next,
            None => return count,
        }
    }
}

/// The mount after `mount` and all below it; `None` at the end of `top`'s tree.
fn successor_in_write(
    token: &WriteToken,
    mount: &Arc<Mount>,
    top: &Arc<Mount>,
) -> Option<Arc<Mount>> {
    let mut mount = mount;
    while !Arc::ptr_eq(mount, top) {
        let parent = &mount.state.get_in_write(token).parent.as_ref()?.mount;
        let siblings = &parent.state.get_in_write(token).children;
        let place = siblings
            .iter()
            .position(|sibling| Arc::ptr_eq(&sibling.mount, mount))?;
        if let Some(next) = siblings.get(place + 1) {
            return Some(next.mount.clone());
        }
        mount = parent;
    }
    None
}

/// Takes a mount out of its parent; what it returns is dropped after the write section.
fn unlink(token: &mut WriteToken, mount: &Arc<Mount>) -> Option<(Location, Child)> {
    let place = mount.state.get_mut(token).parent.take()?;
    place.node.remove_mount(token);
    let siblings = &mut place.mount.state.get_mut(token).children;
    let index = siblings
        .iter()
        .position(|sibling| Arc::ptr_eq(&sibling.mount, mount))?;
    let removed = siblings.remove(index);
    Some((place, removed))
}

/// Unmounts the mount whose root `target` is.
///
/// # Errors
/// `EINVAL` if `target` is no mount's root; `EBUSY` for a table's root, for a mount with mounts on it, and for one
/// that somebody else uses.
pub fn unmount(target: Location) -> Result<()> {
    let Location { mount, node } = target;
    if !Arc::ptr_eq(&node, mount.root()) {
        return Err(Errno::EINVAL);
    }
    let mut token = NAMES.write();
    let state = mount.state.get_in_write(&token);
    if state.life != MountLife::Attached {
        return Err(Errno::EINVAL);
    }
    // The parent's list and this call hold one reference each.
    if state.parent.is_none() || !state.children.is_empty() || Arc::strong_count(&mount) > 2 {
        return Err(Errno::EBUSY);
    }
    let removed = unlink(&mut token, &mount);
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
/// `EINVAL` if `target` is no mount's root; `EBUSY` for a table's root.
pub fn unmount_lazily(target: Location) -> Result<()> {
    let Location { mount, node } = target;
    if !Arc::ptr_eq(&node, mount.root()) {
        return Err(Errno::EINVAL);
    }
    let token = NAMES.read();
    let state = mount.state.get(&token);
    if state.life != MountLife::Attached {
        return Err(Errno::EINVAL);
    }
    if state.parent.is_none() {
        return Err(Errno::EBUSY);
    }
    drop(token);
    dismantle(&mount);
    Ok(())
}

/// Takes a tree of mounts apart, the newest first, one write section for each mount.
pub(super) fn dismantle(top: &Arc<Mount>) {
    loop {
        let mut token = NAMES.write();
        let mut mount = top.clone();
        while let Some(child) = mount.state.get_in_write(&token).children.last() {
            mount = child.mount.clone();
        }
        let removed = unlink(&mut token, &mount);
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

/// Moves the mount whose root `source` is, with everything on it, to `target` (`MS_MOVE`, `move_mount`).
///
/// # Errors
/// `EINVAL` if `source` is no mount's root, is a table's root or gone, or lies in another table than `target`;
/// `ELOOP` if `target` is below it; `ENOTDIR`, `EBUSY`, `ENOMEM` as [`attach`].
pub fn move_mount(source: &Location, target: &Location) -> Result<()> {
    let mount = &source.mount;
    if !Arc::ptr_eq(&source.node, mount.root()) {
        return Err(Errno::EINVAL);
    }
    if mount.root().inode().is_directory() != target.inode().is_directory() {
        return Err(Errno::ENOTDIR);
    }
    let mut token = NAMES.write();
    let state = mount.state.get_in_write(&token);
    match (state.life, &state.parent) {
        (MountLife::Attached, Some(_)) => {}
        _ => return Err(Errno::EINVAL),
    }
    let place = top_of_stack(&token, target);
    if place.mount.state.get_in_write(&token).life != MountLife::Attached {
        return Err(Errno::EINVAL);
    }
    let mut above = &place.mount;
    loop {
        if Arc::ptr_eq(above, mount) {
            return Err(Errno::ELOOP);
        }
        match &above.state.get_in_write(&token).parent {
            Some(parent) => above = &parent.mount,
            None => break,
        }
    }
    let mut own = mount;
    while let Some(parent) = &own.state.get_in_write(&token).parent {
        own = &parent.mount;
    }
    if !Arc::ptr_eq(own, above) {
        return Err(Errno::EINVAL);
    }
    if place.mount.state.get_in_write(&token).parent.is_none()
        && Arc::ptr_eq(&place.node, place.mount.root())
    {
        return Err(Errno::EBUSY);
    }
    if place.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    place
        .mount
        .state
        .get_mut(&mut token)
        .children
        .make_room(1)?;
    let old = unlink(&mut token, mount);
    place.mount.state.get_mut(&mut token).children.push(Child {
        node: place.node.clone(),
        mount: mount.clone(),
    });
    place.node.add_mount(&token);
    mount.state.get_mut(&mut token).parent = Some(place);
    drop(token);
    drop(old);
    Ok(())
}

/// Copies the mount at `source` as a floating one: only the mount, or with `recursive` also those below it.
///
/// # Errors
/// `ENOMEM`.
pub fn clone_tree(source: &Location, recursive: bool) -> Result<FloatingMount> {
    hal::frame::headroom()?;
    let top = FloatingMount::new(Mount::of(source, MountFlags::empty()));
    if !recursive {
        return Ok(top);
    }
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
            let child_copy = Mount::new(
                child.active_super_block(),
                child.root().clone(),
                child.flags(),
            );
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
