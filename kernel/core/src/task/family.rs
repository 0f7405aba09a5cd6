//! Who is whose parent and who is in which process group: one tree under one lock.
//!
//! The lock masks interrupts (a terminal signals a process group from its interrupt) and is held for a few links or
//! one list. It comes before every process's `shared` lock.

use super::Process;
use super::group::ProcessGroup;
use super::tree::{Index, NONE, Tree};
use crate::errno::Result;
use crate::heap::MakeRoom;
use crate::signal::state::JobState;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use core::sync::atomic::{AtomicU32, AtomicUsize};
use hal::sync::IrqSpinLock;
use smallvec::SmallVec;

/// A process in the tree.
pub(super) struct Member {
    pub process: Arc<Process>,
    pub group: Arc<ProcessGroup>,
    /// It has exited, and waits for its parent.
    pub zombie: bool,
}

static FAMILY: IrqSpinLock<Tree<Member>> = IrqSpinLock::new(Tree::new());

/// How many processes are stopped: while none is, no orphaned group needs looking for.
pub static STOPPED: AtomicUsize = AtomicUsize::new(0);

/// A process's place in the tree.
pub struct Place(AtomicU32);

impl Place {
    /// None yet.
    pub const fn new() -> Self {
        Place(AtomicU32::new(NONE))
    }

