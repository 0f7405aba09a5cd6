//! A walk as a whole: its sections, and what is asked for between them.

use super::ascend::Place;
use super::section::{Left, Progress, Section, Step};
use super::{Goal, Last, Parent, Target, WalkFlags};
use crate::heap::MakeRoom;
use crate::vfs::fs_context::View;
use crate::vfs::inode::LinkTarget;
use crate::vfs::location::Location;
use crate::vfs::name::{Component, Name};
use crate::vfs::namespace;
use crate::vfs::path_node::{NAMES, PathNode};
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::ReadToken;

/// The path that is still to be walked.
enum Pending<'p> {
    Given(&'p [u8]),
    Own(Vec<u8>),
}

impl Pending<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Given(path) => path,
            Self::Own(path) => path,
        }
    }

    fn keep(&mut self, left: Left) {
        match (left, &mut *self) {
            (Left::Rewritten(path), _) => *self = Self::Own(path),
            (Left::Tail(length), Self::Given(path)) => {
                *path = path.get(path.len() - length..).unwrap_or(&[])
            }
            (Left::Tail(length), Self::Own(path)) => drop(path.drain(..path.len() - length)),
        }
    }
}

/// Where the next section begins.
enum Begin {
    /// Where the walk does.
    Start,
    /// In this directory, or at the place that a link led to.
    At(Location),
    /// At the root that holds for this directory: a link's target began with a slash.
    Root(Location),
}

pub(super) struct Walk<'p> {
    view: View<'p>,
    start: Option<&'p Location>,
    begin: Begin,
    flags: WalkFlags,
    goal: Goal,
    pending: Pending<'p>,
}

/// The root for a walk from this place: the view's, unless the place is in another tree of mounts.
fn root_for<'t>(token: &'t ReadToken, view_root: &'t Location, place: &'t Location) -> Place<'t> {
    if Arc::ptr_eq(&view_root.mount, &place.mount) {
        return Place::of(view_root);
    }
    let top = place.mount.top(token);
    if Arc::ptr_eq(top, view_root.mount.top(token)) {
        Place::of(view_root)
    } else {
        Place::root_of(top)
    }
}

impl<'p> Walk<'p> {
    /// A walk from its start.
    pub fn new(
        view: &View<'p>,
        start: Option<&'p Location>,
        path: &'p [u8],
        flags: WalkFlags,
        goal: Goal,
    ) -> Result<Self> {
        if path.first() == Some(&b'/') && flags.contains(WalkFlags::BENEATH) {
            return Err(Errno::EXDEV);
        }
        Ok(Self {
            view: *view,
            start,
            begin: Begin::Start,
            flags,
            goal,
            pending: Pending::Given(path),
        })
    }

    /// A walk that has come to `place` already.
    pub fn going_on(
        view: &View<'p>,
        place: Location,
        left: &'p [u8],
        flags: WalkFlags,
        goal: Goal,
    ) -> Self {
        Self {
            view: *view,
            start: None,
            begin: Begin::At(place),
            flags,
            goal,
            pending: Pending::Given(left),
        }
    }

    #[inline(never)]
    pub fn run(mut self) -> Result<Target> {
        let mut progress = Progress {
            links: 0,
            must_be_directory: false,
        };
        let mut begin = core::mem::replace(&mut self.begin, Begin::Start);
        let mut given: Option<Arc<PathNode>> = None;
        loop {
            let step = self.section(&begin, given.as_ref(), &mut progress)?;
            given = None;
            match step {
                Step::Done(target) => return Ok(target),
                Step::Lookup { .. } | Step::Follow { .. }
                    if self.flags.contains(WalkFlags::CACHED) =>
                {
                    return Err(Errno::EAGAIN);
                }
                Step::Lookup { directory, left } => {
                    self.pending.keep(left);
                    let (component, after) = Component::split(self.pending.bytes());
                    let name = Name::new(&component);
                    match namespace::look_up(&directory, &name)? {
                        Some(node) => given = Some(node),
                        None if self.goal == Goal::Create
                            && after.iter().all(|&byte| byte == b'/') =>
                        {
                            let trailing_slash = !after.is_empty() || progress.must_be_directory;
                            return Ok(Target::Missing(Parent {
                                directory,
                                last: Last::Normal(name),
                                trailing_slash,
                            }));
                        }
                        None => return Err(Errno::ENOENT),
                    }
                    begin = Begin::At(directory);
                }
                Step::Follow {
                    directory,
                    link,
                    left,
                } => {
                    self.pending.keep(left);
                    begin = self.follow(directory, &link)?;
                }
            }
        }
    }

