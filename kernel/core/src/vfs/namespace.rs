//! Changes of directories: making, linking and removing names.
//!
//! Each holds the directory's `change` lock from looking the name up to the end, so that the name cache and the file
//! system stay of one mind; walks go on meanwhile.

use super::fs_context::View;
use super::inode::{Inode, NamePolicy, NewInode};
use super::kind::{DeviceNumber, FileKind, SET_GROUP_ID};
use super::location::Location;
use super::name::Name;
use super::name_eviction;
use super::path_node::{NAMES, PathNode};
use super::permission::{self, EXECUTE, WRITE};
use super::walk::Parent;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// What shall be made.
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    /// Its kind.
    pub kind: FileKind,
    /// Permission bits, before the umask.
    pub permissions: u32,
    /// The device of a device node.
    pub device: DeviceNumber,
    /// The target of a symbolic link.
    pub target: &'a [u8],
}

impl Creation<'static> {
    /// A regular file, a directory, a FIFO or a socket.
    pub fn plain(kind: FileKind, permissions: u32) -> Self {
        Self {
            kind,
            permissions,
            device: DeviceNumber::NONE,
            target: &[],
        }
    }
}

/// The node of a name in a directory whose `change` lock is held; `None` if there is no such name.
///
/// # Errors
/// What the file system says but `ENOENT`.
pub(super) fn find(directory: &Location, name: &Name) -> Result<Option<Arc<PathNode>>> {
    let inode = directory.inode();
    let policy = inode.name_policy();
    if policy != NamePolicy::Dynamic {
        let component = name.component();
        let token = NAMES.read();
        if let Some(child) = directory.node.child(&token, &component) {
            return Ok(Some(child.clone()));
        }
        if policy == NamePolicy::Pinned || directory.node.is_known_missing(&token, &component) {
            return Ok(None);
        }
    }
    let stored;
    let mut name = name;
    if policy == NamePolicy::Folded {
        match inode.operations().stored_name(inode, name) {
            Ok(bytes) => stored = Name::from_slice(&bytes),
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error),
        }
        if let Some(child) = directory.node.child(&NAMES.read(), &stored.component()) {
            return Ok(Some(child.clone()));
        }
        name = &stored;
    }
    let found = match inode.operations().lookup(inode, name) {
        Ok(found) => found,
        Err(Errno::ENOENT) => {
            if policy == NamePolicy::Cached {
                directory
                    .node
                    .remember_missing(&mut NAMES.write(), name.clone());
            }
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    hal::frame::headroom()?;
    let node = PathNode::new_child(&directory.node, name, found);
    if policy.keeps_found() {
        name_eviction::leave_memory();
        directory.node.attach(&mut NAMES.write(), &node)?;
    } else if inode.operations().is_permanent(name) {
        let mut token = NAMES.write();
        // No lock kept others from finding it at the same time.
        if let Some(known) = directory.node.child_in_write(&token, &name.component()) {
            return Ok(Some(known.clone()));
        }
        directory.node.attach(&mut token, &node)?;
    }
    Ok(Some(node))
}

/// The node of a name, asked for from the file system unless it is cached; `None` if there is no such name. Mounts on
/// it are not entered.
///
/// # Errors
/// What the file system says but `ENOENT`.
pub(crate) fn look_up(directory: &Location, name: &Name) -> Result<Option<Arc<PathNode>>> {
    let inode = directory.inode();
    let _changing = inode
        .name_policy()
        .keeps_found()
        .then(|| inode.change.lock());
    find(directory, name)
}

/// Checks that a directory may get a new name.
fn check_addition(directory: &Location, view: &View<'_>) -> Result<()> {
    if directory.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    if directory.is_read_only() {
        return Err(Errno::EROFS);
    }
    permission::check(directory.inode(), view.credentials, WRITE | EXECUTE)
}

/// Makes room for a new name where the file system keeps names of its own: once it has changed them, the cache must
/// follow.
pub(super) fn reserve(directory: &Location) -> Result<()> {
    if directory.inode().name_policy().keeps_found() {
        directory.node.reserve(&mut NAMES.write())?;
    }
    Ok(())
}

/// The name that the cache keeps for an entry which gets this one, if that may be another: the name of the entry whose
/// place it takes, or what the file system keeps of it.
pub(super) fn kept(directory: &Location, name: &Name, replaced: Option<&PathNode>) -> Option<Name> {
    let inode = directory.inode();
    if inode.name_policy() != NamePolicy::Folded {
        return None;
    }
    Some(match replaced {
        Some(node) => Name::from_slice(node.name(&NAMES.read())),
        None => Name::from_slice(inode.operations().kept_name(name)),
    })
}

/// Puts an inode's new name into the cache.
fn enter(directory: &Location, name: &Name, inode: Arc<Inode>) -> Result<Arc<PathNode>> {
    let kept = kept(directory, name, None);
    let node = PathNode::new_child(&directory.node, kept.as_ref().unwrap_or(name), inode);
    let policy = directory.inode().name_policy();
    if policy.keeps_found() {
        name_eviction::leave_memory();
    }
    if policy != NamePolicy::Dynamic {
        let mut token = NAMES.write();
        if policy == NamePolicy::Cached {
            directory.node.forget_missing(&mut token, name);
        }
        let attached = directory.node.attach(&mut token, &node);
        drop(token);
        attached?;
    }
    Ok(node)
}

/// Makes a file that must not exist yet (mkdir, mknod, symlink).
///
/// # Errors
/// `EEXIST`; `ENOENT` for a trailing slash on what isn't a directory, or if the directory is gone; `EROFS`, `EACCES`,
/// `ENOSPC`, `ENOMEM`, and what the file system says.
pub fn create(view: &View<'_>, parent: &Parent, creation: &Creation<'_>) -> Result<Location> {
    let name = parent.name(Errno::EEXIST)?;
    let _changing = parent.directory.inode().change.lock();
    if find(&parent.directory, name)?.is_some() {
        return Err(Errno::EEXIST);
    }
    if parent.trailing_slash && creation.kind != FileKind::Directory {
        return Err(Errno::ENOENT);
    }
    create_locked(view, &parent.directory, name, creation)
}

/// Makes a file, or finds that it is there; says which (open with `O_CREAT`).
///
/// # Errors
/// As [`create`], without `EEXIST`.
pub fn create_or_find(
    view: &View<'_>,
    directory: &Location,
    name: &Name,
    creation: &Creation<'_>,
) -> Result<(Location, bool)> {
    let _changing = directory.inode().change.lock();
    match find(directory, name)? {
        Some(node) => Ok((
            Location {
                mount: directory.mount.clone(),
                node,
            },
            false,
        )),
        None => create_locked(view, directory, name, creation).map(|location| (location, true)),
    }
}

fn create_locked(
    view: &View<'_>,
    directory: &Location,
    name: &Name,
    creation: &Creation<'_>,
) -> Result<Location> {
    check_addition(directory, view)?;
    let holder = directory.inode();
    let credentials = view.credentials;
    let mut permissions = creation.permissions & !view.fs.umask();
    let mut group = credentials.fsgid;
    if holder.attributes.mode() & SET_GROUP_ID != 0 {
        group = holder.attributes.group();
        if creation.kind == FileKind::Directory {
            permissions |= SET_GROUP_ID;
        } else if permissions & (SET_GROUP_ID | 0o010) == SET_GROUP_ID | 0o010
            && !permission::may_set_group_id(credentials, group)
        {
            permissions &= !SET_GROUP_ID;
        }
    }
    if creation.kind == FileKind::SymbolicLink {
        permissions = 0o777;
    }
    let new = NewInode {
        kind: creation.kind,
        permissions,
        owner: credentials.fsuid,
        group,
        device: creation.device,
        target: creation.target,
    };
    reserve(directory)?;
    let inode = holder.operations().create(holder, name, &new)?;
    let node = enter(directory, name, inode)?;
    if creation.kind == FileKind::Directory {
        holder.attributes.add_link();
    }
    holder.attributes.touch_modified();
    Ok(Location {
        mount: directory.mount.clone(),
        node,
    })
}

/// Gives a file one more name.
///
/// # Errors
/// `EPERM` for a directory; `EXDEV` across mounts; `EEXIST`, `ENOENT`, `EROFS`, `EACCES`, `ENOSPC`, `ENOMEM`.
pub fn link(view: &View<'_>, source: &Location, parent: &Parent) -> Result<()> {
    let name = parent.name(Errno::EEXIST)?;
    let directory = &parent.directory;
    let holder = directory.inode();
    let _changing = holder.change.lock();
    if find(directory, name)?.is_some() {
        return Err(Errno::EEXIST);
    }
    if parent.trailing_slash {
        return Err(Errno::ENOENT);
    }
    if !Arc::ptr_eq(&source.mount, &directory.mount)
        || !Arc::ptr_eq(source.inode().super_block(), holder.super_block())
    {
        return Err(Errno::EXDEV);
    }
    check_addition(directory, view)?;
    let inode = source.inode();
    if inode.is_directory() {
        return Err(Errno::EPERM);
    }
    if inode.attributes.links() == 0 {
        return Err(Errno::ENOENT);
    }
    reserve(directory)?;
    holder.operations().link(holder, name, inode)?;
    enter(directory, name, inode.clone())?;
    inode.attributes.add_link();
    inode.attributes.touch_changed();
    holder.attributes.touch_modified();
    Ok(())
}

/// Which of the two removing calls it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// unlink(2).
    File,
    /// rmdir(2).
    Directory,
}

