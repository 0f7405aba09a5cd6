//! Changes of an extent tree. Each leaves a tree that is whole, so that running out of room in the midst does no harm.

use super::super::update::Update;
use super::node::{Extent, Index, MAXIMUM_DEPTH, Node, NodeMut};
use super::tree::{Holder, Level, Path, Tree};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;
use smallvec::SmallVec;

/// Blocks that one change of the tree may change at most: a split at each of five levels, with two new bitmaps and
/// descriptors each, and the way down.
pub const CREDITS: u32 = 5 * 4 + 6;

/// Splits before an insertion finds room: one a level, and a new root.
const SPLITS: usize = 16;

/// Extents that take the place of others.
type Parts = SmallVec<[Extent; 5]>;

fn first_block(extents: &[Extent]) -> Option<u32> {
    Some(extents.first()?.first)
}

impl Tree<'_> {
    /// Enters an extent where there is a hole.
    ///
    /// # Errors
    /// `EUCLEAN` if there is none, or the tree makes no sense; `ENOSPC`; what reading and changing blocks says.
    pub fn insert(&self, update: &Update, extent: Extent) -> Result<()> {
        self.with_room(update, extent.first, |path, leaf| {
            let (before, next) = self.neighbours(leaf)?;
            let overlaps = before.is_some_and(|before| before.end() > extent.first.into())
                || next.is_some_and(|next| extent.end() > next.first.into());
            if overlaps {
                return Err(Errno::EUCLEAN);
            }
            self.splice(update, path, leaf.place, 0, &[extent])
        })
    }

    /// Notes that blocks, all of one extent, hold data now.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn set_written(&self, update: &Update, first: u32, count: u32) -> Result<()> {
        self.with_room(update, first, |path, leaf| {
            let extent = self.neighbours(leaf)?.0.ok_or(Errno::EUCLEAN)?;
            let end = u64::from(first) + u64::from(count);
            if extent.written || end > extent.end() {
                return Err(Errno::EUCLEAN);
            }
            let mut parts = cut(&extent, first, end);
            let middle = Extent {
                first,
                count,
                start: extent.start + u64::from(first - extent.first),
                written: true,
            };
            let place = usize::from(first_block(&parts).is_some_and(|block| block < first));
            parts.insert(place, middle);
            self.splice(update, path, leaf.place - 1, 1, &parts)
        })
    }

    /// Takes the last extent's part out that lies between `first` and before `end`, and says where those blocks are; `None`
    /// if there is none. They stay taken.
    ///
    /// # Errors
    /// As [`Self::insert`].
    pub fn remove_last(&self, update: &Update, first: u32, end: u64) -> Result<Option<(u64, u32)>> {
        let Some(last) = end.checked_sub(1).filter(|&last| last >= first.into()) else {
            return Ok(None);
        };
        let mut removed = None;
        self.with_room(update, last.min(u32::MAX.into()) as u32, |path, leaf| {
            let Some(extent) = self.neighbours(leaf)?.0 else {
                return Ok(true);
            };
            let (from, to) = (extent.first.max(first), extent.end().min(end));
            if u64::from(from) >= to {
                return Ok(true);
            }
            let start = extent.start + u64::from(from - extent.first);
            removed = Some((start, (to - u64::from(from)) as u32));
            self.splice(update, path, leaf.place - 1, 1, &cut(&extent, from, to))
        })?;
        Ok(removed)
    }

    /// Carries out a change of the leaf for a block, making room until it says that there was enough.
    fn with_room(
        &self,
        update: &Update,
        block: u32,
        mut change: impl FnMut(&Path, &Level) -> Result<bool>,
    ) -> Result<()> {
        for _ in 0..SPLITS {
            let path = self.walk(block)?;
            let leaf = path.last().ok_or(Errno::EUCLEAN)?;
            if change(&path, leaf)? {
                return Ok(());
            }
            self.make_room(update, &path)?;
        }
        Err(Errno::EUCLEAN)
    }

    /// Puts extents in the place of `removed` others from `place` of a leaf on, joined among themselves and with their
    /// neighbours. False if the leaf has no room for them, with nothing changed.
    fn splice(
        &self,
        update: &Update,
        path: &Path,
        place: usize,
        removed: usize,
        parts: &[Extent],
    ) -> Result<bool> {
        let leaf = path.last().ok_or(Errno::EUCLEAN)?;
        let (before, next) = self.with_node(&leaf.holder, Some(0), |node| {
            let before = place.checked_sub(1).and_then(|place| node.extent(place));
            Ok((before, node.extent(place + removed)))
        })?;
        let mut joined = Parts::new();
        for extent in before.iter().chain(parts).chain(&next) {
            match joined.last_mut() {
                Some(last) if last.joined(extent).is_some() => {
                    *last = last.joined(extent).unwrap_or(*last);
                }
                _ => joined.push(*extent),
            }
        }
        let start = place - usize::from(before.is_some());
        let gone = removed + usize::from(before.is_some()) + usize::from(next.is_some());
        if leaf.count - gone + joined.len() > leaf.maximum {
            return Ok(false);
        }
        self.change_node(update, &leaf.holder, |mut node| {
            for _ in 0..gone {
                node.remove(start)?;
            }
            for (offset, extent) in joined.iter().enumerate() {
                node.insert_extent(start + offset, extent)?;
            }
            Ok(())
        })?;
        if leaf.count - gone + joined.len() == 0 {
            self.prune(update, path)?;
        } else if let (None, Some(first)) = (before, first_block(&joined)) {
            self.set_key(update, path, path.len() - 1, first)?;
        }
        Ok(true)
    }

    /// Says above a node that it begins at `first` now.
    fn set_key(&self, update: &Update, path: &Path, level: usize, first: u32) -> Result<()> {
        for above in path.iter().take(level).rev() {
            self.change_node(update, &above.holder, |mut node| {
                node.set_first(above.place, first)
            })?;
            if above.place > 0 {
                break;
            }
        }
        Ok(())
    }

    /// Frees the leaf, which is empty, and what is empty above it then.
    fn prune(&self, update: &Update, path: &Path) -> Result<()> {
        for (level, empty) in path.iter().enumerate().rev() {
            let Holder::Block(block) = &empty.holder else {
                return self.change_node(update, &Holder::Inode, |mut node| {
                    node.set_depth(0);
                    Ok(())
                });
            };
            let number = block.number();
            self.instance.free(update, number, 1)?;
            update.forget(number)?;
            self.count_block(update, -1)?;
            let above = path.get(level.wrapping_sub(1)).ok_or(Errno::EUCLEAN)?;
            self.change_node(update, &above.holder, |mut node| node.remove(above.place))?;
            if above.count > 1 {
                if above.place == 0 {
                    let first = self.with_node(&above.holder, Some(above.depth), |node| {
                        node.first(0).ok_or(Errno::EUCLEAN)
                    })?;
                    self.set_key(update, path, level - 1, first)?;
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn count_block(&self, update: &Update, count: i64) -> Result<()> {
        let size = self.instance.geometry.block_size;
        self.instance
            .change_inode(update, self.inode, |inode| inode.add_blocks(count, size))
    }

    /// Splits the highest node on the way that is full and has room above it, or gives the tree a new level.
    fn make_room(&self, update: &Update, path: &Path) -> Result<()> {
        let full = path
            .iter()
            .rev()
            .take_while(|level| level.count >= level.maximum);
        // A leaf that is not quite full may have no room for several parts.
        let full = full.count().max(1);
        match path.len().checked_sub(full + 1) {
            Some(above) => self.split(update, path, above),
            None => self.grow(update, path),
        }
    }

    /// A new block for a node, taken and counted; the node is empty.
    fn new_node(&self, update: &Update, near: &Level, depth: u16) -> Result<Holder> {
        let goal = match &near.holder {
            Holder::Block(block) => block.number(),
            Holder::Inode => {
                self.instance
                    .groups
                    .inode_place(&self.instance.geometry, self.inode)?
                    .block
            }
        };
        let claim = self.instance.claim(goal, 1)?;
        let block = self.instance.journal.new_block(claim.start())?;
        claim.settle(update)?;
        self.count_block(update, 1)?;
        update.modify(&block, |bytes| NodeMut::make(bytes, depth).map(drop))??;
        Ok(Holder::Block(block))
    }

    /// Splits the node below level `above`, which has room for one more entry.
    fn split(&self, update: &Update, path: &Path, above: usize) -> Result<()> {
        let (Some(parent), Some(child)) = (path.get(above), path.get(above + 1)) else {
            return Err(Errno::EUCLEAN);
        };
        // Files mostly grow at their end: then the old node stays as full as it is.
        let at = if child.place + 1 >= child.count {
            child.count - 1
        } else {
            child.count / 2
        };
        if at == 0 {
            return Err(Errno::EUCLEAN);
        }
        let holder = self.new_node(update, child, child.depth)?;
        let Holder::Block(block) = &holder else {
            return Err(Errno::EUCLEAN);
        };
        let mut old_bytes = Vec::new();
        old_bytes.make_room_exact(self.instance.geometry.block_size)?;
        let first = self.with_node(&child.holder, Some(child.depth), |node| {
            node.first(at).ok_or(Errno::EUCLEAN)
        })?;
        if let Holder::Block(old) = &child.holder {
            old.read(|bytes| old_bytes.extend_from_slice(bytes));
        }
        let moved = Node::read(&old_bytes, Some(child.depth))?;
        self.change_node(update, &holder, |mut node| node.append(&moved, at))?;
        self.change_node(update, &child.holder, |mut node| {
            node.truncate(at);
            Ok(())
        })?;
        let index = Index {
            first,
            child: block.number(),
        };
        self.change_node(update, &parent.holder, |mut node| {
            node.insert_index(parent.place + 1, &index)
        })
    }

    /// Moves what is in the root to a node of its own.
    fn grow(&self, update: &Update, path: &Path) -> Result<()> {
        let root = path.first().ok_or(Errno::EUCLEAN)?;
        if root.depth >= MAXIMUM_DEPTH {
            return Err(Errno::EFBIG);
        }
        let inode = self.instance.read_inode(self.inode)?;
        let holder = self.new_node(update, root, root.depth)?;
        let Holder::Block(block) = &holder else {
            return Err(Errno::EUCLEAN);
        };
        let old = Node::read(&inode.old.root, Some(root.depth))?;
        self.change_node(update, &holder, |mut node| node.append(&old, 0))?;
        let index = Index {
            first: old.first(0).unwrap_or(0),
            child: block.number(),
        };
        self.change_node(update, &Holder::Inode, |mut node| {
            node.truncate(0);
            node.set_depth(root.depth + 1);
            node.insert_index(0, &index)
        })
    }
}

/// What is left of an extent without the blocks from `first` to before `end`.
fn cut(extent: &Extent, first: u32, end: u64) -> Parts {
    let mut parts = Parts::new();
    if extent.first < first {
        parts.push(Extent {
            count: first - extent.first,
            ..*extent
        });
    }
    if end < extent.end() {
        parts.push(Extent {
            first: end as u32,
            count: (extent.end() - end) as u32,
            start: extent.start + (end - u64::from(extent.first)),
            written: extent.written,
        });
    }
    parts
}
