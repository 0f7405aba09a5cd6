//! Moving names: rename(2), renameat2(2).

use super::fs_context::View;
use super::inode::{Inode, Renaming};
use super::location::Location;
use super::name::Name;
use super::namespace::{dropped_name, find, kept, reserve};
use super::path_node::{NAMES, PathNode};
use super::permission::{self, EXECUTE, WRITE};
use super::walk::Parent;
use crate::sched::MutexGuard;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// What happens to a file at the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replacement {
    /// It goes.
    Allowed,
    /// The call fails (`RENAME_NOREPLACE`).
    Refused,
    /// It gets the old name (`RENAME_EXCHANGE`).
    Exchange,
}

/// Both directories, locked: ancestors first, otherwise the one at the lower address.
struct Locked<'a> {
    _renames: Option<MutexGuard<'a, ()>>,
    _first: MutexGuard<'a, ()>,
    _second: Option<MutexGuard<'a, ()>>,
}

fn lock<'a>(from: &'a Location, to: &'a Location) -> Locked<'a> {
    if Arc::ptr_eq(&from.node, &to.node) {
        return Locked {
            _renames: None,
            _first: from.inode().change.lock(),
            _second: None,
        };
    }
    // No directory of the file system moves elsewhere while this is held, so being above another one stays true.
    let renames = from.inode().super_block().renames.lock();
    let token = NAMES.read();
    let from_first = if to.node.is_at_or_below(&token, &from.node) {
        true
    } else if from.node.is_at_or_below(&token, &to.node) {
        false
    } else {
        Arc::as_ptr(&from.node) < Arc::as_ptr(&to.node)
    };
    drop(token);
    let (first, second) = if from_first { (from, to) } else { (to, from) };
    let first = first.inode().change.lock();
    Locked {
        _renames: Some(renames),
        _first: first,
        _second: Some(second.inode().change.lock()),
    }
}

fn lock_removed(inode: &Inode) -> Option<MutexGuard<'_, ()>> {
    inode.is_directory().then(|| inode.change.lock())
}

/// Moves what `from` names to the name `to`.
///
/// # Errors
/// `ENOENT`, `EEXIST`, `EXDEV` across mounts, `EINVAL` into its own subtree, `ENOTEMPTY`, `ENOTDIR`, `EISDIR`, `EBUSY`
/// for mount points and for "." and "..", `EROFS`, `EACCES`, `EPERM`, `ENOMEM`.
pub fn rename(view: &View<'_>, from: &Parent, to: &Parent, replacement: Replacement) -> Result<()> {
    if !Arc::ptr_eq(&from.directory.mount, &to.directory.mount) {
        return Err(Errno::EXDEV);
    }
    let name = from.name(Errno::EBUSY)?;
    let new_name = to.name(if replacement == Replacement::Refused {
        Errno::EEXIST
    } else {
        Errno::EBUSY
    })?;
    let _locked = lock(&from.directory, &to.directory);
    if from.directory.node.is_removed() || to.directory.node.is_removed() {
        return Err(Errno::ENOENT);
    }
    let source = find(&from.directory, name)?.ok_or(Errno::ENOENT)?;
    let target = find(&to.directory, new_name)?;
    match (replacement, &target) {
        (Replacement::Refused, Some(_)) => return Err(Errno::EEXIST),
        (Replacement::Exchange, None) => return Err(Errno::ENOENT),
        _ => {}
    }
    if !source.inode().is_directory()
        && (from.trailing_slash || (to.trailing_slash && replacement != Replacement::Exchange))
    {
        return Err(Errno::ENOTDIR);
    }
    check_not_above(&source, target.as_ref(), from, to, replacement)?;
    if target
        .as_ref()
        .is_some_and(|target| Arc::ptr_eq(target.inode(), source.inode()))
    {
        return Ok(());
    }
    check_permitted(view, from, to, &source, target.as_ref(), replacement)?;
    if source.is_mount_point()
        || target
            .as_ref()
            .is_some_and(|target| target.is_mount_point())
    {
        return Err(Errno::EBUSY);
    }
    match target {
        Some(target) if replacement == Replacement::Exchange => {
            exchange(from, to, name, new_name, &source, &target)
        }
        target => relocate(from, to, name, new_name, &source, target),
    }
}

fn check_not_above(
    source: &Arc<PathNode>,
    target: Option<&Arc<PathNode>>,
    from: &Parent,
    to: &Parent,
    replacement: Replacement,
) -> Result<()> {
    let token = NAMES.read();
    if to.directory.node.is_at_or_below(&token, source) {
        return Err(Errno::EINVAL);
    }
    match target {
        Some(target) if from.directory.node.is_at_or_below(&token, target) => {
            Err(if replacement == Replacement::Exchange {
                Errno::EINVAL
            } else {
                Errno::ENOTEMPTY
            })
        }
        _ => Ok(()),
    }
}

