//! Root, working directory and umask of a process, and the view that path walks take of them.

use super::location::Location;
use super::path_node::NAMES;
use crate::task::Credentials;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use hal::sync::{ReadToken, TokenCell};

/// Root and working directory; both under [`NAMES`], so that a walk needs neither a lock nor a reference of its own.
pub struct Directories {
    /// What "/" means.
    pub root: Location,
    /// Where relative paths begin.
    pub working: Location,
}

/// What clone's `CLONE_FS` shares: root directory, working directory, umask.
pub struct FsContext {
    directories: TokenCell<Directories>,
    umask: AtomicU32,
    shared: AtomicBool,
}

impl FsContext {
    /// A context whose root and working directory are `root`, with umask 022.
    pub fn new(root: Location) -> Arc<Self> {
        let directories = Directories {
            working: root.clone(),
            root,
        };
        Arc::new(Self {
            directories: TokenCell::new(&NAMES, directories),
            umask: AtomicU32::new(0o022),
            shared: AtomicBool::new(false),
        })
    }

    /// A copy that changes on its own.
    pub fn duplicate(&self) -> Arc<Self> {
        let token = NAMES.read();
        let Directories { root, working } = self.directories.get(&token);
        let copy = Directories {
            root: root.clone(),
            working: working.clone(),
        };
        Arc::new(Self {
            directories: TokenCell::new(&NAMES, copy),
            umask: AtomicU32::new(self.umask()),
            shared: AtomicBool::new(false),
        })
    }

    /// Notes that several processes share it, which stays noted when they have gone.
    pub fn set_shared(&self) {
        self.shared.store(true, Relaxed);
    }

    /// Whether several processes share it, or once did.
    pub fn is_shared(&self) -> bool {
        self.shared.load(Relaxed)
    }

    /// Root and working directory, in a read section.
    #[inline]
    pub fn directories<'a>(&'a self, token: &'a ReadToken) -> &'a Directories {
        self.directories.get(token)
    }

    /// The root directory.
    pub fn root(&self) -> Location {
        self.directories.get(&NAMES.read()).root.clone()
    }

    /// The working directory.
    pub fn working_directory(&self) -> Location {
        self.directories.get(&NAMES.read()).working.clone()
    }

    /// Makes `location` the working directory.
    pub fn set_working_directory(&self, location: Location) {
        let mut token = NAMES.write();
        let old = core::mem::replace(&mut self.directories.get_mut(&mut token).working, location);
        drop(token);
        drop(old);
    }

    /// Makes `location` the root directory (chroot(2)); the working directory stays.
    pub fn set_root(&self, location: Location) {
        let mut token = NAMES.write();
        let old = core::mem::replace(&mut self.directories.get_mut(&mut token).root, location);
        drop(token);
        drop(old);
    }

    /// Makes `root` both root and working directory: what entering a VFS root means.
    pub fn replace(&self, root: Location) {
        let new = Directories {
            working: root.clone(),
            root,
        };
        let mut token = NAMES.write();
        let old = core::mem::replace(self.directories.get_mut(&mut token), new);
        drop(token);
        drop(old);
    }

    /// Permission bits that new files don't get.
    pub fn umask(&self) -> u32 {
        self.umask.load(Relaxed)
    }

    /// Replaces the umask; returns the old one.
    pub fn set_umask(&self, mask: u32) -> u32 {
        self.umask.swap(mask & 0o777, Relaxed)
    }
}

/// Whose eyes a path is seen with.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// Root and working directory.
    pub fs: &'a FsContext,
    /// User, groups.
    pub credentials: &'a Credentials,
}
