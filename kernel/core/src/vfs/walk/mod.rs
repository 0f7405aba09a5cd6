//! Path walk: from a path to a place (path_resolution(7)).
//!
//! A walk over cached names is one read section of [`NAMES`](super::path_node::NAMES): no lock, no reference and no
//! memory for a component. Only the end takes references. Where a name or a link's target has to be asked for, the walk
//! leaves the section with references to where it is, asks, and goes on in a new section.
//!
//! **Containment.** `..` never leads above the view's root. A walk that starts in a tree of another mount table (an
//! `OPEN_ROOT` descriptor, a working directory there) has the root of that table as its root, for `..` as for absolute
//! links, and no link that leads to a place rather than a path leads out of there. A directory that was moved out of
//! what a mount or a changed root shows does not lead to its new parents.

mod ascend;
mod descent;
mod outside;
mod section;
#[cfg(test)]
mod tests;

use super::fs_context::View;
use super::location::Location;
use super::name::{Name, PATH_MAX};
use super::path_node::NAMES;
use crate::{Errno, Result};
use bitflags::bitflags;
use descent::{CREATE, Descent, FOUND, PARENT, descend};
use outside::Walk;

/// Links followed in one walk at most.
pub const LINK_LIMIT: u32 = 40;

bitflags! {
    /// How to walk.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct WalkFlags: u32 {
        /// Follow a link that is the last component.
        const FOLLOW = 1;
        /// The result must be a directory.
        const DIRECTORY = 2;
        /// An empty path means the start (`AT_EMPTY_PATH`).
        const ALLOW_EMPTY = 4;
        /// `RESOLVE_NO_XDEV`: stay in the mount.
        const NO_CROSSING = 8;
        /// `RESOLVE_NO_MAGICLINKS`: follow no link that leads to a place rather than a path.
        const NO_MAGIC_LINKS = 16;
        /// `RESOLVE_NO_SYMLINKS`: follow no link at all.
        const NO_LINKS = 32;
        /// `RESOLVE_BENEATH`: fail when something leads above the start.
        const BENEATH = 64;
        /// `RESOLVE_IN_ROOT`: the start is the root.
        const IN_ROOT = 128;
        /// `RESOLVE_CACHED`: fail when a file system would have to be asked.
        const CACHED = 256;
    }
}

/// The last component of a path whose parent was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Last {
    /// A name.
    Normal(Name),
    /// ".".
    Dot,
    /// "..".
    DotDot,
    /// There is none: the path is made of slashes.
    Root,
}

/// A directory and what the path names in it.
#[derive(Debug)]
pub struct Parent {
    /// The directory, which may be searched.
    pub directory: Location,
    /// The last component, not looked up.
    pub last: Last,
    /// A slash follows: it can only be a directory.
    pub trailing_slash: bool,
}

impl Parent {
    /// The name, for calls that need one.
    ///
    /// # Errors
    /// `otherwise` if the path ends in ".", ".." or has no component.
    pub fn name(&self, otherwise: Errno) -> Result<&Name> {
        match &self.last {
            Last::Normal(name) => Ok(name),
            _ => Err(otherwise),
        }
    }
}

/// What a path leads to for a call that may create it.
#[derive(Debug)]
pub enum Target {
    /// It is there.
    Found(Location),
    /// Its directory is there, it is not.
    Missing(Parent),
}

/// What the walk is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Goal {
    Found,
    Parent,
    Create,
}

/// Flags that only the general walk knows.
const RESTRICTED: WalkFlags = WalkFlags::NO_CROSSING
    .union(WalkFlags::NO_MAGIC_LINKS)
    .union(WalkFlags::NO_LINKS)
    .union(WalkFlags::BENEATH)
    .union(WalkFlags::IN_ROOT)
    .union(WalkFlags::CACHED);

#[inline(always)]
fn check_length(path: &[u8], may_be_empty: bool) -> Result<()> {
    match path.len() {
        0 if !may_be_empty => Err(Errno::ENOENT),
        PATH_MAX.. => Err(Errno::ENAMETOOLONG),
        _ => Ok(()),
    }
}

/// The last bytes of a path.
fn end(path: &[u8], length: usize) -> &[u8] {
    path.get(path.len() - length..).unwrap_or(&[])
}

/// The place that a path leads to. Relative paths begin at `start`, or at the working directory.
///
/// # Errors
/// `ENOENT`, `ENOTDIR`, `EACCES`, `ELOOP`, `ENAMETOOLONG`; `EXDEV`, `EAGAIN` for the `RESOLVE_*` restrictions; what
/// the file system says.
pub fn resolve(
    view: &View<'_>,
    start: Option<&Location>,
    path: &[u8],
    flags: WalkFlags,
) -> Result<Location> {
    check_length(path, flags.contains(WalkFlags::ALLOW_EMPTY))?;
    let walk = if flags.intersects(RESTRICTED) {
        Walk::new(view, start, path, flags, Goal::Found)?
    } else {
        let token = NAMES.read();
        match descend::<FOUND>(&token, view, start, path)? {
            Descent::Found(place, _)
                if flags.contains(WalkFlags::DIRECTORY) && !place.node.inode().is_directory() =>
            {
                return Err(Errno::ENOTDIR);
            }
            Descent::Found(place, _) => return Ok(place.to_location()),
            Descent::Left(place, left) => Walk::going_on(
                view,
                place.to_location(),
                end(path, left),
                flags,
                Goal::Found,
            ),
        }
    };
    match walk.run()? {
        Target::Found(location) => Ok(location),
        Target::Missing(_) => Err(Errno::ENOENT),
    }
}

/// The directory in which a path's last component is, and that component, which is not looked up.
///
/// # Errors
/// As [`resolve`].
pub fn resolve_parent(
    view: &View<'_>,
    start: Option<&Location>,
    path: &[u8],
    flags: WalkFlags,
) -> Result<Parent> {
    check_length(path, false)?;
    let walk = if flags.intersects(RESTRICTED) {
        Walk::new(view, start, path, flags, Goal::Parent)?
    } else {
        let token = NAMES.read();
        match descend::<PARENT>(&token, view, start, path)? {
            Descent::Found(directory, name) => {
                let last = Last::Normal(Name::new(&name));
                return Ok(Parent {
                    directory: directory.to_location(),
                    last,
                    trailing_slash: false,
                });
            }
            Descent::Left(place, left) => Walk::going_on(
                view,
                place.to_location(),
                end(path, left),
                flags,
                Goal::Parent,
            ),
        }
    };
    match walk.run()? {
        Target::Missing(parent) => Ok(parent),
        Target::Found(_) => Err(Errno::EEXIST),
    }
}

/// The place that a path leads to, or where it would be made: a link that is the last component is followed to what
/// it names, there or not.
///
/// # Errors
/// As [`resolve`], but a missing last component is no error.
pub fn resolve_for_create(
    view: &View<'_>,
    start: Option<&Location>,
    path: &[u8],
    flags: WalkFlags,
) -> Result<Target> {
    check_length(path, false)?;
    let walk = if flags.intersects(RESTRICTED) {
        Walk::new(view, start, path, flags, Goal::Create)?
    } else {
        let token = NAMES.read();
        match descend::<CREATE>(&token, view, start, path)? {
            Descent::Found(place, _) => return Ok(Target::Found(place.to_location())),
            Descent::Left(place, left) => Walk::going_on(
                view,
                place.to_location(),
                end(path, left),
                flags,
                Goal::Create,
            ),
        }
    };
    walk.run()
}
