//! The layers of an overlay: which directories lie upon each other, and how files of theirs are found and numbered.

use super::marks::Marks;
use super::mounted::Mounted;
use super::options::{LOWER, Options, UPPER, WORK};
use super::upper::Upper;
use crate::heap::MakeRoom;
use crate::task::Credentials;
use crate::vfs::file::File;
use crate::vfs::file_system::GivenDirectory;
use crate::vfs::flags::OpenFlags;
use crate::vfs::fs_context::View;
use crate::vfs::inode::{Inode, NamePolicy};
use crate::vfs::location::Location;
use crate::vfs::mount::MountFlags;
use crate::vfs::mount_copy::clone_mount;
use crate::vfs::name::Name;
use crate::vfs::path_node::{NAMES, PathNode};
use crate::vfs::super_block::{ActiveSuperBlock, SuperBlock};
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{namespace, permission};
use crate::{Errno, Result};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use hal::sync::SpinLock;

/// How many file systems may lie upon each other (Linux's `FILESYSTEM_MAX_STACK_DEPTH`).
const STACK_LIMIT: u32 = 2;

/// The bit from which on an inode number tells which file system the layer is in: bits for [`super::options`]' greatest
/// number of layers, beside those of an overlay that is a layer itself.
const fn file_system_shift(depth: u32) -> u32 {
    34 + 10 * depth
}

/// The layers of one overlay. Each is a mount of its own that nobody else sees, so that it stays as it was when the
/// overlay was mounted, whatever happens to the mounts it was found in; mounts in the layers don't show.
pub struct Layers {
    /// The layer that is written to.
    pub upper: Option<Upper>,
    /// The layers that are only read, the uppermost first.
    pub lowers: Vec<Location>,
    /// What marks whiteouts and opaque directories.
    pub marks: Marks,
    /// Who mounted it, with whose permissions the layers are used.
    pub mounter: Credentials,
    /// The file systems that the layers are in, each once.
    file_systems: Vec<Arc<SuperBlock>>,
    /// How many file systems lie upon each other with this one.
    pub depth: u32,
    /// Nothing has to reach the medium of the upper layer.
    pub is_volatile: bool,
    /// Inodes of files of the upper layer that had several names when they were found, by the address of the layer's
    /// inode: the names share one.
    linked: SpinLock<BTreeMap<usize, Weak<Inode>>>,
}

/// What is meant by the options of an overlay.
pub enum Found {
    /// An overlay that is mounted already.
    Mounted(ActiveSuperBlock),
    /// One to be made of these layers.
    New(Arc<Layers>),
}

/// What a name in a directory of a layer is, whoever asks; whiteouts are there.
///
/// # Errors
/// What the layer's file system says.
pub fn find(directory: &Location, name: &Name) -> Result<Option<Location>> {
    let node = namespace::look_up(directory, name)?;
    Ok(node.map(|node| Location {
        mount: directory.mount.clone(),
        node,
    }))
}

/// A directory of a layer, opened to be read, whoever asks.
///
/// # Errors
/// What the layer's file system says; `ENOMEM`.
pub fn open_directory(directory: &Location) -> Result<Arc<File>> {
    hal::frame::headroom()?;
    let inode = directory.inode();
    let flags = OpenFlags::READ_ONLY;
    let operations = inode.operations().open(inode, directory, flags)?;
    Ok(File::new(directory.clone(), operations, flags))
}

impl Layers {
    /// The layers that the options name, as the caller sees the paths, or that are given. If they are those of an
    /// overlay in `mounted` it is that one that is meant, and returned.
    ///
    /// # Errors
    /// `ENOENT` and others of the walk; `EINVAL` for what can't be a layer: no directory, a file system whose names
    /// come and go by themselves or that lies upon too many others, a directory with locked mounts below it, which a
    /// layer would uncover, an upper directory that can't be written, a working directory in another mount than the
    /// upper one or above or below it; `ELOOP` for layers above or below each other; `EBUSY` for an upper or a working
    /// directory that another overlay has; `ENOMEM`, `ENOSPC`.
    pub fn find(
        view: &View<'_>,
        options: &Options,
        given: &[GivenDirectory],
        mounted: &Mounted,
    ) -> Result<Found> {
        let mut lowers = Vec::new();
        lowers.make_room_exact(options.lowers.len())?;
        let mut given_lowers = given.iter().filter(|directory| &*directory.key == LOWER);
        for path in &options.lowers {
            let lower = match given_lowers.next() {
                Some(given) => usable(given.location.clone())?,
                None => directory(view, path)?,
            };
            let flags = MountFlags::READ_ONLY | MountFlags::NO_ACCESS_TIME;
            lowers.push(private(&lower, flags)?);
        }
        let place = |key: &[u8], path: &[u8]| match given
            .iter()
            .rfind(|directory| &*directory.key == key)
        {
            Some(given) => usable(given.location.clone()),
            None => directory(view, path),
        };
        let upper = match (&options.upper, &options.work) {
            (Some(upper), Some(work)) => {
                let (upper, work) = (place(UPPER, upper)?, place(WORK, work)?);
                check_upper(&upper, &work)?;
                Some((private(&upper, MountFlags::empty())?, work))
            }
            _ => None,
        };
        let roots = upper.iter().flat_map(|(upper, work)| [upper, work]);
        check_apart(roots.chain(&lowers))?;
        if let Some((upper, work)) = &upper
            && let Some(found) = mounted.find(upper, work, &lowers, options, view.credentials)?
        {
            return Ok(Found::Mounted(found));
        }
        let mut file_systems: Vec<Arc<SuperBlock>> = Vec::new();
        for layer in upper.iter().map(|(upper, _)| upper).chain(&lowers) {
            let super_block = layer.inode().super_block();
            if !file_systems
                .iter()
                .any(|known| Arc::ptr_eq(known, super_block))
            {
                file_systems.make_room(1)?;
                file_systems.push(super_block.clone());
            }
        }
        let upper = match upper {
            Some((root, work)) => Some(Upper::new(root, &work, view.credentials)?),
            None => None,
        };
        Ok(Found::New(Arc::new(Self {
            upper,
            lowers,
            marks: Marks::new(options.user_attributes),
            mounter: view.credentials.clone(),
            is_volatile: options.is_volatile,
            depth: 1 + file_systems
                .iter()
                .map(|super_block| super_block.operations().stack_depth())
                .max()
                .unwrap_or(0),
            file_systems,
            linked: SpinLock::new(BTreeMap::new()),
        })))
    }