/// Takes a name away.
///
/// # Errors
/// unlink: `EISDIR` for a directory; rmdir: `ENOTDIR`, `ENOTEMPTY`, `EINVAL` for ".". `EBUSY` for a mount point or the
/// root; `ENOENT`, `EROFS`, `EACCES`, `EPERM` (sticky bit).
pub fn remove(view: &View<'_>, parent: &Parent, removal: Removal) -> Result<()> {
    use super::walk::Last;
    let name = match (&parent.last, removal) {
        (Last::Normal(name), _) => name,
        (_, Removal::File) => return Err(Errno::EISDIR),
        (Last::Dot, Removal::Directory) => return Err(Errno::EINVAL),
        (Last::DotDot, Removal::Directory) => return Err(Errno::ENOTEMPTY),
        (Last::Root, Removal::Directory) => return Err(Errno::EBUSY),
    };
    let directory = &parent.directory;
    let holder = directory.inode();
    let _changing = holder.change.lock();
    let node = find(directory, name)?.ok_or(Errno::ENOENT)?;
    let inode = node.inode();
    if directory.is_read_only() {
        return Err(Errno::EROFS);
    }
    permission::check_removal(holder, inode, view.credentials)?;
    match (removal, inode.is_directory()) {
        (Removal::File, true) => return Err(Errno::EISDIR),
        (Removal::Directory, false) => return Err(Errno::ENOTDIR),
        (Removal::File, false) if parent.trailing_slash => return Err(Errno::ENOTDIR),
        _ => {}
    }
    if node.is_mount_point() {
        return Err(Errno::EBUSY);
    }
    let _emptying = inode.is_directory().then(|| inode.change.lock());
    if inode.is_directory() && !node.has_no_children(&NAMES.read()) {
        return Err(Errno::ENOTEMPTY);
    }
    holder.operations().unlink(holder, name, inode)?;
    let detached = directory.node.detach(&mut NAMES.write(), &node);
    drop(detached);
    dropped_name(holder, inode);
    holder.attributes.touch_modified();
    Ok(())
}

/// Counts the links of an inode that has lost a name in `holder`.
pub(super) fn dropped_name(holder: &Inode, inode: &Inode) {
    if inode.is_directory() {
        inode.attributes.set_links(0);
        holder.attributes.remove_link();
    } else {
        inode.attributes.remove_link();
    }
    inode.attributes.touch_changed();
}
