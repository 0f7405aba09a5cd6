//! Mount tables: the trees of mounts that VFS root contexts have, each on its own.
//!
//! A table is its root mount and what hangs below it; nothing propagates from one table to another. Changes are made
//! in one write section of [`NAMES`] each, so that no walk ever sees half of one. References to a mount are what
//! keeps it busy: every location, and so every open file and working directory, holds one.

use super::location::Location;
use super::mask;
use super::mount::{Child, Mount, MountFlags, MountLife};
use super::mount_copy::clone_mount;
use super::path_node::NAMES;
use super::unmount::{dismantle, unlink};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use hal::sync::{ReadToken, WriteToken};

/// Mounts in one table at most (Linux's fs.mount-max).
const MOUNT_LIMIT: usize = 100_000;

/// Mounts that are in a table.
pub(super) static ATTACHED: AtomicUsize = AtomicUsize::new(0);

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
    /// `ENOTDIR`; `EINVAL` if a locked mount lies below the directory; `ENOMEM`.
    pub fn create_root_from(location: &Location) -> Result<Arc<Self>> {
        if !location.inode().is_directory() {
            return Err(Errno::ENOTDIR);
        }
        let copy = clone_mount(location, MountFlags::empty())?;
        Self::new(copy.mount().clone())
    }

    /// Locks the root mount of a new table, whose maker has `creator` as its root: what the maker can't see by
    /// mounting anew, nobody in the new table can.
    pub fn lock_root(&self, creator: &Location) {
        let token = NAMES.read();
        self.root.lock.close(self.root.flags());
        if creator.mount.top(&token).is_confined() {
            self.root.confine();
        }
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
    /// `EBUSY` if `target` is a mount point or the root; `ENOTDIR`, `EISDIR` for a file on a directory or the reverse;
    /// `EINVAL` if a locked mount lies below the source.
    pub fn copy_mount(
        &self,
        source: &Location,
        target: &Location,
        more: MountFlags,
        locking: Locking,
    ) -> Result<()> {
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
        let copy = clone_mount(source, more)?;
        attach_with(copy.mount(), target, Stacking::Refused, locking)
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

/// Whether a mount that gets its place is locked there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Locking {
    /// Whoever lives in the table may unmount it.
    Open,
    /// See [`super::mount_lock`].
    Locked,
}

impl Locking {
    /// What holds for a change that a process with this root makes at a place: it is locked in a table that isn't the
    /// process's own.
    pub fn between(root: &Location, place: &Location) -> Self {
        let token = NAMES.read();
        let (own, other) = (root.mount.top(&token), place.mount.top(&token));
        if Arc::ptr_eq(own, other) {
            Self::Open
        } else {
            Self::Locked
        }
    }
}

/// Puts a floating mount at `target`, on top of what may be mounted there.
///
/// # Errors
/// `EBUSY` for a table's root; `ENOTDIR` unless both or neither are directories; `EINVAL` if the target is in no
/// table or the mount is placed already; `ENOENT` if the target was removed; `EOPNOTSUPP` if its directory finds it
/// anew each time (/proc/N); `ENOMEM`, `ENOSPC`.
pub fn attach(mount: &Arc<Mount>, target: &Location, locking: Locking) -> Result<()> {
    if mount.root().inode().is_directory() != target.inode().is_directory() {
        return Err(Errno::ENOTDIR);
    }
    attach_with(mount, target, Stacking::Allowed, locking)
}

fn attach_with(
    mount: &Arc<Mount>,
    target: &Location,
    stacking: Stacking,
    locking: Locking,
) -> Result<()> {
    if locking == Locking::Locked {
        mask::prepare()?;
    }
    let mut token = NAMES.write();
    let place = top_of_stack(&token, target);
    if stacking == Stacking::Refused && !place.is_same(target) {
        return Err(Errno::EBUSY);
    }
    place_at(&mut token, mount, place, locking)
}

/// The place that a new mount at `target` covers: the root of the last mount that lies there.
fn top_of_stack(token: &WriteToken, target: &Location) -> Location {
    let mut place = target.clone();
    while let Some(child) = place.mount.child_at_in_write(token, &place.node).cloned() {
        place = Location::root_of(&child);
    }
    place
}

/// Whether a mount can lie at this place.
fn check_place(token: &WriteToken, place: &Location) -> Result<()> {
    let target = place.mount.state.get_in_write(token);
    if target.life != MountLife::Attached {
        return Err(Errno::EINVAL);
    }
    if target.parent.is_none() && Arc::ptr_eq(&place.node, place.mount.root()) {
        return Err(Errno::EBUSY);
    }
    if place.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    // No walk would find the mount.
    if !place.node.is_remembered(token) {
        return Err(Errno::EOPNOTSUPP);
    }
    Ok(())
}

fn place_at(
    token: &mut WriteToken,
    mount: &Arc<Mount>,
    place: Location,
    locking: Locking,
) -> Result<()> {
    check_place(token, &place)?;
    if mount.state.get_in_write(token).life != MountLife::Floating {
        return Err(Errno::EINVAL);
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
    let mut count = 0;
    for_each_in_write(token, mount, |token, mount| {
        mount.state.get_mut(token).life = MountLife::Attached;
        count += 1;
        if locking == Locking::Locked {
            lock_one(token, mount);
        }
    });
    ATTACHED.fetch_add(count, Relaxed);
    Ok(())
}

/// Locks mounts where and as they are, unless their tree has no place.
///
/// # Errors
/// `ENOMEM`.
pub(super) fn lock(mounts: &[(Arc<Mount>, MountFlags)]) -> Result<()> {
    mask::prepare()?;
    let token = NAMES.write();
    for (mount, _) in mounts {
        if mount.state.get_in_write(&token).life == MountLife::Attached {
            lock_one(&token, mount);
        }
    }
    Ok(())
}

/// Locks a mount that is in a table. What it hides of the system is not to be had from a new mount either.
fn lock_one(token: &WriteToken, mount: &Arc<Mount>) {
    mount.lock.close(mount.flags());
    let shows_system = |mount: &Mount| mount.super_block().operations().shows_system();
    let covers_system = match &mount.state.get_in_write(token).parent {
        Some(place) => shows_system(&place.mount),
        None => false,
    };
    if covers_system || (shows_system(mount) && mount.flags().contains(MountFlags::READ_ONLY)) {
        top_in_write(token, mount).confine();
    }
}

/// The root mount of the tree that a mount is in.
fn top_in_write<'a>(token: &'a WriteToken, mount: &'a Arc<Mount>) -> &'a Arc<Mount> {
    let mut top = mount;
    while let Some(parent) = &top.state.get_in_write(token).parent {
        top = &parent.mount;
    }
    top
}

/// Calls `each` for every mount of a tree, parents first, in a write section.
fn for_each_in_write(
    token: &mut WriteToken,
    top: &Arc<Mount>,
    mut each: impl FnMut(&mut WriteToken, &Arc<Mount>),
) {
    let mut mount = top.clone();
    loop {
        each(token, &mount);
        let state = mount.state.get_in_write(token);
        let next = state.children.first().map(|child| child.mount.clone());
        let next = next.or_else(|| successor_in_write(token, &mount, top));
        match next {
            Some(next) => mount = next,
            None => return,
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

/// Moves the mount whose root `source` is, with everything on it, to `target` (`MS_MOVE`, `move_mount`).
///
/// # Errors
/// `EINVAL` if `source` is no mount's root, is a table's root, locked or gone, or lies in another table than `target`;
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
        (MountLife::Attached, Some(_)) if !mount.lock.holds_place() => {}
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
    if !Arc::ptr_eq(top_in_write(&token, mount), above) {
        return Err(Errno::EINVAL);
    }
    check_place(&token, &place)?;
    place
        .mount
        .state
        .get_mut(&mut token)
        .children
        .make_room(1)?;
    let old = unlink(&mut token, mount, None);
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