    fn index(&self) -> Index {
        self.0.load(Relaxed)
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// Enters a new process as a child of `parent`, in a group.
///
/// # Errors
/// `ENOMEM`.
pub fn enter(
    process: &Arc<Process>,
    parent: Option<&Process>,
    group: &Arc<ProcessGroup>,
) -> Result<()> {
    let mut tree = FAMILY.lock();
    let parent = parent.map_or(NONE, |parent| parent.place.index());
    let member = Member {
        process: process.clone(),
        group: group.clone(),
        zombie: false,
    };
    let index = tree.insert(member, parent, group.member.load(Relaxed))?;
    group.member.store(index, Relaxed);
    process.place.0.store(index, Relaxed);
    Ok(())
}

/// Enters a new process as its parent's sibling (clone with CLONE_PARENT), in the parent's group.
///
/// # Errors
/// `ENOMEM`.
pub fn enter_beside(process: &Arc<Process>, sibling: &Process) -> Result<()> {
    let parent = parent(sibling);
    let group = group(sibling);
    enter(process, parent.as_deref(), &group)
}

/// The parent of a process; none for the first one and for reaped ones.
pub fn parent(process: &Process) -> Option<Arc<Process>> {
    let tree = FAMILY.lock();
    tree.get(tree.parent(process.place.index()))
        .map(|member| member.process.clone())
}

/// The parent's number as the process sees it: 0 if it is out of sight. Remembered until something changes it.
#[cold]
pub(super) fn look_up_parent_number(process: &Process) -> u32 {
    let tree = FAMILY.lock();
    let number = match tree.get(tree.parent(process.place.index())) {
        Some(parent) => parent.process.number_seen_by(process).unwrap_or(0),
        None => 0,
    };
    process.parent_number.store(number, Relaxed);
    drop(tree);
    number
}

/// Forgets remembered numbers of a process's parent and its children's: to be called when the process's own number
/// or list has changed.
pub fn forget_numbers(process: &Process) {
    let tree = FAMILY.lock();
    process
        .parent_number
        .store(super::process::UNKNOWN_NUMBER, Relaxed);
    for child in tree.children(process.place.index()) {
        if let Some(child) = tree.get(child) {
            child
                .process
                .parent_number
                .store(super::process::UNKNOWN_NUMBER, Relaxed);
        }
    }
}

/// The group of a process. A reaped process is in the group it was in last.
pub fn group(process: &Process) -> Arc<ProcessGroup> {
    let tree = FAMILY.lock();
    match tree.get(process.place.index()) {
        Some(member) => member.group.clone(),
        None => process.last_group(),
    }
}

/// Moves a process into a group.
pub fn move_to_group(process: &Process, group: &Arc<ProcessGroup>) {
    let old = {
        let mut tree = FAMILY.lock();
        let index = process.place.index();
        let Some(member) = tree.get_mut(index) else {
            return;
        };
        let old = core::mem::replace(&mut member.group, group.clone());
        let rest = tree.leave_ring(index);
        if old.member.load(Relaxed) == index {
            old.member.store(rest, Relaxed);
        }
        let other = group.member.load(Relaxed);
        if other != NONE && other != index {
            tree.join_ring(index, other);
        }
        group.member.store(index, Relaxed);
        old
    };
    drop(old);
}

/// Calls `act` for every member of a group, with the family locked.
pub fn for_each_member(group: &ProcessGroup, mut act: impl FnMut(&Arc<Process>)) {
    let tree = FAMILY.lock();
    let first = group.member.load(Relaxed);
    if first != NONE {
        for index in tree.ring(first) {
            if let Some(member) = tree.get(index) {
                act(&member.process);
            }
        }
    }
}

/// Calls `act` for every child of a process, the oldest first, until it gives a value. The family is locked.
pub(super) fn find_child<R>(
    parent: &Process,
    mut act: impl FnMut(&Member) -> Option<R>,
) -> Option<R> {
    let tree = FAMILY.lock();
    tree.children(parent.place.index())
        .filter_map(|index| tree.get(index))
        .find_map(&mut act)
}

/// The children of a process, the oldest first.
///
/// # Errors
/// `ENOMEM`.
pub fn children(parent: &Process) -> Result<Vec<Arc<Process>>> {
    let mut all = Vec::new();
    loop {
        let tree = FAMILY.lock();
        let index = parent.place.index();
        let count = tree.children(index).count();
        if count <= all.capacity() {
            all.extend(
                tree.children(index)
                    .filter_map(|index| tree.get(index))
                    .map(|member| member.process.clone()),
            );
            return Ok(all);
        }
        drop(tree);
        all.make_room(count)?;
    }
}

/// Calls `act` for the parent of a process while it can't change, and may mark the process a zombie at that moment.
pub fn with_parent<R>(
    process: &Process,
    becomes_zombie: bool,
    act: impl FnOnce(Option<&Arc<Process>>) -> R,
) -> R {
    let mut tree = FAMILY.lock();
    let index = process.place.index();
    if becomes_zombie && let Some(member) = tree.get_mut(index) {
        member.zombie = true;
    }
    act(tree.get(tree.parent(index)).map(|parent| &parent.process))
}

/// Whether a process has ended, waited for or not.
pub fn has_ended(process: &Process) -> bool {
    let tree = FAMILY.lock();
    tree.get(process.place.index())
        .is_none_or(|member| member.zombie)
}

/// Takes a dead process out of the tree, unless another did so before: this one then has reaped it.
pub fn leave(process: &Process) -> bool {
    let member = {
        let mut tree = FAMILY.lock();
        let index = process.place.index();
        let rest = tree.leave_ring(index);
        let Some(member) = tree.remove(index) else {
            return false;
        };
        process.place.0.store(NONE, Relaxed);
        if member.group.member.load(Relaxed) == index {
            member.group.member.store(rest, Relaxed);
        }
        process.set_last_group(&member.group);
        member
    };
    drop(member);
    true
}

/// What became of the children of a process that exits.
#[derive(Default)]
pub struct Orphans {
    /// Children that had exited already and whose new parent must hear of it, or nobody waits for.
    pub zombies: SmallVec<[Arc<Process>; 4]>,
    /// Living children that asked for a signal at their parent's death.
    pub living: SmallVec<[Arc<Process>; 4]>,
}

/// Gives the children of a process that exits to `adopter`, in portions of bounded size; empty when none is left.
pub fn give_children(process: &Process, adopter: Option<&Process>) -> Orphans {
    let mut orphans = Orphans::default();
    let mut tree = FAMILY.lock();
    let (from, to) = (
        process.place.index(),
        adopter.map_or(NONE, |adopter| adopter.place.index()),
    );
    for _ in 0..4 {
        let child = tree.first_child(from);
        if child == NONE {
            break;
        }
        tree.set_parent(child, to);
        if let Some(member) = tree.get(child) {
            member
                .process
                .parent_number
                .store(super::process::UNKNOWN_NUMBER, Relaxed);
            let list = if member.zombie {
                &mut orphans.zombies
            } else {
                &mut orphans.living
            };
            list.push(member.process.clone());
        }
    }
    orphans
}

/// The nearest ancestor that took on orphans (PR_SET_CHILD_SUBREAPER) and sees the same process list.
pub fn subreaper(process: &Process) -> Option<Arc<Process>> {
    let tree = FAMILY.lock();
    let mut index = tree.parent(process.place.index());
    while let Some(member) = tree.get(index) {
        if member.process.is_subreaper() && !member.zombie && !member.process.is_exiting() {
            return Some(member.process.clone());
        }
        index = tree.parent(index);
    }
    None
}

/// Whether a group has no member whose parent is in another group of the same session, leaving `leaving` out of
/// account: nobody is there to continue it then.
fn is_orphaned(tree: &Tree<Member>, group: &Arc<ProcessGroup>, leaving: Index) -> bool {
    let first = group.member.load(Relaxed);
    first == NONE
        || !tree.ring(first).any(|index| {
            let Some(member) = tree
                .get(index)
                .filter(|member| index != leaving && !member.zombie)
            else {
                return false;
            };
            let Some(parent) = tree.get(tree.parent(index)) else {
                return false;
            };
            member.process.host_pid() != 1
                && parent.process.host_pid() != 1
                && !Arc::ptr_eq(&parent.group, group)
                && Arc::ptr_eq(parent.group.session(), group.session())
        })
}

/// Whether the group of a process is orphaned.
pub fn in_orphaned_group(process: &Process) -> bool {
    let tree = FAMILY.lock();
    match tree.get(process.place.index()) {
        Some(member) => is_orphaned(&tree, &member.group, NONE),
        None => true,
    }
}

/// Whether a group is orphaned.
pub fn is_orphaned_group(group: &Arc<ProcessGroup>) -> bool {
    is_orphaned(&FAMILY.lock(), group, NONE)
}

/// The groups with stopped members that the exit of a process orphans: its own, and those of its children.
pub fn newly_orphaned(process: &Process) -> SmallVec<[Arc<ProcessGroup>; 1]> {
    let mut found = SmallVec::new();
    if STOPPED.load(Relaxed) == 0 {
        return found;
    }
    let tree = FAMILY.lock();
    let index = process.place.index();
    let Some(own) = tree.get(index).map(|member| member.group.clone()) else {
        return found;
    };
    let parent_is_outside = tree.get(tree.parent(index)).is_some_and(|parent| {
        !Arc::ptr_eq(&parent.group, &own) && Arc::ptr_eq(parent.group.session(), own.session())
    });
    let mut consider = |group: &Arc<ProcessGroup>, orphaned: bool| {
        let first = group.member.load(Relaxed);
        let stopped = first != NONE
            && tree
                .ring(first)
                .filter_map(|index| tree.get(index))
                .any(|member| !matches!(member.process.shared().lock().job, JobState::Running));
        if orphaned && stopped && !found.iter().any(|known| Arc::ptr_eq(known, group)) {
            found.push(group.clone());
        }
    };
    if parent_is_outside {
        consider(&own, is_orphaned(&tree, &own, index));
    }
    for child in tree.children(index) {
        let Some(child) = tree.get(child) else {
            continue;
        };
        if !Arc::ptr_eq(&child.group, &own) && Arc::ptr_eq(child.group.session(), own.session()) {
            let others = tree.ring(child.group.member.load(Relaxed)).any(|member| {
                let parent = tree.parent(member);
                parent != index
                    && tree.get(parent).is_some_and(|parent| {
                        parent.process.host_pid() != 1
                            && !Arc::ptr_eq(&parent.group, &child.group)
                            && Arc::ptr_eq(parent.group.session(), child.group.session())
                    })
            });
            consider(&child.group, !others);
        }
    }
    found
}

/// The members of a group.
///
/// # Errors
/// `ENOMEM`.
pub fn members(group: &ProcessGroup) -> Result<Vec<Arc<Process>>> {
    let mut all = Vec::new();
    loop {
        let mut count = 0;
        let capacity = all.capacity();
        for_each_member(group, |process| {
            count += 1;
            if all.len() < capacity {
                all.push(process.clone());
            }
        });
        if count <= capacity {
            return Ok(all);
        }
        all.clear();
        all.make_room(count)?;
    }
}
