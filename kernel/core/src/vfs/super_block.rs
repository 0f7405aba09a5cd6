//! Super blocks: instances of file systems, and the guard that keeps one alive.

use super::inode::Inode;
use super::kind::DeviceNumber;
use super::path_node::PathNode;
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue};
use crate::{Errno, Result, log};
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use hal::sync::SpinLock;

/// What `statfs` reports (statfs(2)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Statistics {
    /// Magic number of the type.
    pub magic: u64,
    /// Bytes of a block.
    pub block_size: u64,
    /// Blocks in all; 0 where there is no limit to report.
    pub blocks: u64,
    /// Free blocks.
    pub free_blocks: u64,
    /// Inodes in all.
    pub inodes: u64,
    /// Free inodes.
    pub free_inodes: u64,
}

/// What a file system does for an instance as a whole.
pub trait SuperBlockOperations: Send + Sync {
    /// The name of the type, as in /proc/filesystems.
    fn type_name(&self) -> &'static str;

    /// What `statfs` reports.
    fn statistics(&self) -> Statistics;

    /// Whether it shows or changes the system as a whole, so that a tree in which a part of it is masked must not get
    /// a new instance.
    fn shows_system(&self) -> bool {
        false
    }

    /// Options of this instance that differ from the default, each with a comma before it: `,size=1024k`.
    ///
    /// # Errors
    /// `ENOMEM`.
    fn options(&self) -> Result<Vec<u8>> {
        Ok(Vec::new())
    }

    /// How many file systems lie upon each other here: 0 for one that lies upon none.
    fn stack_depth(&self) -> u32 {
        0
    }

    /// Changes options at a remount (`MS_REMOUNT`); `root` is the root directory.
    ///
    /// # Errors
    /// `EINVAL` for options that can't change.
    fn reconfigure(&self, _root: &Inode, _options: &[u8]) -> Result<()> {
        Err(Errno::EINVAL)
    }

    /// Lets the instance be written to, or not any more, at a remount; nobody has a file open for writing in the second
    /// case. The caller sets [`SuperBlock::set_read_only`] before a stop and after a start.
    ///
    /// # Errors
    /// `EROFS` where nothing can be written; `EIO`.
    fn set_read_only(&self, _read_only: bool) -> Result<()> {
        Ok(())
    }

    /// Returns when everything that was changed so far is on the medium. Called by sync(2) and its like, and every few
    /// seconds after a change.
    ///
    /// # Errors
    /// `EIO`.
    fn sync(&self) -> Result<()> {
        Ok(())
    }

    /// The last mount and the last open file are gone: writes what is only in memory, and marks the medium as complete.
    /// There is nobody to tell of a failure but the log.
    fn shut_down(&self) {}
}

/// An instance of a file system.
pub struct SuperBlock {
    operations: Box<dyn SuperBlockOperations>,
    /// That of the medium, or one of its own.
    device: DeviceNumber,
    next_inode: AtomicU64,
    read_only: AtomicU32,
    /// What is shown as the source in /proc/mounts.
    source: SpinLock<Vec<u8>>,
    root: SpinLock<Option<Arc<PathNode>>>,
    /// Number of [`ActiveSuperBlock`] guards.
    active: AtomicUsize,
    /// Serialises renames between directories of this instance.
    pub(super) renames: crate::sched::Mutex<()>,
}

/// Minor numbers of instances without a device: major 0, as Linux's anonymous devices.
static NEXT_ANONYMOUS_DEVICE: AtomicU32 = AtomicU32::new(1);

/// The instances that are on devices, until they are shut down.
static ON_DEVICES: SpinLock<Vec<Weak<SuperBlock>>> = SpinLock::new(Vec::new());
/// Held while an instance on a device is looked for and made: two mounts of one device share it.
static MOUNTING: Mutex<()> = Mutex::new(());
/// Where those wait who mount a device whose instance is being shut down.
static SHUT_DOWN: WaitQueue = WaitQueue::new();

impl SuperBlock {
    /// A new instance; `make_root` builds its root directory's node.
    ///
    /// # Errors
    /// `ENOMEM`, and what `make_root` returns.
    pub fn create(
        operations: Box<dyn SuperBlockOperations>,
        source: &[u8],
        make_root: impl FnOnce(&Arc<Self>) -> Result<Arc<PathNode>>,
    ) -> Result<ActiveSuperBlock> {
        let minor = NEXT_ANONYMOUS_DEVICE.fetch_add(1, Ordering::Relaxed);
        Self::build(operations, DeviceNumber::new(0, minor), source, make_root)
    }