    /// The overlay's number for a file of a layer: that of its file system, with a mark in the upper bits where the
    /// layers are in several. Stays the same over mounts as long as the layers do.
    pub fn number(&self, super_block: &Arc<SuperBlock>, number: u64) -> u64 {
        let place = self
            .file_systems
            .iter()
            .position(|known| Arc::ptr_eq(known, super_block));
        number | (place.unwrap_or(0) as u64) << file_system_shift(self.depth)
    }

    /// Whether whoever mounted the overlay may do this to a file of a layer.
    ///
    /// # Errors
    /// `EACCES`.
    pub fn check(&self, inode: &Inode, mask: u32) -> Result<()> {
        permission::check(inode, &self.mounter, mask)
    }

    /// The inode of a file of the upper layer with several names, if one of them has been found already.
    pub fn linked(&self, upper: &Arc<Inode>) -> Option<Arc<Inode>> {
        let linked = self.linked.lock();
        linked.get(&(Arc::as_ptr(upper) as usize))?.upgrade()
    }

    /// Remembers the inode of a file of the upper layer with several names.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn remember_linked(&self, upper: &Arc<Inode>, inode: &Arc<Inode>) -> Result<()> {
        hal::frame::headroom()?;
        let mut linked = self.linked.lock();
        linked.insert(Arc::as_ptr(upper) as usize, Arc::downgrade(inode));
        Ok(())
    }

    /// Forgets the inode that went, unless another one took its place.
    pub fn forget_linked(&self, upper: &Arc<Inode>) {
        let mut linked = self.linked.lock();
        let key = Arc::as_ptr(upper) as usize;
        if linked
            .get(&key)
            .is_some_and(|known| known.strong_count() == 0)
        {
            linked.remove(&key);
        }
    }
}

/// The directory that a path leads to.
fn directory(view: &View<'_>, path: &[u8]) -> Result<Location> {
    usable(walk::resolve(view, None, path, WalkFlags::FOLLOW)?)
}

/// A place, if it can be a layer.
fn usable(location: Location) -> Result<Location> {
    let inode = location.inode();
    let depth = inode.super_block().operations().stack_depth();
    // As on Linux, a layer can't take several spellings for one name.
    let is_plain = !matches!(
        inode.name_policy(),
        NamePolicy::Dynamic | NamePolicy::Folded
    );
    if !inode.is_directory() || !is_plain || depth >= STACK_LIMIT {
        return Err(Errno::EINVAL);
    }
    Ok(location)
}

/// A mount of a directory that is in nobody's tree.
fn private(location: &Location, flags: MountFlags) -> Result<Location> {
    let copy = clone_mount(location, flags)?;
    Ok(Location::root_of(copy.mount()))
}

fn check_upper(upper: &Location, work: &Location) -> Result<()> {
    if upper.is_read_only() || !Arc::ptr_eq(&upper.mount, &work.mount) {
        return Err(Errno::EINVAL);
    }
    let token = NAMES.read();
    if upper.node.is_at_or_below(&token, &work.node)
        || work.node.is_at_or_below(&token, &upper.node)
    {
        return Err(Errno::EINVAL);
    }
    Ok(())
}

/// Checks that no directory is above, below or the same as another one.
fn check_apart<'a>(directories: impl Iterator<Item = &'a Location>) -> Result<()> {
    let mut nodes: Vec<*const PathNode> = Vec::new();
    let mut all: Vec<&Location> = Vec::new();
    for directory in directories {
        nodes.make_room(1)?;
        all.make_room(1)?;
        nodes.push(Arc::as_ptr(&directory.node));
        all.push(directory);
    }
    nodes.sort_unstable();
    if nodes.is_sorted_by(|one, next| one < next) {
        let token = NAMES.read();
        let is_below_another = all.iter().any(|directory| {
            let mut above = directory.node.parent(&token);
            while let Some(node) = above {
                if nodes.binary_search(&Arc::as_ptr(node)).is_ok() {
                    return true;
                }
                above = node.parent(&token);
            }
            false
        });
        if !is_below_another {
            return Ok(());
        }
    }
    Err(Errno::ELOOP)
}
