//! A forest in an arena: parents with their children, and rings of nodes (process groups). Pure.
//!
//! Links are indices, so that linking and unlinking take constant time and no memory.

use crate::errno::Result;
use crate::heap::MakeRoom;
use alloc::vec::Vec;

/// A node's place; [`NONE`] is no node.
pub type Index = u32;

/// No node.
pub const NONE: Index = u32::MAX;

struct Node<T> {
    value: Option<T>,
    parent: Index,
    first_child: Index,
    last_child: Index,
    next_sibling: Index,
    previous_sibling: Index,
    /// Neighbours in the ring; a node alone is its own neighbour.
    next_in_ring: Index,
    previous_in_ring: Index,
}

/// Nodes with a `T` each.
pub struct Tree<T> {
    nodes: Vec<Node<T>>,
    free: Vec<Index>,
}

impl<T> Default for Tree<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Tree<T> {
    /// Without nodes.
    pub const fn new() -> Self {
        Self {
            nodes: Vec::new(),
            free: Vec::new(),
        }
    }

    fn node(&self, index: Index) -> Option<&Node<T>> {
        self.nodes.get(index as usize)
    }

    fn edit(&mut self, index: Index, change: impl FnOnce(&mut Node<T>)) {
        if let Some(node) = self.nodes.get_mut(index as usize) {
            change(node);
        }
    }

    /// A node's value.
    pub fn get(&self, index: Index) -> Option<&T> {
        self.node(index)?.value.as_ref()
    }

    /// A node's value, to change.
    pub fn get_mut(&mut self, index: Index) -> Option<&mut T> {
        self.nodes.get_mut(index as usize)?.value.as_mut()
    }

