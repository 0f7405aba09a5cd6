//! devtmpfs: a file system in memory that holds a node for every device.
//!
//! Each mount shows nodes of its own: what one context removes or changes there stays its own affair. Devices that
//! are registered later appear in all of them, but in those with the option `nodes=default`: these hold what every
//! container has and nothing more. What a process mounts whose tree isn't the boot context's is always of that kind.

mod default_nodes;
mod memory_devices;

pub use default_nodes::add_default_nodes;

use super::ramfs::{Options, create_for_devices};
use crate::context::boot;
use crate::heap::MakeRoom;
use crate::task::{Credentials, Current};
use crate::vfs::file_system::{FileSystemType, MountRequest};
use crate::vfs::fs_context::{FsContext, View};
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::mount::{Mount, MountFlags};
use crate::vfs::namespace::{self, Creation};
use crate::vfs::super_block::{ActiveSuperBlock, SuperBlock};
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{Location, file_system};
use crate::{Errno, Result};
use alloc::borrow::Cow;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use gantry_abi::context::ContextType;
use hal::sync::SpinLock;

/// A device that has a node.
#[derive(Clone)]
struct Node {
    /// Path below the root: `null`, `pts/ptmx`.
    path: Cow<'static, [u8]>,
    kind: FileKind,
    permissions: u32,
    group: u32,
    device: DeviceNumber,
}

struct Registry {
    nodes: Vec<Node>,
    instances: Vec<Weak<SuperBlock>>,
}

static REGISTRY: SpinLock<Registry> = SpinLock::new(Registry {
    nodes: Vec::new(),
    instances: Vec::new(),
});

/// Gives a device a node in every devtmpfs, present and future. Directories on the way are made.
///
/// # Errors
/// `ENOMEM` if some instance did not get it.
pub fn add_node(
    path: impl Into<Cow<'static, [u8]>>,
    kind: FileKind,
    permissions: u32,
    device: DeviceNumber,
) -> Result<()> {
    let node = Node {
        path: path.into(),
        kind,
        permissions,
        group: 0,
        device,
    };
    let instances = {
        let mut registry = REGISTRY.lock();
        registry.nodes.push(node.clone());
        registry.instances.clone()
    };
    for super_block in instances.iter().filter_map(Weak::upgrade) {
        if let Some(guard) = ActiveSuperBlock::of(&super_block) {
            make(&guard, &node)?;
        }
    }
    Ok(())
}

/// Makes a node in an instance, and the directories on the way.
fn make(super_block: &ActiveSuperBlock, node: &Node) -> Result<()> {
    within(super_block, node.group, |view| {
        let ends = node.path.iter().enumerate();
        let ends = ends.filter(|(_, byte)| **byte == b'/').map(|(end, _)| end);
        for directory in ends.filter_map(|end| node.path.get(..end)) {
            create(
                view,
                directory,
                &Creation::plain(FileKind::Directory, 0o755),
            )?;
        }
        let creation = Creation {
            kind: node.kind,
            permissions: node.permissions,
            device: node.device,
            target: &[],
        };
        create(view, &node.path, &creation)
    })
}

/// Does `work` with the view of user 0 and a group, through a mount of an instance that nobody else sees.
fn within(
    super_block: &ActiveSuperBlock,
    group: u32,
    work: impl FnOnce(&View<'_>) -> Result<()>,
) -> Result<()> {
    let root = super_block.root().ok_or(Errno::EIO)?;
    let mount = Mount::new(super_block.clone(), root, MountFlags::empty());
    let fs = FsContext::new(Location::root_of(&mount));
    fs.set_umask(0);
    let credentials = Credentials {
        fsgid: group,
        ..Credentials::root()
    };
    work(&View {
        fs: &fs,
        credentials: &credentials,
    })
}

fn create(view: &View<'_>, path: &[u8], creation: &Creation<'_>) -> Result<()> {
    let parent = walk::resolve_parent(view, None, path, WalkFlags::empty())?;
    match namespace::create(view, &parent, creation) {
        Ok(_) | Err(Errno::EEXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether the caller's tree is another than the boot context's.
fn is_in_container(current: &Current) -> bool {
    current.process().contexts().id_of(ContextType::VfsRoot) != Some(boot::ID)
}

struct DeviceFileSystem;

impl FileSystemType for DeviceFileSystem {
    fn name(&self) -> &'static str {
        "devtmpfs"
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let mut options = Options::parse(request.options, hal::frame::total())?;
        options.default_nodes |= request.current.is_some_and(is_in_container);
        let super_block = create_for_devices(request.source, options)?;
        if options.default_nodes {
            return Ok(super_block);
        }
        let nodes = {
            let mut registry = REGISTRY.lock();
            registry
                .instances
                .retain(|instance| instance.strong_count() > 0);
            registry.instances.make_room(1)?;
            registry.instances.push(Arc::downgrade(&super_block));
            registry.nodes.clone()
        };
        for node in &nodes {
            make(&super_block, node)?;
        }
        Ok(super_block)
    }
}

/// Makes the type known, with the devices that are only memory.
///
/// # Errors
/// `EBUSY` if a device number is taken.
pub fn initialise() -> Result<()> {
    file_system::register(&DeviceFileSystem);
    memory_devices::register()
}
