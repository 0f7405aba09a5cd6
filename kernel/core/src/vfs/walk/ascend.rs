//! `..`: the one way up, and the tests that keep it inside.

use super::WalkFlags;
use crate::vfs::location::Location;
use crate::vfs::mount::Mount;
use crate::vfs::path_node::PathNode;
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::sync::ReadToken;

/// A place, borrowed for a read section.
#[derive(Clone, Copy)]
pub(super) struct Place<'t> {
    pub mount: &'t Arc<Mount>,
    pub node: &'t Arc<PathNode>,
}

impl<'t> Place<'t> {
    pub fn of(location: &'t Location) -> Self {
        Self {
            mount: &location.mount,
            node: &location.node,
        }
    }

    pub fn root_of(mount: &'t Arc<Mount>) -> Self {
        Self {
            mount,
            node: mount.root(),
        }
    }

    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.node, other.node) && Arc::ptr_eq(self.mount, other.mount)
    }

    pub fn to_location(self) -> Location {
        Location {
            mount: self.mount.clone(),
            node: self.node.clone(),
        }
    }

    /// What lies on this place: the root of the last mount there, or the place itself.
    #[inline]
    pub fn covered_by(self, token: &'t ReadToken, flags: WalkFlags) -> Result<Self> {
        let mut place = self;
        while place.node.is_mount_point() {
            let Some(mount) = place.mount.child_at(token, place.node) else {
                break;
            };
            if flags.contains(WalkFlags::NO_CROSSING) {
                return Err(Errno::EXDEV);
            }
            place = Self::root_of(mount);
        }
        Ok(place)
    }

    /// This root as the target of an absolute link in a mount.
    ///
    /// # Errors
    /// `EXDEV` if the walk must not leave the mount.
    pub fn reached_by_link_in(self, mount: &Arc<Mount>, flags: WalkFlags) -> Result<Self> {
        if flags.contains(WalkFlags::NO_CROSSING) && !Arc::ptr_eq(mount, self.mount) {
            return Err(Errno::EXDEV);
        }
        Ok(self)
    }

    /// Whether this place is `top` or below it, across mounts.
    pub fn is_at_or_below(&self, token: &'t ReadToken, top: &Self) -> bool {
        let mut place = *self;
        loop {
            if Arc::ptr_eq(place.mount, top.mount) && place.node.is_at_or_below(token, top.node) {
                return true;
            }
            match place.mount.parent(token) {
                Some(parent) => place = Self::of(parent),
                None => return false,
            }
        }
    }

    /// The directory above this one, as seen with `root` as root.
    pub fn above(self, token: &'t ReadToken, root: &Self, flags: WalkFlags) -> Result<Self> {
        let mut place = self;
        let parent = loop {
            if place.is_same(root) {
                return if flags.contains(WalkFlags::BENEATH) {
                    Err(Errno::EXDEV)
                } else {
                    Ok(self)
                };
            }
            if !Arc::ptr_eq(place.node, place.mount.root()) {
                break place.node.parent(token);
            }
            match place.mount.parent(token) {
                Some(below) if flags.contains(WalkFlags::NO_CROSSING) => {
                    let _ = below;
                    return Err(Errno::EXDEV);
                }
                Some(below) => place = Self::of(below),
                None => return Ok(self),
            }
        };
        let Some(parent) = parent else {
            return Ok(self);
        };
        // The directory may have been moved out of what this mount shows.
        if place.mount.is_partial() && !parent.is_at_or_below(token, place.mount.root()) {
            return Err(Errno::ENOENT);
        }
        let above = Self {
            mount: place.mount,
            node: parent,
        };
        // A root that is a directory in the middle of a tree is no end of its own for those who begin outside it.
        let whole = root.mount.parent(token).is_none() && Arc::ptr_eq(root.node, root.mount.root());
        if !whole && !above.is_at_or_below(token, root) {
            return if flags.contains(WalkFlags::BENEATH) {
                Err(Errno::EXDEV)
            } else {
                Ok(self)
            };
        }
        above.covered_by(token, flags)
    }
}
