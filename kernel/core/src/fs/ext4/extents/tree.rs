//! The extent tree of an inode: finding where blocks of a file are.

use super::super::instance::Instance;
use super::super::journal::MetadataBlock;
use super::super::update::Update;
use super::node::{Extent, Node, NodeMut};
use crate::{Errno, Result};
use alloc::sync::Arc;
use smallvec::SmallVec;

/// The extent tree of an inode. Whoever uses it holds the inode's lock of extents.
pub struct Tree<'a> {
    pub(super) instance: &'a Instance,
    pub(super) inode: u32,
}

/// What holds a node.
#[derive(Clone)]
pub(super) enum Holder {
    Inode,
    Block(Arc<MetadataBlock>),
}

/// A node on the way from the root to a leaf.
#[derive(Clone)]
pub(super) struct Level {
    pub holder: Holder,
    pub depth: u16,
    /// Above the leaves: the entry that was followed. In a leaf: how many entries begin at or before the block.
    pub place: usize,
    pub count: usize,
    pub maximum: usize,
}

/// From the root to a leaf.
pub(super) type Path = SmallVec<[Level; 3]>;

/// Where blocks of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// So many blocks are like the first, at least one.
    pub count: u32,
    /// Where the first block is; nowhere in a hole.
    pub start: Option<u64>,
    /// Whether they hold data; they read as zeros otherwise.
    pub written: bool,
}

impl<'a> Tree<'a> {
    /// The tree of an inode, which has one.
    pub fn of(instance: &'a Instance, inode: u32) -> Self {
        Self { instance, inode }
    }

    /// Looks at a node.
    pub(super) fn with_node<R>(
        &self,
        holder: &Holder,
        depth: Option<u16>,
        look: impl FnOnce(Node<'_>) -> Result<R>,
    ) -> Result<R> {
        match holder {
            Holder::Inode => {
                let inode = self.instance.read_inode(self.inode)?;
                look(Node::read(&inode.old.root, depth)?)
            }
            Holder::Block(block) => block.read(|bytes| look(Node::read(bytes, depth)?)),
        }
    }

    /// Changes a node: one block.
    pub(super) fn change_node<R>(
        &self,
        update: &Update,
        holder: &Holder,
        change: impl FnOnce(NodeMut<'_>) -> Result<R>,
    ) -> Result<R> {
        match holder {
            Holder::Inode => self.instance.change_inode(update, self.inode, |inode| {
                change(NodeMut::of(&mut inode.old.root)?)
            }),
            Holder::Block(block) => update.modify(block, |bytes| change(NodeMut::of(bytes)?))?,
        }
    }

    /// The way to the leaf that holds a block, or would.
    ///
    /// # Errors
    /// `EUCLEAN` for a tree that makes no sense; what reading says.
    pub(super) fn walk(&self, block: u32) -> Result<Path> {
        let mut path = Path::new();
        let mut holder = Holder::Inode;
        let mut expected = None;
        loop {
            let (level, child) = self.with_node(&holder, expected, |node| {
                let place = node.place(block);
                let mut level = Level {
                    holder: holder.clone(),
                    depth: node.depth,
                    place,
                    count: node.len(),
                    maximum: node.maximum,
                };
                if node.depth == 0 {
                    return Ok((level, None));
                }
                level.place = place.saturating_sub(1);
                let index = node.index(level.place).ok_or(Errno::EUCLEAN)?;
                Ok((level, Some(index.child)))
            })?;
            let depth = level.depth;
            path.push(level);
            let Some(child) = child else {
                return Ok(path);
            };
            if !self.instance.geometry.has_run(child, 1) {
                return Err(Errno::EUCLEAN);
            }
            // It gets less with each level, so that this ends.
            expected = Some(depth - 1);
            holder = Holder::Block(self.instance.journal.block(child)?);
        }
    }

    /// The extents around a place in a leaf: the one before it, and the one at it.
    ///
    /// # Errors
    /// `EUCLEAN` for extents that can't be.
    pub(super) fn neighbours(&self, leaf: &Level) -> Result<(Option<Extent>, Option<Extent>)> {
        let found = self.with_node(&leaf.holder, Some(0), |node| {
            let before = leaf.place.checked_sub(1);
            Ok((
                before.and_then(|place| node.extent(place)),
                node.extent(leaf.place),
            ))
        })?;
        for extent in [found.0, found.1].into_iter().flatten() {
            let fits = extent.end() <= 1 << 32
                && self
                    .instance
                    .geometry
                    .has_run(extent.start, extent.count.into());
            if !fits {
                return Err(Errno::EUCLEAN);
            }
        }
        Ok(found)
    }

    /// Where a block of the file is.
    ///
    /// # Errors
    /// `EUCLEAN` for a tree that makes no sense; what reading says.
    pub fn find(&self, block: u32) -> Result<Mapping> {
        let path = self.walk(block)?;
        let leaf = path.last().ok_or(Errno::EUCLEAN)?;
        let (before, next) = self.neighbours(leaf)?;
        if let Some(extent) = before.filter(|extent| u64::from(block) < extent.end()) {
            let offset = block - extent.first;
            return Ok(Mapping {
                count: extent.count - offset,
                start: Some(extent.start + u64::from(offset)),
                written: extent.written,
            });
        }
        // The hole ends where the next extent begins, in this leaf or one behind it.
        let mut end = next.map(|extent| extent.first);
        for level in path.iter().rev().skip(1) {
            if end.is_some() {
                break;
            }
            end = self.with_node(&level.holder, Some(level.depth), |node| {
                Ok(node.first(level.place + 1))
            })?;
        }
        let count = end.unwrap_or(u32::MAX).saturating_sub(block).max(1);
        Ok(Mapping {
            count,
            start: None,
            written: false,
        })
    }

    /// Where a block near this one is, for a new block to be put beside it.
    ///
    /// # Errors
    /// As [`Self::find`].
    pub fn goal(&self, block: u32) -> Result<Option<u64>> {
        let path = self.walk(block)?;
        let leaf = path.last().ok_or(Errno::EUCLEAN)?;
        let (before, next) = self.neighbours(leaf)?;
        let behind = before.map(|extent| extent.start + u64::from(block - extent.first));
        Ok(behind.or_else(|| {
            let extent = next?;
            extent.start.checked_sub(u64::from(extent.first - block))
        }))
    }
}