    /// The instance on a block device: the one that is mounted, or the one that `make` makes with [`Self::build`]. It is
    /// shut down when its last mount and its last open file are gone.
    ///
    /// # Errors
    /// `EBUSY` if the device is mounted as another type, or to be written by the one and only read by the other;
    /// `ENOMEM`; what `make` returns.
    pub fn on_device(
        device: DeviceNumber,
        type_name: &str,
        read_only: bool,
        make: impl FnOnce() -> Result<ActiveSuperBlock>,
    ) -> Result<ActiveSuperBlock> {
        let find = || {
            let is_on_it = |known: &Arc<Self>| known.device == device;
            let known = ON_DEVICES.lock();
            let mut known = known.iter().filter_map(Weak::upgrade);
            known.find(is_on_it)
        };
        let _mounting = MOUNTING.lock();
        while let Some(found) = find() {
            let Some(found) = ActiveSuperBlock::of(&found) else {
                SHUT_DOWN.wait_until(|| find().is_none().then_some(()));
                continue;
            };
            if found.operations().type_name() == type_name && found.is_read_only() == read_only {
                return Ok(found);
            }
            return Err(Errno::EBUSY);
        }
        let made = make()?;
        made.set_read_only(read_only);
        let mut known = ON_DEVICES.lock();
        known.make_room(1)?;
        known.push(Arc::downgrade(&made));
        drop(known);
        Ok(made)
    }

    /// Has every instance that is on a device write what is only in memory (sync(2)). Those who wait for a file's data
    /// are told of failures by fsync.
    pub fn sync_all() {
        Self::each_on_device(|instance| {
            if let Err(error) = instance.operations().sync() {
                log::warn!("{instance:?}: not everything could be written: {error:?}");
            }
        });
    }

    /// Calls `each` for every instance that is on a device.
    pub fn each_on_device(each: impl Fn(&Self)) {
        let mut next = 0;
        loop {
            let known = {
                let known = ON_DEVICES.lock();
                let Some(known) = known.get(next) else { return };
                known.upgrade()
            };
            next += 1;
            if let Some(instance) = known.as_ref().and_then(ActiveSuperBlock::of) {
                each(&instance);
            }
        }
    }

    /// A new instance with a device number; [`Self::on_device`] says when.
    ///
    /// # Errors
    /// `ENOMEM`, and what `make_root` returns.
    pub fn build(
        operations: Box<dyn SuperBlockOperations>,
        device: DeviceNumber,
        source: &[u8],
        make_root: impl FnOnce(&Arc<Self>) -> Result<Arc<PathNode>>,
    ) -> Result<ActiveSuperBlock> {
        hal::frame::headroom()?;
        let super_block = Arc::new(Self {
            operations,
            device,
            next_inode: AtomicU64::new(1),
            read_only: AtomicU32::new(0),
            source: SpinLock::new(source.to_vec()),
            root: SpinLock::new(None),
            active: AtomicUsize::new(1),
            renames: crate::sched::Mutex::new(()),
        });
        let guard = ActiveSuperBlock(super_block);
        let root = make_root(&guard.0)?;
        *guard.0.root.lock() = Some(root);
        Ok(guard)
    }

    /// What the file system does.
    pub fn operations(&self) -> &dyn SuperBlockOperations {
        &*self.operations
    }

    /// The device number that `stat` reports for its files.
    pub fn device(&self) -> DeviceNumber {
        self.device
    }

    /// Whether it is on a device: made by [`Self::on_device`].
    pub fn is_on_device(&self) -> bool {
        self.device.major != 0
    }

    /// A new inode number: 1 first, never reused.
    pub fn next_inode_number(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether the whole instance refuses writes, whatever its mounts say.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed) != 0
    }

    /// Sets whether the instance refuses writes.
    pub fn set_read_only(&self, read_only: bool) {
        self.read_only.store(read_only.into(), Ordering::Relaxed);
    }

    /// The source shown in /proc/mounts.
    pub fn source(&self) -> Vec<u8> {
        self.source.lock().clone()
    }

    /// The root directory; `None` once the instance has been shut down.
    pub fn root(&self) -> Option<Arc<PathNode>> {
        self.root.lock().clone()
    }
}

impl core::fmt::Debug for SuperBlock {
    fn fmt(&self, formatter: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            formatter,
            "{} {:?}",
            self.operations.type_name(),
            self.device
        )
    }
}

/// Keeps an instance in use. When the last guard goes, the names are taken apart: parents and children hold each
/// other, so nothing else would free them.
#[derive(Debug)]
pub struct ActiveSuperBlock(Arc<SuperBlock>);

impl ActiveSuperBlock {
    /// Another guard of an instance that is in use; `None` if it is out of use.
    pub fn of(super_block: &Arc<SuperBlock>) -> Option<Self> {
        let taken = super_block
            .active
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |count| {
                (count > 0).then_some(count + 1)
            });
        taken.ok().map(|_| Self(super_block.clone()))
    }

    /// The instance.
    pub fn get(&self) -> &Arc<SuperBlock> {
        &self.0
    }
}

impl core::ops::Deref for ActiveSuperBlock {
    type Target = Arc<SuperBlock>;

    fn deref(&self) -> &Arc<SuperBlock> {
        &self.0
    }
}

impl Clone for ActiveSuperBlock {
    fn clone(&self) -> Self {
        self.0.active.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for ActiveSuperBlock {
    fn drop(&mut self) {
        if self.0.active.fetch_sub(1, Ordering::AcqRel) == 1 {
            let root = self.0.root.lock().take();
            if let Some(root) = root {
                PathNode::take_apart(root);
                self.0.operations.shut_down();
                if self.0.is_on_device() {
                    let is_other = |known: &Weak<_>| known.as_ptr() != Arc::as_ptr(&self.0);
                    ON_DEVICES.lock().retain(is_other);
                    SHUT_DOWN.wake_all();
                }
            }
        }
    }
}
