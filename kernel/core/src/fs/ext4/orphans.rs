//! Inodes that have to be freed, or cut to their size: a list on the disk, so that a crash in the midst leaves nothing
//! behind. It goes from the super block through the inodes' times of deletion (Linux: "Orphan file" and `s_last_orphan` in
//! Documentation/filesystems/ext4).

use super::content;
use super::format::super_block::SuperBlock;
use super::instance::Instance;
use super::node::Node;
use super::update::Update;
use crate::heap::MakeRoom;
use crate::sched::Mutex;
use crate::vfs::attributes::now;
use crate::vfs::kind::FileKind;
use crate::{Errno, Result, log};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::Relaxed;
use hal::sync::SpinLock;
use zerocopy::FromBytes;

/// Blocks that adding or removing an inode changes: the super block, the inode, and the one before it in the list.
pub const CREDITS: u32 = 3;

/// The list.
pub struct Orphans {
    /// In the order of the list on the disk, which begins with the last of these. Taken inside a handle of the journal.
    list: Mutex<Vec<u32>>,
    /// Those that nobody uses any more. It has room for all that are deleted.
    unused: SpinLock<Vec<u32>>,
}

impl Orphans {
    /// No inodes.
    pub const fn new() -> Self {
        Self {
            list: Mutex::new(Vec::new()),
            unused: SpinLock::new(Vec::new()),
        }
    }

    /// Nobody uses a deleted inode any more: it is freed by the next who changes names, or syncs. Never sleeps.
    pub fn let_go(&self, number: u32) {
        let mut unused = self.unused.lock();
        if unused.len() < unused.capacity() {
            unused.push(number);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.lock().is_empty()
    }

    /// Puts an inode into the list, unless it is in it.
    ///
    /// # Errors
    /// `ENOMEM`, with nothing changed; what changing blocks says.
    pub fn add(&self, instance: &Instance, update: &Update, number: u32) -> Result<()> {
        let mut list = self.list.lock();
        if list.contains(&number) {
            // It is being cut, and has lost its last name meanwhile.
            return Ok(());
        }
        list.make_room(1)?;
        {
            let mut unused = self.unused.lock();
            let missing = (list.len() + 1).saturating_sub(unused.len());
            unused.make_room(missing)?;
        }
        let next = list.last().copied().unwrap_or(0);
        instance.change_inode(update, number, |inode| {
            inode.old.deleted.set(next);
            Ok(())
        })?;
        instance.change_super_block(update, |super_block| super_block.last_orphan.set(number))?;
        list.push(number);
        Ok(())
    }

    /// Takes an inode out of the list that has been cut, unless it has lost its last name meanwhile.
    ///
    /// # Errors
    /// As [`Self::remove`].
    pub fn remove_if_named(&self, instance: &Instance, update: &Update, number: u32) -> Result<()> {
        let mut list = self.list.lock();
        // Who takes the last name away counts it before it looks at the list.
        if instance.read_inode(number)?.old.links.get() == 0 {
            return Ok(());
        }
        Self::take_out(&mut list, instance, update, number, 0)
    }

    /// Takes an inode out of the list, and gives it a time of deletion.
    ///
    /// # Errors
    /// `EUCLEAN` if it isn't in it; what changing blocks says.
    pub fn remove(
        &self,
        instance: &Instance,
        update: &Update,
        number: u32,
        deleted: u32,
    ) -> Result<()> {
        Self::take_out(&mut self.list.lock(), instance, update, number, deleted)
    }

    fn take_out(
        list: &mut Vec<u32>,
        instance: &Instance,
        update: &Update,
        number: u32,
        deleted: u32,
    ) -> Result<()> {
        let place = list
            .iter()
            .rposition(|&other| other == number)
            .ok_or(Errno::EUCLEAN)?;
        let next = place
            .checked_sub(1)
            .and_then(|place| list.get(place))
            .copied()
            .unwrap_or(0);
        match list.get(place + 1) {
            Some(&before) => instance.change_inode(update, before, |inode| {
                inode.old.deleted.set(next);
                Ok(())
            })?,
            None => instance
                .change_super_block(update, |super_block| super_block.last_orphan.set(next))?,
        }
        instance.change_inode(update, number, |inode| {
            inode.old.deleted.set(deleted);
            Ok(())
        })?;
        list.remove(place);
        Ok(())
    }

    fn next_unused(&self) -> Option<u32> {
        self.unused.lock().pop()
    }
}

impl Instance {
    /// Changes the super block: one block.
    ///
    /// # Errors
    /// What reading and changing the block says.
    pub fn change_super_block(
        &self,
        update: &Update,
        change: impl FnOnce(&mut SuperBlock),
    ) -> Result<()> {
        let place = self.geometry.super_block();
        let block = self.journal.block(place.block)?;
        update.modify(&block, |bytes| {
            let bytes = bytes.get_mut(place.offset..).unwrap_or(&mut []);
            let (super_block, _) =
                SuperBlock::mut_from_prefix(bytes).map_err(|_| Errno::EUCLEAN)?;
            change(super_block);
            Ok(())
        })?
    }

