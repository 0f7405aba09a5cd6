//! File systems that are never mounted anywhere: they hold the inodes of pipes and of files without names.

use super::location::Location;
use super::mount::{Mount, MountFlags};
use super::path_node::PathNode;
use super::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use hal::sync::Once;

/// `PIPEFS_MAGIC` (linux/magic.h).
const PIPE_MAGIC: u64 = 0x5049_5045;

struct PipeFileSystem;

impl SuperBlockOperations for PipeFileSystem {
    fn type_name(&self) -> &'static str {
        "pipefs"
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            magic: PIPE_MAGIC,
            block_size: 4096,
            ..Statistics::default()
        }
    }
}

static PIPES: Once<Option<Arc<Mount>>> = Once::new();
static FILES: Once<Option<Arc<Mount>>> = Once::new();

fn mount_of(super_block: ActiveSuperBlock) -> Option<Arc<Mount>> {
    let root = super_block.root()?;
    Some(Mount::new(super_block, root, MountFlags::empty()))
}

/// Where pipes are.
///
/// # Errors
/// `ENOMEM` if there was no memory for it at its first use.
pub fn pipe_mount() -> Result<Arc<Mount>> {
    let make = || {
        let super_block = SuperBlock::create(Box::new(PipeFileSystem), b"none", |super_block| {
            let directory = crate::fs::ramfs::bare_directory(super_block)?;
            Ok(PathNode::new_root(directory, b""))
        });
        mount_of(super_block.ok()?)
    };
    PIPES.call_once(make).clone().ok_or(Errno::ENOMEM)
}

/// Where files without names are (memfd_create).
///
/// # Errors
/// As [`pipe_mount`].
pub fn file_mount() -> Result<Arc<Mount>> {
    let make = || mount_of(crate::fs::ramfs::create_anonymous().ok()?);
    FILES.call_once(make).clone().ok_or(Errno::ENOMEM)
}

/// Whether a place is in one of these.
pub fn contains(location: &Location) -> bool {
    [&PIPES, &FILES].into_iter().any(
        |mount| matches!(mount.get(), Some(Some(mount)) if Arc::ptr_eq(mount, &location.mount)),
    )
}
