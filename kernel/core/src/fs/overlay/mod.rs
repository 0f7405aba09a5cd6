//! overlay: several directories shown as one (Documentation/filesystems/overlayfs.rst). Lower layers are only read;
//! the upper one, in a file system in memory, takes every change.
//!
//! * [`options`], [`layers`], [`mounted`]: what is mounted. [`marks`]: whiteouts, opaque directories, attributes of the overlay's own.
//! * [`inode`]: files and merged directories. [`copy_up`]: what a change does first. [`names`]: changes of directories.
//!   [`upper`]: how they get to the upper layer.
//! * [`listing`], [`content`]: open directories and files.
//!
//! As on Linux without `redirect_dir`, `index` and `metacopy`, a directory that isn't in the upper layer alone can't be
//! moved (`EXDEV`), and the other names of a lower file stay with it when one is copied up. Whoever changes the layers
//! of a mounted overlay gets an undefined mixture, but no more than that.
//!
//! Inode numbers are those of the layers' files, with a mark for the file system where there are several; a file that
//! is copied up keeps its number for as long as the overlay is mounted.
//!
//! An overlay that is mounted with an upper directory is the only one that has it. Whoever mounts the same layers again
//! gets the same overlay, so that containers can share one; other layers with that directory are refused (`EBUSY`), where
//! Linux warns of undefined behaviour.
//!
//! # Locks
//! The list of what is [`mounted`] comes first. An overlay's locks come before those of its layers: first `change` of its directories and files, then an inode's
//! `copying` (of one inode at a time), then what the layers' file systems take. Layers never look up to the overlay.

mod content;
mod copy_up;
mod inode;
mod layers;
mod listing;
mod marks;
mod mounted;
mod names;
mod options;
#[cfg(test)]
mod tests;
mod upper;

use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::vfs::file_system::{FileSystemType, GivenDirectory, MountRequest};
use crate::vfs::fs_context::View;
use crate::vfs::inode::Inode;
use crate::vfs::location::Location;
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use inode::OverlayInode;
use layers::{Found, Layers};
pub use mounted::Mounted;
use options::{LOWER, Options, UPPER, WORK};

/// `OVERLAYFS_SUPER_MAGIC` (linux/magic.h).
const MAGIC: u64 = 0x794c_7630;

struct OverlaySuperBlock {
    layers: Arc<Layers>,
    options: Arc<Options>,
}

impl OverlaySuperBlock {
    /// The super block that has the room for what is written, or what can be said of it.
    fn uppermost(&self) -> Option<&Arc<SuperBlock>> {
        let upper = self.layers.upper.as_ref().map(|upper| &upper.root);
        let root = upper.or(self.layers.lowers.first())?;
        Some(root.inode().super_block())
    }
}

/// Adds an option whose value is a path: what separates options and fields there becomes octal escapes, what separates
/// paths gets a backslash (which is escaped itself).
fn add_path(text: &mut Vec<u8>, key: &str, paths: &[&[u8]]) -> Result<()> {
    let length: usize = paths.iter().map(|path| path.len() * 8 + 1).sum();
    text.make_room(key.len() + 2 + length)?;
    text.push(b',');
    text.extend_from_slice(key.as_bytes());
    for (index, path) in paths.iter().enumerate() {
        text.push(if index == 0 { b'=' } else { b':' });
        for &byte in *path {
            match byte {
                b':' if key == "lowerdir" => text.extend_from_slice(br"\134:"),
                b',' | b' ' | b'\t' | b'\n' | b'\\' | b'#' => {
                    text.extend_from_slice(format!("\\{byte:03o}").as_bytes());
                }
                _ => text.push(byte),
            }
        }
    }
    Ok(())
}

