//! Mounts: file systems (or directories of them) at places of a tree.

use super::inode::Inode;
use super::location::Location;
use super::mount_lock::MountLock;
use super::path_node::{NAMES, PathNode};
use super::super_block::{ActiveSuperBlock, SuperBlock};
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bitflags::bitflags;
use core::sync::atomic::{
    AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::Release,
    Ordering::SeqCst, fence,
};
use hal::sync::{ReadToken, TokenCell, WriteToken};

bitflags! {
    /// Restrictions and access-time policy of one mount, with the numbers of mount(2)'s `MS_*`.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct MountFlags: u32 {
        /// No writing.
        const READ_ONLY = 1;
        /// Set-user-id and set-group-id bits have no effect.
        const NO_SETUID = 2;
        /// Device nodes can't be opened.
        const NO_DEVICES = 4;
        /// Programs can't be executed.
        const NO_EXECUTE = 8;
        /// Symbolic links are not followed.
        const NO_SYMBOLIC_LINKS = 0x100;
        /// Access times stay.
        const NO_ACCESS_TIME = 0x400;
        /// Access times of directories stay.
        const NO_DIRECTORY_ACCESS_TIME = 0x800;
        /// Access times move only past changes, and once a day.
        const RELATIVE_ACCESS_TIME = 0x20_0000;
        /// Access times always move.
        const STRICT_ACCESS_TIME = 0x100_0000;
    }
}

impl MountFlags {
    /// The flags of the policy for access times; relative times are what holds without any.
    pub fn access_time_policy(self) -> Self {
        self & (Self::NO_ACCESS_TIME | Self::NO_DIRECTORY_ACCESS_TIME | Self::STRICT_ACCESS_TIME)
    }
}

/// Numbers of mounts, as shown in mountinfo.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// What [`NAMES`] guards of a mount.
pub(super) struct MountState {
    /// The mount and the directory it lies on; `None` for a root mount or one that is detached.
    pub parent: Option<Location>,
    /// Mounts that lie on directories of this one.
    pub children: Vec<Child>,
    /// Whether it is in a mount table.
    pub life: MountLife,
}

/// A mount that lies on another one, and where: the same node as in its own state, at hand for a walk.
pub(super) struct Child {
    pub node: Arc<PathNode>,
    pub mount: Arc<Mount>,
}

/// Whether a mount is in a mount table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MountLife {
    /// Made, and not yet at a place (fsmount, open_tree).
    Floating,
    /// In a mount table.
    Attached,
    /// Unmounted, or its table is gone: its files can be used by those who hold them, nothing can be mounted there.
    Gone,
}

/// A file system, or a directory of it, at one place of one mount table.
pub struct Mount {
    id: u64,
    root: Arc<PathNode>,
    super_block: ActiveSuperBlock,
    flags: AtomicU32,
    /// Files open for writing.
    writers: AtomicUsize,
    /// It shows a directory below its file system's root, out of which a directory could be moved.
    partial: bool,
    /// On a table's root: see [`Mount::confine`].
    confined: AtomicBool,
    pub(super) lock: MountLock,
    pub(super) state: TokenCell<MountState>,
}

impl Mount {
    /// A mount in no table yet, of a directory (or file) `root` of a file system.
    pub fn new(super_block: ActiveSuperBlock, root: Arc<PathNode>, flags: MountFlags) -> Arc<Self> {
        let lock = MountLock::default();
        Self::build(super_block, root, flags, lock, MountLife::Floating)
    }

