//! devpts: the names of pseudoterminals (Documentation/filesystems/devpts.rst).
//!
//! Every mount is an instance of its own, with its own numbers: a container's terminals are its own. A new
//! pseudoterminal is made by opening the instance's `ptmx`, or a /dev/ptmx node beside the directory `pts` on which
//! the instance is mounted.

mod options;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::any::Any;

use hal::sync::SpinLock;

use self::options::Options;
use crate::task::{self, Current};
use crate::tty::pty::{MULTIPLEXER, Names, Pseudoterminal, SLAVE_MAJOR};
use crate::vfs::attributes::Attributes;
use crate::vfs::device::{self, Device, DeviceKind};
use crate::vfs::directory_file::DirectoryFile;
use crate::vfs::file_system::{self, FileSystemType, MountRequest};
use crate::vfs::inode::{DirectoryEntry, EntrySink, NamePolicy};
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{Statistics, SuperBlockOperations};
use crate::vfs::walk::{self, WalkFlags};
use crate::vfs::{
    ActiveSuperBlock, DeviceNumber, FileKind, FileOperations, Inode, InodeOperations, Location,
    OpenFlags, SuperBlock, View,
};
use crate::{Errno, Result};

/// `DEVPTS_SUPER_MAGIC` (linux/magic.h).
const MAGIC: u64 = 0x1cd1;
/// Inode numbers as on Linux: the root, `ptmx`, then the terminals.
const ROOT: u64 = 1;
const PTMX: u64 = 2;
const FIRST: u64 = 3;
/// Pseudoterminals of an instance at most, unless `max=` says otherwise.
const LIMIT: u32 = 4096;

/// The terminals of one instance.
struct Instance {
    options: SpinLock<Options>,
    /// Their nodes, kept so that a changed owner or mode stays.
    terminals: SpinLock<BTreeMap<u32, Arc<Inode>>>,
}

impl Instance {
    /// Makes a pseudoterminal that belongs to the caller and opens its master.
    fn open_master(
        self: &Arc<Self>,
        super_block: &Arc<SuperBlock>,
        current: &Current,
    ) -> Result<Box<dyn FileOperations>> {
        hal::frame::headroom()?;
        let credentials = current.credentials();
        let options = *self.options.lock();
        let limit = options.limit.unwrap_or(LIMIT);
        loop {
            let taken: Vec<u32> = self.terminals.lock().keys().copied().collect();
            let number = (0..)
                .zip(&taken)
                .find(|(free, taken)| free != *taken)
                .map_or(taken.len() as u32, |(free, _)| free);
            if number >= limit {
                return Err(Errno::ENOSPC);
            }
            let pair = Pseudoterminal::new(number)?;
            let owner = options.owner.unwrap_or(credentials.fsuid);
            let group = options.group.unwrap_or(credentials.fsgid);
            let attributes = Attributes::new(FileKind::CharacterDevice, options.mode, owner, group);
            let inode = Inode::new(
                super_block,
                FIRST + u64::from(number),
                attributes,
                Box::new(Slave(pair.clone())),
            );
            let inode = Arc::new(inode.with_device(DeviceNumber::new(SLAVE_MAJOR, number)));
            {
                let mut terminals = self.terminals.lock();
                // Somebody else may have taken the number meanwhile.
                if terminals.contains_key(&number) {
                    continue;
                }
                terminals.insert(number, inode);
            }
            return Ok(pair.open_master(Box::new(Entry {
                instance: Arc::clone(self),
                number,
            })));
        }
    }
}

/// A terminal's entry, which its master holds.
struct Entry {
    instance: Arc<Instance>,
    number: u32,
}

impl Names for Entry {
    fn slave(&self, master: &Location, current: &Current) -> Result<Location> {
        let root = root_for(master, current)?;
        let inode = self.instance.terminals.lock().get(&self.number).cloned();
        let inode = inode.ok_or(Errno::EIO)?;
        if !Arc::ptr_eq(inode.super_block(), root.inode().super_block()) {
            return Err(Errno::ENODEV);
        }
        let name = alloc::format!("{}", self.number);
        Ok(Location {
            node: PathNode::new_child(&root.node, name.as_bytes(), inode),
            mount: root.mount,
        })
    }

    fn closed(&self) {
        let inode = self.instance.terminals.lock().remove(&self.number);
        drop(inode);
    }
}

/// The root of the instance that a master opened at this place belongs to: that of its own mount, or what is mounted on
/// `pts` beside it.
///
/// # Errors
/// `ENODEV` if there is none.
fn root_for(master: &Location, current: &Current) -> Result<Location> {
    let operations = master.inode().operations().as_any();
    if operations.is::<Multiplexer>() {
        return Ok(Location::root_of(&master.mount));
    }
    let fs = current.fs();
    let credentials = current.credentials();
    let view = View {
        fs: &fs,
        credentials: &credentials,
    };
    let beside = {
        let token = crate::vfs::path_node::NAMES.read();
        let node = master.node.parent(&token).cloned().ok_or(Errno::ENODEV)?;
        Location {
            mount: master.mount.clone(),
            node,
        }
    };
    let root = walk::resolve(&view, Some(&beside), b"pts", WalkFlags::FOLLOW)
        .map_err(|_| Errno::ENODEV)?;
    let operations = root.inode().operations().as_any();
    if operations.is::<Directory>() {
        Ok(root)
    } else {
        Err(Errno::ENODEV)
    }
}

