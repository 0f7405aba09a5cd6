//! Locations: where a file is, as a name in a mounted file system.

use super::inode::Inode;
use super::mount::Mount;
use super::path_node::PathNode;
use alloc::sync::Arc;

/// A name in a mount. Holding one keeps the mount busy.
#[derive(Clone, Debug)]
pub struct Location {
    /// The mount.
    pub mount: Arc<Mount>,
    /// The name in the mount's file system.
    pub node: Arc<PathNode>,
}

impl Location {
    /// The root directory of a mount.
    pub fn root_of(mount: &Arc<Mount>) -> Self {
        Self {
            mount: mount.clone(),
            node: mount.root().clone(),
        }
    }

    /// The file at this place.
    #[inline]
    pub fn inode(&self) -> &Arc<Inode> {
        self.node.inode()
    }

    /// Whether both are the same name in the same mount.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node) && Arc::ptr_eq(&self.mount, &other.mount)
    }

    /// Whether the file can't be written because of its mount or its file system.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.mount.is_read_only()
    }
}
