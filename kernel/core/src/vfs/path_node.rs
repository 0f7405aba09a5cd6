//! Path nodes: the names of files, as a tree over inodes.
//!
//! Names, parents and children of all nodes are guarded by the one read-mostly lock [`NAMES`]: a walk over cached
//! names is a single read section. Parents and children hold each other; [`super::super_block::ActiveSuperBlock`]
//! takes the tree apart when the file system goes out of use.

use super::children::Children;
use super::inode::Inode;
use super::name::{Component, Name};
use crate::Result;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use hal::sync::{ReadMostlyLock, ReadToken, TokenCell, WriteToken};
use smallvec::SmallVec;

/// Guards the shape of every tree of names and of every tree of mounts, and every root and working directory.
/// Taken inside sleeping locks and before spin locks; nothing sleeps or touches user memory in its sections.
pub static NAMES: ReadMostlyLock = ReadMostlyLock::new();

/// What [`NAMES`] guards of a node.
struct NodeState {
    name: Name,
    parent: Option<Arc<PathNode>>,
    /// Slot among the parent's children.
    slot: u32,
    /// Entries of a directory, from the first one on.
    children: Option<Box<Children>>,
}

/// A name of a file. A file without names (a pipe, a removed file) has a node outside any directory.
pub struct PathNode {
    inode: Arc<Inode>,
    state: TokenCell<NodeState>,
    /// How many mounts, in any mount table, lie on this node.
    mounts: AtomicU32,
    /// Taken out of its directory: nothing can be created below it any more.
    removed: AtomicBool,
}

impl PathNode {
    /// A node without parent: the root of a file system, or a file without a name in any directory.
    pub fn new_root(inode: Arc<Inode>, name: &[u8]) -> Arc<Self> {
        Arc::new(Self::build(inode, name, None))
    }

    /// A node that knows its parent but is not among its children (yet, or ever).
    pub fn new_child(parent: &Arc<Self>, name: &[u8], inode: Arc<Inode>) -> Arc<Self> {
        Arc::new(Self::build(inode, name, Some(parent.clone())))
    }

    fn build(inode: Arc<Inode>, name: &[u8], parent: Option<Arc<Self>>) -> Self {
        Self {
            inode,
            state: TokenCell::new(
                &NAMES,
                NodeState {
                    name: Name::from_slice(name),
                    parent,
                    slot: u32::MAX,
                    children: None,
                },
            ),
            mounts: AtomicU32::new(0),
            removed: AtomicBool::new(false),
        }
    }

    /// The file.
    #[inline]
    pub fn inode(&self) -> &Arc<Inode> {
        &self.inode
    }

    /// The last component of its path.
    pub fn name<'a>(&'a self, token: &'a ReadToken) -> &'a [u8] {
        &self.state.get(token).name
    }

    /// The directory it is in.
    #[inline]
    pub fn parent<'a>(&'a self, token: &'a ReadToken) -> Option<&'a Arc<Self>> {
        self.state.get(token).parent.as_ref()
    }

    /// As [`Self::parent`], in a write section.
    pub fn parent_in_write<'a>(&'a self, token: &'a WriteToken) -> Option<&'a Arc<Self>> {
        self.state.get_in_write(token).parent.as_ref()
    }

