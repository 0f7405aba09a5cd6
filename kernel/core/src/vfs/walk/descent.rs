//! The usual walk: names that are cached, one below the other, through directories that anyone may search.
//!
//! It keeps little in mind, so that it stays in registers. Whatever is unusual (a name that begins with a dot, a link,
//! a missing name, a directory that not everyone may search) it leaves to [`super::section`], which goes on from there.

use super::WalkFlags;
use super::ascend::Place;
use crate::vfs::fs_context::View;
use crate::vfs::inode::NamePolicy;
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::{Component, NAME_MAX};
use crate::{Errno, Result};
use hal::sync::ReadToken;

/// What a descent is for, as a constant: see [`super::Goal`].
pub(super) const FOUND: u8 = 0;
pub(super) const PARENT: u8 = 1;
pub(super) const CREATE: u8 = 2;

/// Where the usual ends.
pub(super) enum Descent<'t> {
    /// At the place asked for; for a parent, with the name that was not looked up.
    Found(Place<'t>, Component<'t>),
    /// Here, with this many bytes of the path left.
    Left(Place<'t>, usize),
}

/// Walks as far as it is usual. `GOAL` is a constant so that each of the three walks is its own short loop.
///
/// # Errors
/// `ENOENT` for a name that can't be there.
#[inline(always)]
pub(super) fn descend<'t, const GOAL: u8>(
    token: &'t ReadToken,
    view: &View<'t>,
    start: Option<&'t Location>,
    path: &'t [u8],
) -> Result<Descent<'t>> {
    const ANYONE_SEARCHES: u32 = 0o111;
    let directories = view.fs.directories(token);
    let mut rest = path;
    let mut place = Place::of(start.unwrap_or(&directories.working));
    if let [b'/', after @ ..] = rest {
        rest = after;
        place = Place::of(&directories.root);
    }
    while !rest.is_empty() {
        let directory = place.node.inode();
        if !directory.is_directory()
            || directory.attributes.mode() & ANYONE_SEARCHES != ANYONE_SEARCHES
        {
            break;
        }
        let (component, following) = Component::split(rest);
        // Nothing before a slash is a second slash, which is unusual too.
        if component.begins_with_dot()
            || component.bytes.is_empty()
            || component.bytes.len() > NAME_MAX
        {
            break;
        }
        let after = match following {
            [b'/', after @ ..] if !matches!(after, [] | [b'/', ..]) => after,
            [] if GOAL == PARENT => return Ok(Descent::Found(place, component)),
            [] => following,
            _ => break,
        };
        let Some(child) = place.node.child(token, &component) else {
            if directory.name_policy() == NamePolicy::Pinned
                && (GOAL != CREATE || !after.is_empty())
            {
                return Err(Errno::ENOENT);
            }
            break;
        };
        if child.inode().kind() == FileKind::SymbolicLink {
            break;
        }
        place.node = child;
        if child.is_mount_point() {
            place = place.covered_by(token, WalkFlags::empty())?;
        }
        rest = after;
    }
    if rest.is_empty() && GOAL != PARENT {
        return Ok(Descent::Found(place, Component::NONE));
    }
    Ok(Descent::Left(place, rest.len()))
}