    /// Adds a node as the youngest child of `parent` (or of none), in the ring of `ring` (or alone).
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn insert(&mut self, value: T, parent: Index, ring: Index) -> Result<Index> {
        let node = Node {
            value: Some(value),
            parent: NONE,
            first_child: NONE,
            last_child: NONE,
            next_sibling: NONE,
            previous_sibling: NONE,
            next_in_ring: NONE,
            previous_in_ring: NONE,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = node;
                index
            }
            None => {
                self.nodes.make_room(1)?;
                // All nodes can be free at once, so that removing never needs memory.
                self.free.make_room(self.nodes.len() + 1)?;
                self.nodes.push(node);
                (self.nodes.len() - 1) as Index
            }
        };
        self.edit(index, |node| {
            node.next_in_ring = index;
            node.previous_in_ring = index;
        });
        self.set_parent(index, parent);
        if ring != NONE {
            self.join_ring(index, ring);
        }
        Ok(index)
    }

    /// Takes a node without children out.
    pub fn remove(&mut self, index: Index) -> Option<T> {
        self.set_parent(index, NONE);
        self.leave_ring(index);
        let value = self.nodes.get_mut(index as usize)?.value.take()?;
        self.free.push(index);
        Some(value)
    }

    /// The parent of a node.
    pub fn parent(&self, index: Index) -> Index {
        self.node(index).map_or(NONE, |node| node.parent)
    }

    /// Makes a node the youngest child of `parent`, or of none.
    pub fn set_parent(&mut self, index: Index, parent: Index) {
        let Some(node) = self.node(index) else { return };
        let (old, next, previous) = (node.parent, node.next_sibling, node.previous_sibling);
        if old != NONE {
            if previous == NONE {
                self.edit(old, |node| node.first_child = next);
            } else {
                self.edit(previous, |node| node.next_sibling = next);
            }
            if next == NONE {
                self.edit(old, |node| node.last_child = previous);
            } else {
                self.edit(next, |node| node.previous_sibling = previous);
            }
        }
        let last = self.node(parent).map_or(NONE, |node| node.last_child);
        self.edit(index, |node| {
            node.parent = parent;
            node.next_sibling = NONE;
            node.previous_sibling = last;
        });
        if parent != NONE {
            if last == NONE {
                self.edit(parent, |node| node.first_child = index);
            } else {
                self.edit(last, |node| node.next_sibling = index);
            }
            self.edit(parent, |node| node.last_child = index);
        }
    }

    /// The children of a node, the oldest first.
    pub fn children(&self, index: Index) -> impl Iterator<Item = Index> + '_ {
        let mut next = self.node(index).map_or(NONE, |node| node.first_child);
        core::iter::from_fn(move || {
            let index = next;
            let node = self.node(index)?;
            next = node.next_sibling;
            Some(index)
        })
    }

    /// The oldest child of a node.
    pub fn first_child(&self, index: Index) -> Index {
        self.node(index).map_or(NONE, |node| node.first_child)
    }

    /// Moves a node into the ring of `other`.
    pub fn join_ring(&mut self, index: Index, other: Index) {
        self.leave_ring(index);
        let next = self.node(other).map_or(index, |node| node.next_in_ring);
        self.edit(other, |node| node.next_in_ring = index);
        self.edit(next, |node| node.previous_in_ring = index);
        self.edit(index, |node| {
            node.next_in_ring = next;
            node.previous_in_ring = other;
        });
    }

    /// Takes a node out of its ring, to be alone; gives another node of that ring.
    pub fn leave_ring(&mut self, index: Index) -> Index {
        let Some(node) = self.node(index) else {
            return NONE;
        };
        let (next, previous) = (node.next_in_ring, node.previous_in_ring);
        self.edit(previous, |node| node.next_in_ring = next);
        self.edit(next, |node| node.previous_in_ring = previous);
        self.edit(index, |node| {
            node.next_in_ring = index;
            node.previous_in_ring = index;
        });
        if next == index { NONE } else { next }
    }

    /// The nodes of the ring that `start` is in, beginning there.
    pub fn ring(&self, start: Index) -> impl Iterator<Item = Index> + '_ {
        let mut next = start;
        let mut begun = false;
        core::iter::from_fn(move || {
            if begun && next == start {
                return None;
            }
            begun = true;
            let index = next;
            next = self.node(index)?.next_in_ring;
            Some(index)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    #[test]
    fn children_keep_their_order_and_can_change_parents() {
        let mut tree = Tree::new();
        let one = tree.insert("one", NONE, NONE).unwrap();
        let two = tree.insert("two", NONE, NONE).unwrap();
        let kids: Vec<Index> = ["a", "b", "c"]
            .iter()
            .map(|name| tree.insert(*name, one, NONE).unwrap())
            .collect();
        assert_eq!(tree.children(one).collect::<Vec<_>>(), kids);
        tree.set_parent(kids[1], two);
        assert_eq!(tree.children(one).collect::<Vec<_>>(), [kids[0], kids[2]]);
        assert_eq!(tree.parent(kids[1]), two);
        assert_eq!(tree.remove(kids[2]), Some("c"));
        assert_eq!(tree.children(one).collect::<Vec<_>>(), [kids[0]]);
    }

    #[test]
    fn random_links_agree_with_a_model() {
        let mut random = 0xdead_beef_1234_5678u64;
        let mut below = |limit: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % limit as u64) as usize
        };
        let mut tree = Tree::new();
        let mut parents: BTreeMap<Index, Index> = BTreeMap::new();
        let mut rings: BTreeMap<Index, u32> = BTreeMap::new();
        let mut next_ring = 0;
        for _ in 0..5_000 {
            let all: Vec<Index> = parents.keys().copied().collect();
            let pick = |at: usize| all[at % all.len()];
            match below(5) {
                0 | 1 if all.len() < 40 => {
                    let parent = if all.is_empty() || below(4) == 0 {
                        NONE
                    } else {
                        pick(below(1000))
                    };
                    let ring = if all.is_empty() || below(3) == 0 {
                        NONE
                    } else {
                        pick(below(1000))
                    };
                    let index = tree.insert((), parent, ring).unwrap();
                    parents.insert(index, parent);
                    let label = rings.get(&ring).copied().unwrap_or_else(|| {
                        next_ring += 1;
                        next_ring
                    });
                    rings.insert(index, label);
                }
                2 if !all.is_empty() => {
                    let index = pick(below(1000));
                    if tree.first_child(index) == NONE {
                        tree.remove(index);
                        parents.remove(&index);
                        rings.remove(&index);
                    }
                }
                3 if !all.is_empty() => {
                    let (index, other) = (pick(below(1000)), pick(below(1000)));
                    if index != other {
                        tree.join_ring(index, other);
                        let label = rings[&other];
                        rings.insert(index, label);
                    }
                }
                _ if !all.is_empty() => {
                    let (index, parent) = (pick(below(1000)), pick(below(1000)));
                    // Only a node without children moves, so that no circle arises.
                    if index != parent && tree.first_child(index) == NONE {
                        tree.set_parent(index, parent);
                        parents.insert(index, parent);
                    }
                }
                _ => {}
            }
            for &index in parents.keys().take(20) {
                let children: BTreeSet<Index> = tree.children(index).collect();
                let expected = parents
                    .iter()
                    .filter(|entry| *entry.1 == index)
                    .map(|entry| *entry.0)
                    .collect();
                assert_eq!(children, expected);
                let ring: BTreeSet<Index> = tree.ring(index).collect();
                let expected = rings
                    .iter()
                    .filter(|entry| *entry.1 == rings[&index])
                    .map(|entry| *entry.0)
                    .collect();
                assert_eq!(ring, expected);
            }
        }
    }
}