    /// The cached child of this name.
    #[inline(always)]
    pub fn child<'a>(
        &'a self,
        token: &'a ReadToken,
        name: &Component<'_>,
    ) -> Option<&'a Arc<Self>> {
        let children = self.state.get(token).children.as_deref()?;
        children.find(name.hash, |node| node.state.get(token).name.is(name))
    }

    /// As [`Self::child`], in a write section.
    pub(super) fn child_in_write<'a>(
        &'a self,
        token: &'a WriteToken,
        name: &Component<'_>,
    ) -> Option<&'a Arc<Self>> {
        let children = self.state.get_in_write(token).children.as_deref()?;
        children.find(name.hash, |node| {
            node.state.get_in_write(token).name.is(name)
        })
    }

    /// Whether a walk to its name leads to this node: a directory that finds its entries anew each time need not
    /// remember it. True for a node without parent.
    pub(super) fn is_remembered(&self, token: &WriteToken) -> bool {
        let state = self.state.get_in_write(token);
        state.parent.is_none() || state.slot != u32::MAX
    }

    /// Whether this name is known to be missing in this directory.
    #[inline]
    pub fn is_known_missing(&self, token: &ReadToken, name: &Component<'_>) -> bool {
        self.state
            .get(token)
            .children
            .as_deref()
            .is_some_and(|children| children.is_negative(name))
    }

    /// Whether the cache holds no entry of this directory.
    pub fn has_no_children(&self, token: &ReadToken) -> bool {
        self.state
            .get(token)
            .children
            .as_deref()
            .is_none_or(Children::is_empty)
    }

    /// The cached entries of this directory from a reading position on, each with its position.
    pub fn entries<'a>(
        &'a self,
        token: &'a ReadToken,
        first: u64,
    ) -> impl Iterator<Item = (u64, &'a Arc<Self>)> {
        self.state
            .get(token)
            .children
            .as_deref()
            .into_iter()
            .flat_map(move |children| children.iterate(first))
    }

    /// Whether mounts lie on it.
    #[inline]
    pub fn is_mount_point(&self) -> bool {
        self.mounts.load(Relaxed) != 0
    }

    /// One more mount lies on it; in a write section.
    pub(super) fn add_mount(&self, _token: &WriteToken) {
        self.mounts.fetch_add(1, Relaxed);
    }

    /// One mount less; in a write section.
    pub(super) fn remove_mount(&self, _token: &WriteToken) {
        self.mounts.fetch_sub(1, Relaxed);
    }

    /// Whether it was taken out of its directory.
    #[inline]
    pub fn is_removed(&self) -> bool {
        self.removed.load(Relaxed)
    }

    /// Whether `ancestor` is this node or above it.
    pub fn is_at_or_below(&self, token: &ReadToken, ancestor: &PathNode) -> bool {
        let mut node = self;
        loop {
            if core::ptr::eq(node, ancestor) {
                return true;
            }
            match node.state.get(token).parent.as_deref() {
                Some(parent) => node = parent,
                None => return false,
            }
        }
    }

    /// Enters `node` under its name into this directory's cache. Whoever calls made sure that the name is free.
    ///
    /// # Errors
    /// `ENOMEM`; nothing has changed then.
    pub(super) fn attach(self: &Arc<Self>, token: &mut WriteToken, node: &Arc<Self>) -> Result<()> {
        let hash = node.state.get_in_write(token).name.hash();
        let children = self.state.get_mut(token).children.get_or_insert_default();
        children.reserve()?;
        let slot = children.insert(hash, node.clone());
        node.state.get_mut(token).slot = slot;
        Ok(())
    }

    /// Takes a node out of this directory's cache; it stays usable for those who hold it. What it returns is dropped
    /// after the write section.
    pub(super) fn detach(&self, token: &mut WriteToken, node: &PathNode) -> Option<Arc<Self>> {
        let slot = node.state.get_in_write(token).slot;
        let removed = self.state.get_mut(token).children.as_mut()?.remove(slot);
        node.removed.store(true, Relaxed);
        removed
    }

    /// Takes some entries out of this directory's cache that nobody holds, nor their inodes, and below which nothing is
    /// known, as long as there are any; they are dropped after the write section.
    pub(super) fn take_unused(&self, token: &mut WriteToken) -> Unused {
        let mut slots: SmallVec<[u32; UNUSED]> = SmallVec::new();
        let children = self.state.get_in_write(token).children.as_deref();
        for (slot, node) in children.iter().flat_map(|children| children.iterate(0)) {
            let children = node.state.get_in_write(token).children.as_deref();
            let is_unused = Arc::strong_count(node) == 1 && Arc::strong_count(&node.inode) == 1;
            if is_unused && children.is_none_or(Children::is_empty) {
                slots.push(slot as u32);
            }
            if slots.len() == UNUSED {
                break;
            }
        }
        let mut taken = Unused::new();
        if let Some(children) = self.state.get_mut(token).children.as_mut() {
            taken.extend(slots.iter().filter_map(|&slot| children.remove(slot)));
        }
        taken
    }

    /// Remembers that a name is missing.
    pub(super) fn remember_missing(&self, token: &mut WriteToken, name: Name) {
        self.state
            .get_mut(token)
            .children
            .get_or_insert_default()
            .add_negative(name);
    }

    /// Forgets that a name is missing.
    pub(super) fn forget_missing(&self, token: &mut WriteToken, name: &Name) {
        if let Some(children) = self.state.get_mut(token).children.as_mut() {
            children.remove_negative(name);
        }
    }

    /// Makes room for one more child.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub(super) fn reserve(&self, token: &mut WriteToken) -> Result<()> {
        self.state
            .get_mut(token)
            .children
            .get_or_insert_default()
            .reserve()
    }

    /// Moves `node` from this directory to `to` under a new name, which is free there.
    ///
    /// # Errors
    /// `ENOMEM`; nothing has changed then.
    pub(super) fn relocate(
        &self,
        token: &mut WriteToken,
        node: &Arc<Self>,
        to: &Arc<Self>,
        name: Name,
    ) -> Result<Relocated> {
        let hash = name.hash();
        let slot = node.state.get_in_write(token).slot;
        if core::ptr::eq(self, &raw const **to) {
            if let Some(children) = self.state.get_mut(token).children.as_mut() {
                children.reserve()?;
                children.rehash(slot, hash);
            }
            let name = core::mem::replace(&mut node.state.get_mut(token).name, name);
            return Ok(Relocated {
                _name: name,
                _parent: None,
                _entry: None,
            });
        }
        let children = to.state.get_mut(token).children.get_or_insert_default();
        children.reserve()?;
        let new_slot = children.insert(hash, node.clone());
        let entry = self
            .state
            .get_mut(token)
            .children
            .as_mut()
            .and_then(|children| children.remove(slot));
        let state = node.state.get_mut(token);
        state.slot = new_slot;
        let name = core::mem::replace(&mut state.name, name);
        let parent = state.parent.replace(to.clone());
        Ok(Relocated {
            _name: name,
            _parent: parent,
            _entry: entry,
        })
    }

    /// Exchanges the places of two nodes, `first` in this directory and `second` in `other`.
    pub(super) fn exchange(
        self: &Arc<Self>,
        token: &mut WriteToken,
        first: &Arc<Self>,
        other: &Arc<Self>,
        second: &Arc<Self>,
    ) {
        let first_slot = first.state.get_in_write(token).slot;
        let second_slot = second.state.get_in_write(token).slot;
        if let Some(children) = self.state.get_mut(token).children.as_mut() {
            drop(children.replace(first_slot, second.clone()));
        }
        if let Some(children) = other.state.get_mut(token).children.as_mut() {
            drop(children.replace(second_slot, first.clone()));
        }
        let name = first.state.get_in_write(token).name.clone();
        let state = second.state.get_mut(token);
        let name = core::mem::replace(&mut state.name, name);
        state.slot = first_slot;
        state.parent = Some(self.clone());
        let state = first.state.get_mut(token);
        state.name = name;
        state.slot = second_slot;
        state.parent = Some(other.clone());
    }

    /// Takes a tree of names apart, from the leaves up and without recursion; nobody can walk into it any more.
    pub(super) fn take_apart(root: Arc<Self>) {
        let mut node = root;
        loop {
            let mut token = NAMES.write();
            let child = node
                .state
                .get_mut(&mut token)
                .children
                .as_mut()
                .and_then(|children| children.pop());
            match child {
                Some(child) => {
                    child.removed.store(true, Relaxed);
                    drop(token);
                    if child.inode.is_directory() {
                        node = child;
                    }
                }
                None => {
                    let state = node.state.get_mut(&mut token);
                    let children = state.children.take();
                    let parent = state.parent.take();
                    drop(token);
                    drop(children);
                    match parent {
                        Some(parent) => node = parent,
                        None => return,
                    }
                }
            }
        }
    }
}

/// Entries that are taken out in one section.
const UNUSED: usize = 32;
type Unused = SmallVec<[Arc<PathNode>; UNUSED]>;

/// What a move left over; dropped after the write section.
pub(super) struct Relocated {
    _name: Name,
    _parent: Option<Arc<PathNode>>,
    _entry: Option<Arc<PathNode>>,
}

impl Drop for PathNode {
    fn drop(&mut self) {
        // A removed directory may be the last to hold a long chain of removed parents.
        let mut parent = self.state.get_exclusive().parent.take();
        while let Some(node) = parent {
            match Arc::into_inner(node) {
                Some(mut node) => parent = node.state.get_exclusive().parent.take(),
                None => return,
            }
        }
    }
}

impl core::fmt::Debug for PathNode {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "node of {:?}", self.inode)
    }
}