fn check_permitted(
    view: &View<'_>,
    from: &Parent,
    to: &Parent,
    source: &Arc<PathNode>,
    target: Option<&Arc<PathNode>>,
    replacement: Replacement,
) -> Result<()> {
    if from.directory.is_read_only() {
        return Err(Errno::EROFS);
    }
    let credentials = view.credentials;
    let moves_up = !Arc::ptr_eq(&from.directory.node, &to.directory.node);
    permission::check_removal(from.directory.inode(), source.inode(), credentials)?;
    // A directory that gets another parent changes itself: its "..".
    if moves_up && source.inode().is_directory() {
        permission::check(source.inode(), credentials, WRITE)?;
    }
    let Some(target) = target else {
        return permission::check(to.directory.inode(), credentials, WRITE | EXECUTE);
    };
    permission::check_removal(to.directory.inode(), target.inode(), credentials)?;
    if replacement == Replacement::Exchange {
        if moves_up && target.inode().is_directory() {
            permission::check(target.inode(), credentials, WRITE)?;
        }
        return Ok(());
    }
    match (source.inode().is_directory(), target.inode().is_directory()) {
        (true, false) => Err(Errno::ENOTDIR),
        (false, true) => Err(Errno::EISDIR),
        _ => Ok(()),
    }
}

/// A move of a name to where there is none.
fn plain<'a>(
    from: &'a Parent,
    to: &'a Parent,
    (name, new_name): (&'a Name, &'a Name),
    source: &'a PathNode,
) -> Renaming<'a> {
    Renaming {
        directory: from.directory.inode(),
        name,
        inode: source.inode(),
        to: to.directory.inode(),
        new_name,
        replaced: None,
        exchange: false,
    }
}

fn exchange(
    from: &Parent,
    to: &Parent,
    name: &Name,
    new_name: &Name,
    source: &Arc<PathNode>,
    target: &Arc<PathNode>,
) -> Result<()> {
    let (holder, new_holder) = (from.directory.inode(), to.directory.inode());
    holder.operations().rename(&Renaming {
        replaced: Some(target.inode()),
        exchange: true,
        ..plain(from, to, (name, new_name), source)
    })?;
    let (first, second) = (&from.directory.node, &to.directory.node);
    first.exchange(&mut NAMES.write(), source, second, target);
    if !Arc::ptr_eq(first, second) {
        match (source.inode().is_directory(), target.inode().is_directory()) {
            (true, false) => {
                holder.attributes.remove_link();
                new_holder.attributes.add_link();
            }
            (false, true) => {
                holder.attributes.add_link();
                new_holder.attributes.remove_link();
            }
            _ => {}
        }
    }
    for inode in [source.inode(), target.inode()] {
        inode.attributes.touch_changed();
    }
    holder.attributes.touch_modified();
    new_holder.attributes.touch_modified();
    Ok(())
}

fn relocate(
    from: &Parent,
    to: &Parent,
    name: &Name,
    new_name: &Name,
    source: &Arc<PathNode>,
    target: Option<Arc<PathNode>>,
) -> Result<()> {
    let (holder, new_holder) = (from.directory.inode(), to.directory.inode());
    let _emptying = target
        .as_ref()
        .and_then(|target| lock_removed(target.inode()));
    if let Some(target) = &target
        && target.inode().is_directory()
        && !target.has_no_children(&NAMES.read())
    {
        return Err(Errno::ENOTEMPTY);
    }
    reserve(&to.directory)?;
    let kept = kept(&to.directory, new_name, target.as_deref());
    let kept = kept.unwrap_or_else(|| new_name.clone());
    holder.operations().rename(&Renaming {
        replaced: target.as_ref().map(|target| target.inode()),
        ..plain(from, to, (name, new_name), source)
    })?;
    let mut token = NAMES.write();
    to.directory.node.reserve(&mut token)?;
    to.directory.node.forget_missing(&mut token, new_name);
    let replaced = target
        .as_ref()
        .and_then(|target| to.directory.node.detach(&mut token, target));
    let left_over = from
        .directory
        .node
        .relocate(&mut token, source, &to.directory.node, kept);
    drop(token);
    drop(replaced);
    left_over?;
    if let Some(target) = &target {
        dropped_name(new_holder, target.inode());
    }
    if source.inode().is_directory() && !Arc::ptr_eq(&from.directory.node, &to.directory.node) {
        holder.attributes.remove_link();
        new_holder.attributes.add_link();
    }
    source.inode().attributes.touch_changed();
    holder.attributes.touch_modified();
    new_holder.attributes.touch_modified();
    Ok(())
}