    fn follow(&mut self, directory: Location, link: &Arc<PathNode>) -> Result<Begin> {
        match link.inode().operations().follow_link(link.inode())? {
            LinkTarget::Place(_) if self.flags.contains(WalkFlags::NO_MAGIC_LINKS) => {
                Err(Errno::ELOOP)
            }
            LinkTarget::Place(_)
                if self
                    .flags
                    .intersects(WalkFlags::BENEATH | WalkFlags::IN_ROOT) =>
            {
                Err(Errno::EXDEV)
            }
            LinkTarget::Place(place) if self.leads_out(&directory, &place) => Err(Errno::EXDEV),
            LinkTarget::Place(place) => {
                if self.flags.contains(WalkFlags::NO_CROSSING)
                    && !Arc::ptr_eq(&place.mount, &directory.mount)
                {
                    return Err(Errno::EXDEV);
                }
                Ok(Begin::At(place))
            }
            LinkTarget::Path(mut path) => {
                if path.is_empty() {
                    return Err(Errno::ENOENT);
                }
                let absolute = path.first() == Some(&b'/');
                if absolute && self.flags.contains(WalkFlags::BENEATH) {
                    return Err(Errno::EXDEV);
                }
                let left = self.pending.bytes();
                path.make_room_exact(left.len() + 1)?;
                if !left.is_empty() {
                    path.push(b'/');
                    path.extend_from_slice(left);
                }
                self.pending = Pending::Own(path);
                Ok(if absolute {
                    Begin::Root(directory)
                } else {
                    Begin::At(directory)
                })
            }
        }
    }

    /// Whether a link in another tree of mounts than the view's leads out of that one. Who works on a container from
    /// outside has a `/proc/self` in it like everybody, whose links lead to where it comes from.
    fn leads_out(&self, directory: &Location, place: &Location) -> bool {
        let token = NAMES.read();
        let here = directory.mount.top(&token);
        let own = self.view.fs.directories(&token).root.mount.top(&token);
        !Arc::ptr_eq(here, own) && !Arc::ptr_eq(here, place.mount.top(&token))
    }

    fn section(
        &self,
        begin: &Begin,
        given: Option<&Arc<PathNode>>,
        progress: &mut Progress,
    ) -> Result<Step> {
        let token = NAMES.read();
        let path = self.pending.bytes();
        let directories = self.view.fs.directories(&token);
        // Where the walk as a whole began, which in-root walks take as their root.
        let origin = self.start.unwrap_or(&directories.working);
        let from = match begin {
            Begin::Start => origin,
            Begin::At(location) | Begin::Root(location) => location,
        };
        let absolute = matches!(begin, Begin::Start) && path.first() == Some(&b'/');
        let root = if self
            .flags
            .intersects(WalkFlags::BENEATH | WalkFlags::IN_ROOT)
        {
            Place::of(origin)
        } else if absolute {
            Place::of(&directories.root)
        } else {
            root_for(&token, &directories.root, from)
        };
        let place = if absolute {
            root
        } else if matches!(begin, Begin::Root(_)) {
            root.reached_by_link_in(&from.mount, self.flags)?
        } else {
            Place::of(from)
        };
        let section = Section {
            token: &token,
            credentials: self.view.credentials,
            root,
            flags: self.flags,
            goal: self.goal,
        };
        section.walk(place, path, given, progress)
    }
}
