//! The usual walk: names that are cached, one below the other, through directories that anyone may search.
//!
//! It keeps little in mind, so that it stays in registers. Whatever is unusual (a name that begins with a dot, a link,
//! a missing name, a directory that not everyone may search) it leaves to [`super::section`], which goes on from there.

use super::ascend::Place;
use super::{Goal, Last, Parent, Target, WalkFlags};
use crate::vfs::fs_context::View;
use crate::vfs::inode::NamePolicy;
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::name::{Component, NAME_MAX, Name};
use crate::vfs::path_node::NAMES;
use crate::{Errno, Result};

/// Where the usual ends.
pub(super) enum Descent {
    /// At the end of the path.
    Done(Target),
    /// Here, with this many bytes of the path left.
    Left(Location, usize),
}

/// Walks as far as it is usual.
///
/// # Errors
/// `ENOENT` for a name that can't be there.
#[inline]
pub(super) fn descend(view: &View<'_>, start: Option<&Location>, path: &[u8], flags: WalkFlags, goal: Goal) -> Result<Descent> {
    const ANYONE_SEARCHES: u32 = 0o111;
    let token = NAMES.read();
    let directories = view.fs.directories(&token);
    let mut rest = path;
    let mut place = Place::of(start.unwrap_or(&directories.working));
    if let [b'/', after @ ..] = rest {
        rest = after;
        place = Place::of(&directories.root);
    }
    while !rest.is_empty() {
        let directory = place.node.inode();
        if !directory.is_directory() || directory.attributes.mode() & ANYONE_SEARCHES != ANYONE_SEARCHES {
            break;
        }
        let (component, following) = Component::split(rest);
        // Nothing before a slash is a second slash, which is unusual too.
        if matches!(component.bytes.first(), None | Some(b'.')) || component.bytes.len() > NAME_MAX {
            break;
        }
        let after = match following {
            [b'/', after @ ..] if !matches!(after, [] | [b'/', ..]) => after,
            [] if goal == Goal::Parent => {
                let last = Last::Normal(Name::new(&component));
                return Ok(Descent::Done(Target::Missing(Parent { directory: place.to_location(), last, trailing_slash: false })));
            }
            [] => following,
            _ => break,
        };
        let Some(child) = place.node.child(&token, &component) else {
            if directory.name_policy() == NamePolicy::Pinned && (goal != Goal::Create || !after.is_empty()) {
                return Err(Errno::ENOENT);
            }
            break;
        };
        if child.inode().kind() == FileKind::SymbolicLink {
            break;
        }
        place.node = child;
        if child.is_mount_point() {
            place = place.covered_by(&token, flags)?;
        }
        rest = after;
    }
    if !rest.is_empty() || goal == Goal::Parent {
        return Ok(Descent::Left(place.to_location(), rest.len()));
    }
    if flags.contains(WalkFlags::DIRECTORY) && !place.node.inode().is_directory() {
        return Err(Errno::ENOTDIR);
    }
    Ok(Descent::Done(Target::Found(place.to_location())))
}
