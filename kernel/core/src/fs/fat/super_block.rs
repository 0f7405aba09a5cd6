//! Mounting, and what concerns a volume as a whole.

use super::Instance;
use super::clusters::{Clusters, Content};
use super::directory::Directory;
use super::inode::FatInode;
use super::options::Options;
use super::region;
use crate::block::{Volume, mounting};
use crate::heap::MakeRoom;
use crate::vfs::file_system::{FileSystemType, MountRequest};
use crate::vfs::inode::Inode;
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::{Errno, Result, log};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hadris_fat_raw::RootLocation;

/// The name of the type.
const NAME: &str = "vfat";
/// `MSDOS_SUPER_MAGIC`.
const MAGIC: u64 = 0x4d44;

struct FatSuperBlock(Arc<Instance>);

impl SuperBlockOperations for FatSuperBlock {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn statistics(&self) -> Statistics {
        self.0.reap();
        let mut table = self.0.table.lock();
        Statistics {
            magic: MAGIC,
            block_size: self.0.geometry.cluster_size().into(),
            blocks: table.clusters().into(),
            // A table that can't be read has none to offer.
            free_blocks: table.count().unwrap_or(0).into(),
            inodes: 0,
            free_inodes: 0,
        }
    }

    fn options(&self) -> Result<Vec<u8>> {
        Ok(self.0.options.text().into_bytes())
    }

    /// As Linux, takes any options at a remount and stays as it is.
    fn reconfigure(&self, _root: &Inode, _options: &[u8]) -> Result<()> {
        Ok(())
    }

    fn set_read_only(&self, read_only: bool) -> Result<()> {
        if read_only {
            self.0.sync()?;
        } else if self.0.volume.geometry().read_only {
            return Err(Errno::EROFS);
        }
        self.0.mark(!read_only)
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn shut_down(&self) {
        let instance = &self.0;
        let is_read_only = instance
            .super_block()
            .is_some_and(|this| this.is_read_only());
        if is_read_only {
            return;
        }
        let mut is_written = instance.sync();
        instance.reap_all();
        is_written = is_written.and(instance.sync_table());
        if is_written.is_ok() {
            is_written = instance.mark(false);
        }
        if let Err(error) = is_written {
            log::error!(
                "{:?}: not everything could be written: {error}",
                instance.volume
            );
        }
    }
}

/// Mounts a volume.
///
/// # Errors
/// `EINVAL` for what isn't a FAT file system; `EIO`, `ENOMEM`.
pub fn mount(
    volume: &Arc<Volume>,
    options: Options,
    read_only: bool,
    source: &[u8],
) -> Result<ActiveSuperBlock> {
    let instance = Instance::open(volume, options)?;
    let operations = Box::new(FatSuperBlock(instance.clone()));
    let super_block = SuperBlock::build(operations, volume.number(), source, |super_block| {
        instance.set_super_block(super_block);
        let root = instance
            .root()
            .and_then(|root| FatInode::root(&instance, super_block, root));
        Ok(PathNode::new_root(instance.report(root)?, b""))
    })?;
    if !read_only {
        instance.mark(true)?;
    }
    super_block.set_read_only(read_only);
    Ok(super_block)
}

impl Instance {
    /// Whether entries must not name this as a directory's first cluster: the root is in none.
    pub fn is_root(&self, cluster: u32) -> bool {
        self.geometry.root() == RootLocation::Cluster(cluster)
    }

    fn root(self: &Arc<Self>) -> Result<Arc<Directory>> {
        let (pages, clusters) = match self.geometry.root() {
            RootLocation::Fixed { start, size } => {
                let mut copies = Vec::new();
                copies.make_room(1)?;
                copies.push(start);
                (
                    region::pages(&self.volume, copies, size, &self.geometry)?,
                    None,
                )
            }
            RootLocation::Cluster(first) => {
                let (clusters, pages) = Clusters::open(self, first, Content::Directory)?;
                (pages, Some(clusters))
            }
        };
        Ok(Arc::new(Directory::new(pages, clusters, 0)))
    }
}

struct Vfat;

impl FileSystemType for Vfat {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs_device(&self) -> bool {
        true
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let current = request.current.ok_or(Errno::EINVAL)?;
        let credentials = current.credentials();
        let umask = current.fs().umask();
        let options = Options::parse(request.options, credentials.fsuid, credentials.fsgid, umask)?;
        let volume = mounting::volume(request)?;
        SuperBlock::on_device(volume.number(), NAME, request.read_only, || {
            mount(&volume, options, request.read_only, request.source)
        })
    }
}

/// The type "vfat".
pub static VFAT: &dyn FileSystemType = &Vfat;
