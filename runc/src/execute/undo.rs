//! What was made in a directory of the caller, to be removed when the container can't be started.

use crate::system::tree::Tree;

/// Paths that were made, removed in reverse order when dropped.
#[derive(Default)]
pub struct Undo {
    // The caller's directory, seen from outside the container: what is mounted inside doesn't show here.
    tree: Option<Tree>,
    made: Vec<String>,
}

impl Undo {
    /// Everything that is added from now on is made in this tree.
    pub fn start(&mut self, tree: Tree) {
        self.tree = Some(tree);
    }

    /// Notes that a path was made; in a tree of the container's own there is nothing to undo.
    pub fn add(&mut self, path: &str) {
        if self.tree.is_some() {
            self.made.push(path.to_owned());
        }
    }

    /// Everything stays.
    pub fn forget(&mut self) {
        self.tree = None;
        self.made.clear();
    }
}

impl Drop for Undo {
    fn drop(&mut self) {
        let Some(tree) = &self.tree else { return };
        for path in self.made.iter().rev() {
            // What was made inside a mount is not here; what somebody else filled meanwhile stays.
            let _ = tree.remove(path);
        }
    }
}