    fn build(
        super_block: ActiveSuperBlock,
        root: Arc<PathNode>,
        flags: MountFlags,
        lock: MountLock,
        life: MountLife,
    ) -> Arc<Self> {
        let partial = super_block
            .root()
            .is_none_or(|whole| !Arc::ptr_eq(&whole, &root));
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Relaxed),
            root,
            super_block,
            flags: AtomicU32::new(flags.bits()),
            writers: AtomicUsize::new(0),
            partial,
            confined: AtomicBool::new(false),
            lock,
            state: TokenCell::new(
                &NAMES,
                MountState {
                    parent: None,
                    children: Vec::new(),
                    life,
                },
            ),
        })
    }

    /// A further mount of what is at `location`, with the flags of its mount and more.
    pub fn of(location: &Location, more: MountFlags) -> Arc<Self> {
        let mount = &location.mount;
        Self::build(
            mount.super_block.clone(),
            location.node.clone(),
            mount.flags() | more,
            mount.lock.duplicate_settings(),
            MountLife::Floating,
        )
    }

    /// The same mount once more, for a copy of the tree that it is in.
    pub(super) fn duplicate(&self) -> Arc<Self> {
        Self::build(
            self.super_block.clone(),
            self.root.clone(),
            self.flags(),
            self.lock.duplicate(),
            MountLife::Floating,
        )
    }

    /// A locked mount in no table that nothing can be done to: it covers places in trees that are taken apart.
    pub(super) fn cover(
        super_block: ActiveSuperBlock,
        root: Arc<PathNode>,
        flags: MountFlags,
    ) -> Arc<Self> {
        let lock = MountLock::default();
        lock.close(flags);
        Self::build(super_block, root, flags, lock, MountLife::Gone)
    }

    /// Its number in mountinfo.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The directory (or file) that it shows.
    #[inline]
    pub fn root(&self) -> &Arc<PathNode> {
        &self.root
    }

    /// Whether it is at no place yet.
    pub fn is_floating(&self) -> bool {
        self.state.get(&NAMES.read()).life == MountLife::Floating
    }

    /// The file system.
    pub fn super_block(&self) -> &Arc<SuperBlock> {
        &self.super_block
    }

    /// Keeps the file system in use beyond the mount.
    pub fn active_super_block(&self) -> ActiveSuperBlock {
        self.super_block.clone()
    }

    /// Its flags.
    #[inline]
    pub fn flags(&self) -> MountFlags {
        MountFlags::from_bits_retain(self.flags.load(Relaxed))
    }

    /// Replaces its flags; they hold from the next operation on.
    ///
    /// # Errors
    /// `EPERM` if its lock doesn't permit it; `EBUSY` if it would become read-only while files are open for writing.
    pub fn set_flags(&self, flags: MountFlags) -> Result<()> {
        if !self.lock.permits(self.flags(), flags) {
            return Err(Errno::EPERM);
        }
        let old = self.flags.swap(flags.bits(), Relaxed);
        fence(SeqCst);
        let becomes_read_only =
            flags.contains(MountFlags::READ_ONLY) && old & MountFlags::READ_ONLY.bits() == 0;
        if becomes_read_only && self.writers.load(Relaxed) > 0 {
            self.flags.store(old, Relaxed);
            return Err(Errno::EBUSY);
        }
        Ok(())
    }

    /// Lets a file system on a device be written to, or not any more, through whatever mount (`MS_REMOUNT`). Unlike on
    /// Linux, a mount that is locked or shows a part of it decides for itself alone: a container that has a directory
    /// of a disk must not stop all the others.
    ///
    /// # Errors
    /// `EBUSY` if a file is open for writing through this mount; `EROFS`, `EIO`.
    pub fn set_read_only(&self, read_only: bool) -> Result<()> {
        let is_for_all =
            self.super_block.is_on_device() && !self.is_partial() && !self.lock.holds_settings();
        if !is_for_all || self.super_block.is_read_only() == read_only {
            return Ok(());
        }
        if !read_only {
            self.super_block.operations().set_read_only(false)?;
            self.super_block.set_read_only(false);
            return Ok(());
        }
        self.super_block.set_read_only(true);
        // Whoever opens a file for writing counts itself, then looks: one of the two sees the other.
        fence(SeqCst);
        let outcome = if self.writers.load(Relaxed) > 0 {
            Err(Errno::EBUSY)
        } else {
            self.super_block.operations().set_read_only(true)
        };
        if outcome.is_err() {
            self.super_block.set_read_only(false);
        }
        outcome
    }

    /// Changes options of the file system (`MS_REMOUNT`).
    ///
    /// # Errors
    /// `EPERM` if the mount is locked; what the file system says.
    pub fn reconfigure(&self, options: &[u8]) -> Result<()> {
        if self.lock.holds_settings() {
            return Err(Errno::EPERM);
        }
        let root = self.super_block.root().ok_or(Errno::EIO)?;
        self.super_block
            .operations()
            .reconfigure(root.inode(), options)
    }

    /// Marks a table's root: in this table something of a file system that shows the system is covered or read-only
    /// for good, so that a new instance of one would show too much.
    pub(super) fn confine(&self) {
        self.confined.store(true, Relaxed);
    }

    /// Whether new instances of file systems that show the system are refused (Linux's mount_too_revealing()).
    pub fn is_confined(&self) -> bool {
        self.confined.load(Relaxed)
    }

    /// A file is being opened for writing.
    ///
    /// # Errors
    /// `EROFS` if nothing can be written through it.
    pub(super) fn add_writer(&self) -> Result<()> {
        // Whoever makes it read-only stores that, then counts the writers: one of the two sees the other.
        self.writers.fetch_add(1, Relaxed);
        fence(SeqCst);
        if self.is_read_only() {
            self.remove_writer();
            return Err(Errno::EROFS);
        }
        Ok(())
    }

    /// A file that was open for writing is closed.
    pub(super) fn remove_writer(&self) {
        self.writers.fetch_sub(1, Release);
    }

    /// Whether nothing can be written through it.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.flags().contains(MountFlags::READ_ONLY) || self.super_block.is_read_only()
    }

    /// Whether it shows a directory below its file system's root.
    #[inline]
    pub fn is_partial(&self) -> bool {
        self.partial
    }

    /// Where it lies.
    #[inline]
    pub fn parent<'a>(&'a self, token: &'a ReadToken) -> Option<&'a Location> {
        self.state.get(token).parent.as_ref()
    }

    /// The mount that lies on this directory of this mount.
    #[inline]
    pub fn child_at<'a>(
        &'a self,
        token: &'a ReadToken,
        node: &Arc<PathNode>,
    ) -> Option<&'a Arc<Mount>> {
        let mut children = self.state.get(token).children.iter();
        children
            .find(|child| Arc::ptr_eq(&child.node, node))
            .map(|child| &child.mount)
    }

    /// As [`Self::child_at`], in a write section.
    pub fn child_at_in_write<'a>(
        &'a self,
        token: &'a WriteToken,
        node: &Arc<PathNode>,
    ) -> Option<&'a Arc<Mount>> {
        let mut children = self.state.get_in_write(token).children.iter();
        children
            .find(|child| Arc::ptr_eq(&child.node, node))
            .map(|child| &child.mount)
    }

    /// The mount at the top of the tree that this one is in: the root mount of its mount table, which is how tables
    /// are told apart. A detached mount is its own.
    pub fn top<'a>(self: &'a Arc<Self>, token: &'a ReadToken) -> &'a Arc<Self> {
        let mut mount = self;
        while let Some(place) = mount.parent(token) {
            mount = &place.mount;
        }
        mount
    }

    /// Moves a file's access time according to the mount's policy.
    #[inline]
    pub fn touch_accessed(&self, inode: &Arc<Inode>) {
        let flags = self.flags();
        if flags.intersects(MountFlags::NO_ACCESS_TIME | MountFlags::READ_ONLY)
            || (flags.contains(MountFlags::NO_DIRECTORY_ACCESS_TIME) && inode.is_directory())
        {
            return;
        }
        let strict = flags.contains(MountFlags::STRICT_ACCESS_TIME);
        if inode.attributes.touch_accessed(strict) {
            inode.operations().attributes_changed(inode);
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Covers are all that can be left.
        let covers = core::mem::take(&mut self.state.get_exclusive().children);
        if covers.is_empty() {
            return;
        }
        let token = NAMES.write();
        for cover in &covers {
            cover.node.remove_mount(&token);
        }
        drop(token);
        drop(covers);
    }
}

impl core::fmt::Debug for Mount {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(formatter, "mount {} of {:?}", self.id, self.super_block)
    }
}
