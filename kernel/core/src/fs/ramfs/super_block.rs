//! Instances of RAMFS and tmpfs, and their limits.

use super::RamInode;
use super::options::Options;
use crate::vfs::file_system::{FileSystemType, MountRequest};
use crate::vfs::inode::{Inode, NewInode};
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::page_cache::{PAGE_SIZE, PageQuota};
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// `RAMFS_MAGIC` and `TMPFS_MAGIC` (linux/magic.h).
const RAMFS_MAGIC: u64 = 0x8584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// What an instance may use.
pub(super) struct Limits {
    pub pages: Arc<PageQuota>,
    inodes: AtomicU64,
    inode_limit: AtomicU64,
}

impl Limits {
    /// No limits.
    pub fn none() -> Arc<Self> {
        Self::new(u64::MAX, u64::MAX)
    }

    fn new(pages: u64, inodes: u64) -> Arc<Self> {
        Arc::new(Self {
            pages: Arc::new(PageQuota::new(pages)),
            inodes: AtomicU64::new(0),
            inode_limit: AtomicU64::new(inodes),
        })
    }

    pub fn take_inode(&self) -> Result<()> {
        if self.inodes.fetch_add(1, Relaxed) >= self.inode_limit.load(Relaxed) {
            self.inodes.fetch_sub(1, Relaxed);
            return Err(Errno::ENOSPC);
        }
        Ok(())
    }

    pub fn give_back_inode(&self) {
        self.inodes.fetch_sub(1, Relaxed);
    }
}

/// Which of the two it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variety {
    /// No limits.
    Ramfs,
    /// Limits, half of the memory by default.
    Tmpfs,
    /// tmpfs for device nodes.
    Devices,
}

impl Variety {
    fn name(self) -> &'static str {
        match self {
            Self::Ramfs => "ramfs",
            Self::Tmpfs => "tmpfs",
            Self::Devices => "devtmpfs",
        }
    }

    /// Permission bits of a root directory.
    fn default_mode(self) -> u32 {
        match self {
            Self::Tmpfs => 0o1777,
            Self::Ramfs | Self::Devices => 0o755,
        }
    }
}

struct RamSuperBlock {
    variety: Variety,
    limits: Arc<Limits>,
    options: Options,
}

impl SuperBlockOperations for RamSuperBlock {
    fn type_name(&self) -> &'static str {
        self.variety.name()
    }

    fn statistics(&self) -> Statistics {
        let magic = if self.variety == Variety::Ramfs {
            RAMFS_MAGIC
        } else {
            TMPFS_MAGIC
        };
        let mut statistics = Statistics {
            magic,
            block_size: PAGE_SIZE as u64,
            ..Statistics::default()
        };
        let pages = &self.limits.pages;
        if pages.limit() != u64::MAX {
            statistics.blocks = pages.limit();
            statistics.free_blocks = pages.limit().saturating_sub(pages.used());
        }
        let limit = self.limits.inode_limit.load(Relaxed);
        if limit != u64::MAX {
            statistics.inodes = limit;
            statistics.free_inodes = limit.saturating_sub(self.limits.inodes.load(Relaxed));
        }
        statistics
    }

    fn options(&self) -> Result<Vec<u8>> {
        let mut text = alloc::string::String::new();
        if self.options.default_nodes {
            text += ",nodes=default";
        }
        let pages = self.limits.pages.limit();
        if self.options.pages.is_some() && pages != u64::MAX {
            text += &format!(",size={}k", pages * (PAGE_SIZE as u64 / 1024));
        }
        let inodes = self.limits.inode_limit.load(Relaxed);
        if self.options.inodes.is_some() && inodes != u64::MAX {
            text += &format!(",nr_inodes={inodes}");
        }
        let default_mode = self.variety.default_mode();
        if let Some(mode) = self.options.mode.filter(|mode| *mode != default_mode) {
            text += &format!(",mode={mode:03o}");
        }
        for (key, value) in [("uid", self.options.owner), ("gid", self.options.group)] {
            if let Some(value) = value.filter(|value| *value != 0) {
                text += &format!(",{key}={value}");
            }
        }
        Ok(text.into_bytes())
    }

    fn reconfigure(&self, _root: &Inode, options: &[u8]) -> Result<()> {
        let options = Options::parse(options, hal::frame::total())?;
        if let Some(inodes) = options.inodes {
            if self.limits.inodes.load(Relaxed) > inodes {
                return Err(Errno::EINVAL);
            }
            self.limits.inode_limit.store(inodes, Relaxed);
        }
        match options.pages {
            Some(pages) => self.limits.pages.set_limit(pages),
            None => Ok(()),
        }
    }
}

pub(super) fn create(
    variety: Variety,
    source: &[u8],
    options: Options,
) -> Result<ActiveSuperBlock> {
    let (page_limit, inode_limit) = match variety {
        Variety::Ramfs => (u64::MAX, u64::MAX),
        Variety::Tmpfs | Variety::Devices => {
            let half = hal::frame::total() / 2;
            (
                options.pages.unwrap_or(half),
                options.inodes.unwrap_or(half),
            )
        }
    };
    let limits = Limits::new(page_limit, inode_limit);
    let permissions = options.mode.unwrap_or(variety.default_mode());
    let root = NewInode {
        kind: FileKind::Directory,
        permissions,
        owner: options.owner.unwrap_or(0),
        group: options.group.unwrap_or(0),
        device: DeviceNumber::NONE,
        target: &[],
    };
    let operations = Box::new(RamSuperBlock {
        variety,
        limits: limits.clone(),
        options,
    });
    let super_block = SuperBlock::create(operations, source, |super_block| {
        Ok(PathNode::new_root(
            RamInode::make(&limits, super_block, &root)?,
            b"",
        ))
    })?;
    if options.default_nodes {
        crate::fs::devtmpfs::add_default_nodes(&super_block)?;
    }
    Ok(super_block)
}

/// An instance for files without names (memfd_create).
///
/// # Errors
/// `ENOMEM`.
pub fn create_anonymous() -> Result<ActiveSuperBlock> {
    create(Variety::Ramfs, b"none", Options::default())
}

struct RamFileSystem(Variety);

impl FileSystemType for RamFileSystem {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let options = Options::parse(request.options, hal::frame::total())?;
        create(self.0, request.source, options)
    }
}

/// The type "ramfs".
pub static RAMFS: &dyn FileSystemType = &RamFileSystem(Variety::Ramfs);
/// The type "tmpfs".
pub static TMPFS: &dyn FileSystemType = &RamFileSystem(Variety::Tmpfs);
