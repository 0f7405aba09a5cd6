//! An instance as a whole: mounting, syncing, making it read-only, and shutting it down.

use super::extents::Tree;
use super::format::super_block::{
    INCOMPATIBLE_RECOVER, READ_ONLY_LARGE_FILE, STATE_ERRORS, STATE_VALID, SUPER_BLOCK_OFFSET,
    SuperBlock as RawSuperBlock,
};
use super::geometry::{Geometry, read_super_block};
use super::instance::Instance;
use super::journal::Journal;
use super::node::Node;
use crate::block::{Operation, Request, SECTOR, Segment, Volume};
use crate::heap::MakeRoom;
use crate::vfs::attributes::now;
use crate::vfs::inode::Inode;
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{ActiveSuperBlock, Statistics, SuperBlock, SuperBlockOperations};
use crate::{Errno, Result, log};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::sync::atomic::Ordering::Relaxed;
use hal::frame::Frame;
use zerocopy::IntoBytes;

/// The name of the type.
pub const NAME: &str = "ext4";
const ROOT_INODE: u32 = 2;
/// Extents that a journal may lie in.
const JOURNAL_EXTENTS: usize = 4096;

struct Ext4SuperBlock(Arc<Instance>);

/// Mounts a volume.
///
/// # Errors
/// `EINVAL` for what is no ext4 that can be mounted; `EROFS` to write one that can only be read; `EUCLEAN` for one that
/// makes no sense; `EIO`, `ENOMEM`.
pub fn mount(volume: Arc<Volume>, source: &[u8], read_only: bool) -> Result<ActiveSuperBlock> {
    let size = volume.sectors() * SECTOR;
    let mut raw = read_super_block(&volume)?;
    let mut geometry = Geometry::new(&raw, volume.name(), size)?;
    if geometry.block_size < volume.geometry().block_size as usize {
        log::warn!(
            "ext4: {}: blocks are smaller than the device's",
            volume.name()
        );
        return Err(Errno::EINVAL);
    }
    let cannot_write = geometry.must_not_write || volume.geometry().read_only;
    if cannot_write && !read_only {
        return Err(Errno::EROFS);
    }
    let journal = open_journal(&volume, &geometry, cannot_write)?;
    if journal.replayed() {
        // There may have been a newer super block in it.
        raw = read_super_block(&volume)?;
        geometry = Geometry::new(&raw, volume.name(), size)?;
    }
    let instance = Instance::new(&volume, &geometry, &journal)?;
    if raw.state.get() & STATE_ERRORS != 0 {
        log::warn!("ext4: {}: it has errors; run e2fsck", volume.name());
    }
    if !read_only {
        instance.start_writing()?;
    }
    let operations = Box::new(Ext4SuperBlock(instance.clone()));
    SuperBlock::build(operations, volume.number(), source, |super_block| {
        instance
            .super_block
            .call_once(|| Arc::downgrade(super_block));
        let root = instance.inode(super_block, ROOT_INODE)?;
        if !root.is_directory() {
            return Err(Errno::EUCLEAN);
        }
        Ok(PathNode::new_root(root, b""))
    })
}

/// The journal of a volume, replayed; or what does without one.
fn open_journal(
    volume: &Arc<Volume>,
    geometry: &Geometry,
    read_only: bool,
) -> Result<Arc<Journal>> {
    let plain = Journal::none(volume.clone(), geometry.block_size, read_only)?;
    let Some(inode) = geometry.journal else {
        return Ok(plain);
    };
    let place = journal_place(volume, geometry, &plain, inode)?;
    // Nothing of what was read so far may be older than what is replayed.
    drop(plain);
    Journal::open(volume.clone(), geometry.block_size, place, read_only)
}

/// Where the journal's blocks are, in order.
fn journal_place(
    volume: &Arc<Volume>,
    geometry: &Geometry,
    journal: &Arc<Journal>,
    inode: u32,
) -> Result<Vec<Range<u64>>> {
    let instance = Instance::new(volume, geometry, journal)?;
    let raw = instance.read_inode(inode)?;
    if !Node::new(&instance, inode).has_blocks(&raw) {
        log::warn!("ext4: {}: the journal has no extents", volume.name());
        return Err(Errno::EINVAL);
    }
    let end = super::content::end_block(raw.size(), geometry.block_size);
    let end = end.map_err(|_| Errno::EUCLEAN)?;
    let mut place = Vec::new();
    let mut block = 0;
    while block < end {
        let mapping = Tree::of(&instance, inode).find(block)?;
        let start = mapping.start.filter(|_| place.len() < JOURNAL_EXTENTS);
        let start = start.ok_or(Errno::EUCLEAN)?;
        let count = mapping.count.min(end - block);
        place.make_room(1)?;
        place.push(start..start + u64::from(count));
        block += count;
    }
    Ok(place)
}

impl Instance {
    /// Changes the super block on the medium at once, past the journal.
    fn write_super_block(&self, change: impl FnOnce(&mut RawSuperBlock)) -> Result<()> {
        let volume = &self.volume;
        let mut raw = read_super_block(volume)?;
        change(&mut raw);
        raw.write_time.set((now() / 1_000_000_000) as u32);
        let unit = u64::from(volume.geometry().block_size).max(SUPER_BLOCK_OFFSET);
        let start = SUPER_BLOCK_OFFSET / unit * unit;
        let frame = Frame::zeroed()?;
        let segments = [Segment {
            frame: &frame,
            offset: 0,
            length: unit as usize,
        }];
        let sector = start / SECTOR;
        volume.submit(&mut [Request::new(Operation::Read, sector, &segments)])?;
        frame.write((SUPER_BLOCK_OFFSET - start) as usize, raw.as_bytes());
        volume.submit(&mut [Request::new(Operation::Write, sector, &segments)])?;
        volume.flush()
    }

