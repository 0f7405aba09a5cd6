//! Extent trees: where the blocks of a file are.

mod change;
mod node;
mod tree;

pub use change::CREDITS;
pub use node::{Extent, NodeMut};
pub use tree::{Mapping, Tree};