impl SuperBlockOperations for OverlaySuperBlock {
    fn type_name(&self) -> &'static str {
        "overlay"
    }

    fn statistics(&self) -> Statistics {
        let below = self.uppermost();
        Statistics {
            magic: MAGIC,
            ..below.map_or_else(Statistics::default, |below| below.operations().statistics())
        }
    }

    fn options(&self) -> Result<Vec<u8>> {
        let Options {
            lowers,
            upper,
            work,
            user_attributes,
            is_volatile,
        } = &*self.options;
        let mut paths: Vec<&[u8]> = Vec::new();
        paths.make_room_exact(lowers.len())?;
        paths.extend(lowers.iter().map(|path| &**path));
        let mut text = Vec::new();
        add_path(&mut text, "lowerdir", &paths)?;
        if let (Some(upper), Some(work)) = (upper, work) {
            add_path(&mut text, "upperdir", &[upper])?;
            add_path(&mut text, "workdir", &[work])?;
        }
        text.make_room(32)?;
        if *user_attributes {
            text.extend_from_slice(b",userxattr");
        }
        if *is_volatile {
            text.extend_from_slice(b",volatile");
        }
        Ok(text)
    }

    /// Remounting takes whatever options, as on Linux, and leaves the layers as they are.
    fn reconfigure(&self, _root: &Inode, _options: &[u8]) -> Result<()> {
        Ok(())
    }

    fn stack_depth(&self) -> u32 {
        self.layers.depth
    }

    fn sync(&self) -> Result<()> {
        match &self.layers.upper {
            Some(upper) if !self.layers.is_volatile => {
                upper.root.inode().super_block().operations().sync()
            }
            _ => Ok(()),
        }
    }
}

/// An overlay of the directories that the options name, as the caller sees their paths, and of those that are given by
/// descriptor: a new one, which gets into `mounted`, or the one there that has the upper directory.
///
/// # Errors
/// `EINVAL` for bad options and for directories that can't be layers; `ELOOP` for layers within each other; `EBUSY` for
/// an upper or working directory that is in use otherwise; `ENOENT` and others of the walk; `ENOMEM`, `ENOSPC`.
pub fn create(
    view: &View<'_>,
    mounted: &Mutex<Mounted>,
    source: &[u8],
    options: &[u8],
    given: &[GivenDirectory],
) -> Result<ActiveSuperBlock> {
    let options = Arc::new(Options::parse(options, given, &view.fs.root())?);
    let mut mounted = mounted.lock();
    let layers = match Layers::find(view, &options, given, &mounted)? {
        Found::Mounted(super_block) => return Ok(super_block),
        Found::New(layers) => layers,
    };
    mounted.make_room()?;
    let mut lowers: Vec<Location> = Vec::new();
    lowers.make_room_exact(layers.lowers.len())?;
    lowers.extend(layers.lowers.iter().cloned());
    let upper = layers.upper.as_ref().map(|upper| upper.root.clone());
    let read_only = upper.is_none();
    let operations = Box::new(OverlaySuperBlock {
        layers: layers.clone(),
        options: options.clone(),
    });
    let super_block = SuperBlock::create(operations, source, |super_block| {
        let root = OverlayInode::make(&layers, super_block, upper, lowers, None)?;
        Ok(PathNode::new_root(root, b""))
    })?;
    super_block.set_read_only(read_only);
    mounted.add(&super_block, &layers, &options);
    Ok(super_block)
}

/// What is mounted of all.
static MOUNTED: Mutex<Mounted> = Mutex::new(Mounted::NONE);

struct Overlay;

impl FileSystemType for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn takes_descriptor(&self, key: &[u8]) -> bool {
        [LOWER, UPPER, WORK].contains(&key)
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let current = request.current.ok_or(Errno::EINVAL)?;
        let fs = current.fs();
        let credentials = current.credentials();
        let view = View {
            fs: &fs,
            credentials: &credentials,
        };
        create(
            &view,
            &MOUNTED,
            request.source,
            request.options,
            request.directories,
        )
    }
}

/// The type "overlay".
pub static OVERLAY: &dyn FileSystemType = &Overlay;