    /// Notes that an inode has no name any more: it is freed once nobody uses it.
    pub fn note_deleted(&self, node: &Node) {
        node.is_deleted.store(true, Relaxed);
        // What is only in memory of it is of no use.
        node.take_dirty();
        let kept = self.dirty.lock().remove(&node.number);
        drop(kept);
    }

    /// Frees what has been deleted and nobody uses. Called where nothing of the file system is locked but a directory for
    /// changes.
    pub fn free_unused(self: &Arc<Self>) {
        while let Some(number) = self.orphans.next_unused() {
            if let Err(error) = self.free_orphan(number) {
                if !self.is_damaged.load(Relaxed) {
                    log::warn!(
                        "ext4: {}: inode {number} can't be freed before the next mount: {error:?}",
                        self.volume.name()
                    );
                }
                return;
            }
        }
    }

    /// Frees an inode that has no name and no user, with its blocks.
    fn free_orphan(self: &Arc<Self>, number: u32) -> Result<()> {
        let inode = self.read_inode(number)?;
        let kind = inode.kind().ok_or(Errno::EUCLEAN)?;
        let node = Node::new(self, number);
        if node.has_blocks(&inode) {
            let end = match kind {
                FileKind::Regular => 1 << 32,
                _ => content::end_block(inode.size(), self.geometry.block_size)?.into(),
            };
            content::free_blocks(&node, kind, 0, end)?;
        }
        node.free_attributes()?;
        // Seconds since 1970; a number below that of inodes would look like an entry of the list to e2fsck.
        let time = ((now() / 1_000_000_000) as u32).max(self.geometry.inodes);
        self.update(CREDITS + 2, |update| {
            self.orphans.remove(self, update, number, time)?;
            self.change_inode(update, number, |inode| {
                inode.old.links.set(0);
                inode.set_size(0);
                Ok(())
            })?;
            self.free_inode(update, number, kind == FileKind::Directory)
        })
    }

    /// Takes over the list that an earlier mount left: frees the inodes without names, and cuts the others to their size.
    ///
    /// # Errors
    /// `EUCLEAN` for a list that makes no sense; `EIO`, `ENOMEM`.
    pub fn recover_orphans(self: &Arc<Self>, first: u32) -> Result<()> {
        let mut list = Vec::new();
        let mut number = first;
        while number != 0 {
            // More than there are would be a ring.
            let too_many = list.len() >= self.geometry.inodes as usize;
            if number < self.geometry.first_inode || too_many {
                return Err(Errno::EUCLEAN);
            }
            list.make_room(1)?;
            list.push(number);
            number = self.read_inode(number)?.old.deleted.get();
        }
        list.reverse();
        let mut copy = Vec::new();
        copy.make_room_exact(list.len())?;
        copy.extend_from_slice(&list);
        *self.orphans.list.lock() = copy;
        for number in list.into_iter().rev() {
            let inode = self.read_inode(number)?;
            if inode.old.links.get() == 0 {
                self.free_orphan(number)?;
                continue;
            }
            let node = Node::new(self, number);
            if inode.kind() == Some(FileKind::Regular) && node.has_blocks(&inode) {
                let end = content::end_block(inode.size(), self.geometry.block_size)?;
                content::free_blocks(&node, FileKind::Regular, end, 1 << 32)?;
            }
            self.update(CREDITS, |update| {
                self.orphans.remove(self, update, number, 0)
            })?;
        }
        Ok(())
    }
}
