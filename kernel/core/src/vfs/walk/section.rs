//! The part of a walk that is one read section.

use super::ascend::Place;
use super::{Goal, LINK_LIMIT, Last, Parent, Target, WalkFlags};
use crate::heap::MakeRoom;
use crate::task::Credentials;
use crate::vfs::inode::NamePolicy;
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::mount::MountFlags;
use crate::vfs::name::{Component, Name};
use crate::vfs::path_node::PathNode;
use crate::vfs::permission;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::ReadToken;
use smallvec::SmallVec;

/// Why a section ended.
pub(super) enum Step {
    /// The walk is at its end.
    Done(Target),
    /// The first name of what is left has to be asked for.
    Lookup { directory: Location, left: Left },
    /// The link's target has to be asked for; what is left comes after it.
    Follow {
        directory: Location,
        link: Arc<PathNode>,
        left: Left,
    },
}

/// The path that a section leaves to the next one.
pub(super) enum Left {
    /// This many bytes at the end of what the section began with.
    Tail(usize),
    /// This path: targets of links are in it.
    Rewritten(Vec<u8>),
}

/// What stays the same in a section.
pub(super) struct Section<'s, 't> {
    pub token: &'t ReadToken,
    pub credentials: &'s Credentials,
    pub root: Place<'t>,
    pub flags: WalkFlags,
    pub goal: Goal,
}

/// What sections hand on to each other.
pub(super) struct Progress {
    pub links: u32,
    /// A slash followed the last component before a link replaced it.
    pub must_be_directory: bool,
}

#[inline(always)]
fn skip_slashes(path: &[u8]) -> &[u8] {
    let mut count = 0;
    while path.get(count) == Some(&b'/') {
        count += 1;
    }
    path.get(count..).unwrap_or(&[])
}

impl<'s, 't> Section<'s, 't> {
    /// Walks `path` from `place`. `given` is the node of the first component if it was asked for.
    pub fn walk(
        &self,
        place: Place<'t>,
        path: &'t [u8],
        given: Option<&'t Arc<PathNode>>,
        progress: &mut Progress,
    ) -> Result<Step> {
        let mut place = place;
        let mut given = given;
        // Never begins with a slash.
        let mut rest = skip_slashes(path);
        let mut rewritten = false;
        // What comes after each link that is being followed; each has at least one component.
        let mut outer: SmallVec<[&'t [u8]; 4]> = SmallVec::new();
        loop {
            if rest.is_empty() {
                match outer.pop() {
                    Some(after) => {
                        rest = after;
                        continue;
                    }
                    None => return self.end(place, progress),
                }
            }
            let directory = place.node.inode();
            if !directory.is_directory() {
                return Err(Errno::ENOTDIR);
            }
            permission::check_search(directory, self.credentials)?;
            let here = rest;
            let (component, following) = Component::split(here);
            component.check()?;
            let slash_follows = !following.is_empty();
            let after = skip_slashes(following);
            let last = after.is_empty() && outer.is_empty();
            if last && self.goal == Goal::Parent {
                return Ok(self.parent(
                    place,
                    &component,
                    slash_follows || progress.must_be_directory,
                ));
            }
            if component.is_dot() {
                rest = after;
                continue;
            }
            if component.is_dot_dot() {
                place = place.above(self.token, &self.root, self.flags)?;
                rest = after;
                continue;
            }
            let child = match given.take() {
                Some(child) => Some(child),
                None => {
                    let child = place.node.child(self.token, &component);
                    let known = child.is_some()
                        || match directory.name_policy() {
                            NamePolicy::Pinned => true,
                            NamePolicy::Cached => {
                                place.node.is_known_missing(self.token, &component)
                            }
                            NamePolicy::Folded | NamePolicy::Dynamic => false,
                        };
                    if !known {
                        let left = leave(here, &outer, rewritten)?;
                        return Ok(Step::Lookup {
                            directory: place.to_location(),
                            left,
                        });
                    }
                    child
                }
            };
            let Some(child) = child else {
                return if last && self.goal == Goal::Create {
                    Ok(self.parent(
                        place,
                        &component,
                        slash_follows || progress.must_be_directory,
                    ))
                } else {
                    Err(Errno::ENOENT)
                };
            };
            let next = Place {
                mount: place.mount,
                node: child,
            }
            .covered_by(self.token, self.flags)?;
            let follows = next.node.inode().kind() == FileKind::SymbolicLink
                && (!last
                    || slash_follows
                    || progress.must_be_directory
                    || self.flags.contains(WalkFlags::FOLLOW));
            if !follows {
                place = next;
                rest = after;
                if last && slash_follows {
                    progress.must_be_directory = true;
                }
                continue;
            }
            progress.links += 1;
            if progress.links > LINK_LIMIT
                || self.flags.contains(WalkFlags::NO_LINKS)
                || next.mount.flags().contains(MountFlags::NO_SYMBOLIC_LINKS)
            {
                return Err(Errno::ELOOP);
            }
            if last && slash_follows {
                progress.must_be_directory = true;
            }
            let Some(target) = next.node.inode().target() else {
                let left = leave(after, &outer, rewritten)?;
                return Ok(Step::Follow {
                    directory: place.to_location(),
                    link: next.node.clone(),
                    left,
                });
            };
            if !after.is_empty() {
                outer.push(after);
            }
            match target.first() {
                Some(b'/') if self.flags.contains(WalkFlags::BENEATH) => return Err(Errno::EXDEV),
                Some(b'/') => place = self.root.reached_by_link_in(place.mount, self.flags)?,
                Some(_) => {}
                None => return Err(Errno::ENOENT),
            }
            rewritten = true;
            rest = skip_slashes(target);
        }
    }

    fn end(&self, place: Place<'t>, progress: &Progress) -> Result<Step> {
        if self.goal == Goal::Parent {
            return Ok(Step::Done(Target::Missing(Parent {
                directory: place.to_location(),
                last: Last::Root,
                trailing_slash: true,
            })));
        }
        if (progress.must_be_directory || self.flags.contains(WalkFlags::DIRECTORY))
            && !place.node.inode().is_directory()
        {
            return Err(Errno::ENOTDIR);
        }
        Ok(Step::Done(Target::Found(place.to_location())))
    }

    fn parent(&self, place: Place<'t>, component: &Component<'_>, trailing_slash: bool) -> Step {
        let last = match component.bytes {
            b"." => Last::Dot,
            b".." => Last::DotDot,
            _ => Last::Normal(Name::new(component)),
        };
        Step::Done(Target::Missing(Parent {
            directory: place.to_location(),
            last,
            trailing_slash,
        }))
    }
}

/// What is left of the path, as the next section needs it.
fn leave(rest: &[u8], outer: &[&[u8]], rewritten: bool) -> Result<Left> {
    if !rewritten {
        return Ok(Left::Tail(rest.len()));
    }
    let length = rest.len() + outer.iter().map(|after| after.len() + 1).sum::<usize>();
    let mut path = Vec::new();
    path.make_room_exact(length)?;
    path.extend_from_slice(rest);
    for after in outer.iter().rev() {
        path.push(b'/');
        path.extend_from_slice(after);
    }
    Ok(Left::Rewritten(path))
}