struct DevPts;

impl FileSystemType for DevPts {
    fn name(&self) -> &'static str {
        "devpts"
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        let options = Options::parse(request.options)?;
        let instance = Arc::new(Instance {
            options: SpinLock::new(options),
            terminals: SpinLock::new(BTreeMap::new()),
        });
        let operations = Box::new(PtsSuperBlock(Arc::clone(&instance)));
        SuperBlock::create(operations, request.source, |super_block| {
            let attributes = Attributes::new(FileKind::Directory, 0o755, 0, 0);
            let ptmx_attributes =
                Attributes::new(FileKind::CharacterDevice, options.ptmx_mode, 0, 0);
            let ptmx = Inode::new(
                super_block,
                PTMX,
                ptmx_attributes,
                Box::new(Multiplexer(Arc::clone(&instance))),
            );
            let directory = Directory {
                instance,
                ptmx: Arc::new(ptmx.with_device(MULTIPLEXER)),
            };
            let root = Inode::new(super_block, ROOT, attributes, Box::new(directory));
            Ok(PathNode::new_root(Arc::new(root), b""))
        })
    }
}

struct PtsSuperBlock(Arc<Instance>);

impl SuperBlockOperations for PtsSuperBlock {
    fn type_name(&self) -> &'static str {
        "devpts"
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            magic: MAGIC,
            block_size: 4096,
            ..Statistics::default()
        }
    }

    fn options(&self) -> Result<Vec<u8>> {
        Ok(self.0.options.lock().text())
    }

    /// Terminals that exist keep what they have.
    fn reconfigure(&self, root: &Inode, options: &[u8]) -> Result<()> {
        let options = Options::parse(options)?;
        let directory = root.operations().as_any().downcast_ref::<Directory>();
        let ptmx = &directory.ok_or(Errno::EINVAL)?.ptmx;
        ptmx.attributes.set_permissions(options.ptmx_mode);
        *self.0.options.lock() = options;
        Ok(())
    }
}

struct Directory {
    instance: Arc<Instance>,
    ptmx: Arc<Inode>,
}

impl InodeOperations for Directory {
    fn name_policy(&self) -> NamePolicy {
        NamePolicy::Dynamic
    }

    fn lookup(&self, _directory: &Arc<Inode>, name: &[u8]) -> Result<Arc<Inode>> {
        if name == b"ptmx" {
            return Ok(Arc::clone(&self.ptmx));
        }
        let text = core::str::from_utf8(name).map_err(|_| Errno::ENOENT)?;
        let number: u32 = text.parse().map_err(|_| Errno::ENOENT)?;
        // Linux's only form: no sign, no leading zeros.
        if text.starts_with('+') || (text.len() > 1 && text.starts_with('0')) {
            return Err(Errno::ENOENT);
        }
        self.instance
            .terminals
            .lock()
            .get(&number)
            .cloned()
            .ok_or(Errno::ENOENT)
    }

    fn read_directory(
        &self,
        _directory: &Arc<Inode>,
        position: u64,
        sink: EntrySink<'_>,
    ) -> Result<()> {
        let kind = FileKind::CharacterDevice;
        if position == 0
            && !sink(&DirectoryEntry {
                name: b"ptmx",
                inode: PTMX,
                kind,
                next: 1,
            })
        {
            return Ok(());
        }
        let first = u32::try_from(position.saturating_sub(1)).unwrap_or(u32::MAX);
        let numbers: Vec<u32> = self
            .instance
            .terminals
            .lock()
            .range(first..)
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            let name = alloc::format!("{number}");
            let place = u64::from(number);
            let entry = DirectoryEntry {
                name: name.as_bytes(),
                inode: FIRST + place,
                kind,
                next: place + 2,
            };
            if !sink(&entry) {
                break;
            }
        }
        Ok(())
    }

    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        Ok(Box::new(DirectoryFile))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The instance's own `ptmx`.
struct Multiplexer(Arc<Instance>);

impl InodeOperations for Multiplexer {
    fn open(
        &self,
        inode: &Arc<Inode>,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        self.0.open_master(inode.super_block(), &task::current())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A slave's node.
struct Slave(Pseudoterminal);

impl InodeOperations for Slave {
    fn open(
        &self,
        _inode: &Arc<Inode>,
        _location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        self.0.open_slave(&task::current(), flags)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A /dev/ptmx node outside: leads to the instance that is mounted on `pts` beside it.
struct MultiplexerDevice;

impl Device for MultiplexerDevice {
    fn open(
        &self,
        _number: DeviceNumber,
        location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        let current = task::current();
        let root = root_for(location, &current)?;
        let inode = root.inode();
        let directory = inode
            .operations()
            .as_any()
            .downcast_ref::<Directory>()
            .ok_or(Errno::ENODEV)?;
        directory
            .instance
            .open_master(inode.super_block(), &current)
    }
}

/// Makes the type known to mount(2), and /dev/ptmx to devtmpfs.
///
/// # Errors
/// `EBUSY` if the device number is taken; `ENOMEM`.
pub fn initialise() -> Result<()> {
    file_system::register(&DevPts);
    device::register(
        DeviceKind::Character,
        MULTIPLEXER,
        Arc::new(MultiplexerDevice),
    )?;
    super::devtmpfs::add_node(b"ptmx", FileKind::CharacterDevice, 0o666, MULTIPLEXER)
}