    /// Notes on the medium that the structure is wrong.
    pub fn note_errors(&self) -> Result<()> {
        self.write_super_block(|raw| raw.state.set(raw.state.get() | STATE_ERRORS))
    }

    /// Lets changes begin: from now on the journal counts.
    fn start_writing(self: &Arc<Self>) -> Result<()> {
        let has_journal = self.geometry.journal.is_some();
        let mut orphan = 0;
        self.write_super_block(|raw| {
            orphan = raw.last_orphan.get();
            raw.mount_time.set((now() / 1_000_000_000) as u32);
            raw.mounts.set(raw.mounts.get().saturating_add(1));
            // Files may get larger than 2 GiB.
            let features = raw.read_only_compatible.get();
            raw.read_only_compatible
                .set(features | READ_ONLY_LARGE_FILE);
            if has_journal {
                raw.incompatible
                    .set(raw.incompatible.get() | INCOMPATIBLE_RECOVER);
            } else {
                raw.state.set(raw.state.get() & !STATE_VALID);
            }
        })?;
        self.is_writable.store(true, Relaxed);
        self.recover_orphans(orphan)
            .map_err(|error| self.judge(error, format_args!("the list of orphans")))
    }

    /// Puts everything on the medium, in its place, and marks it as complete.
    fn stop_writing(self: &Arc<Self>) -> Result<()> {
        if !self.is_writable.load(Relaxed) {
            return Ok(());
        }
        self.sync()?;
        self.is_writable.store(false, Relaxed);
        self.journal.shut_down()?;
        self.write_super_block(|raw| {
            raw.incompatible
                .set(raw.incompatible.get() & !INCOMPATIBLE_RECOVER);
            raw.state.set(raw.state.get() | STATE_VALID);
            raw.set_free_blocks(self.groups.free_blocks());
            raw.free_inodes.set(self.groups.free_inodes() as u32);
        })
    }

    /// Returns when everything that was changed so far is on the medium.
    ///
    /// # Errors
    /// The first failure; `EROFS` if what was changed can't be written any more.
    pub fn sync(self: &Arc<Self>) -> Result<()> {
        let dirty = core::mem::take(&mut *self.dirty.lock());
        if !self.is_writable.load(Relaxed) || self.is_damaged.load(Relaxed) {
            return if dirty.is_empty() {
                Ok(())
            } else {
                Err(Errno::EROFS)
            };
        }
        self.free_unused();
        let mut result = Ok(());
        for inode in dirty.values() {
            // A failure is told by fsync.
            let written = inode
                .page_cache()
                .map_or(Ok(()), |pages| pages.write_back());
            let stored =
                super::inode::node_of(inode).and_then(|node| super::inode::store(inode, node));
            result = result.and(written).and(stored);
        }
        drop(dirty);
        self.free_unused();
        result.and(self.commit())
    }

    /// Blocks that hold no content of files whatever happens, which stat doesn't count.
    fn overhead(&self) -> u64 {
        let geometry = &self.geometry;
        let descriptors = geometry.descriptor_blocks();
        let is_copy = |group: u32| {
            let is_power = |base: u32| {
                let mut power = base;
                while power < group {
                    power = power.saturating_mul(base);
                }
                power == group
            };
            !geometry.has_sparse_copies || group <= 1 || [3, 5, 7].into_iter().any(is_power)
        };
        let copies = (0..geometry.groups).filter(|&group| is_copy(group)).count() as u64;
        let each = 2 + geometry.table_blocks();
        geometry.first_block + copies * (1 + descriptors) + u64::from(geometry.groups) * each
    }
}

impl SuperBlockOperations for Ext4SuperBlock {
    fn type_name(&self) -> &'static str {
        NAME
    }

    fn statistics(&self) -> Statistics {
        let instance = &self.0;
        let free = instance.groups.free_blocks();
        Statistics {
            magic: super::format::super_block::MAGIC.into(),
            block_size: instance.geometry.block_size as u64,
            blocks: instance.geometry.blocks.saturating_sub(instance.overhead()),
            free_blocks: free.saturating_sub(instance.reserved.load(Relaxed)),
            inodes: instance.geometry.inodes.into(),
            free_inodes: instance.groups.free_inodes(),
        }
    }

    fn options(&self) -> Result<Vec<u8>> {
        let mut text = Vec::new();
        text.make_room_exact(super::SHOWN_OPTIONS.len())?;
        text.extend_from_slice(super::SHOWN_OPTIONS);
        Ok(text)
    }

    fn reconfigure(&self, _root: &Inode, options: &[u8]) -> Result<()> {
        super::check_options(options)
    }

    fn set_read_only(&self, read_only: bool) -> Result<()> {
        let instance = &self.0;
        if read_only {
            instance.sync()?;
            if !instance.orphans.is_empty() {
                // Files without names are still open: they have to be freed at their end.
                return Err(Errno::EBUSY);
            }
            return instance.stop_writing();
        }
        if instance.geometry.must_not_write
            || instance.volume.geometry().read_only
            || instance.is_damaged.load(Relaxed)
        {
            return Err(Errno::EROFS);
        }
        instance.start_writing()
    }

    fn sync(&self) -> Result<()> {
        self.0.sync()
    }

    fn shut_down(&self) {
        let instance = &self.0;
        if let Err(error) = instance.stop_writing() {
            log::error!(
                "ext4: {}: it could not be unmounted cleanly ({error:?})",
                instance.volume.name()
            );
        }
        // What could not be written would keep the instance.
        let lost = core::mem::take(&mut *instance.dirty.lock());
        drop(lost);
    }
}
