//! Changes of directories. The caller has the directory's lock for changes.

use super::super::extents::{self, Extent, Tree};
use super::super::format::inode::FLAG_INDEX;
use super::super::journal::MetadataBlock;
use super::super::node::Node;
use super::super::update::Update;
use super::block;
use super::index::Known;
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use alloc::sync::Arc;

/// Blocks that making room and entering a name may change: a new block with its bitmap and descriptor, a change of the tree,
/// the inode.
pub const CREDITS: u32 = extents::CREDITS + 4;

/// Room for a name in a directory.
pub struct Slot {
    /// Which block of the directory.
    index: u32,
    block: Arc<MetadataBlock>,
}

impl Node {
    /// Makes sure that a directory has room for a name.
    ///
    /// # Errors
    /// `ENOSPC`, with a directory that is whole; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn make_room(&self, update: &Update, name: &[u8]) -> Result<Slot> {
        let first = self.names.lock().room;
        let found = self.search(first, |index, block| {
            let has_room =
                block.read(|bytes| block::room(bytes, name.len()).map(|room| room.is_some()))?;
            let block = block.clone();
            Ok(has_room.then_some(Slot { index, block }))
        })?;
        match found {
            Some(slot) => Ok(slot),
            None => self.add_block(update),
        }
    }

    fn add_block(&self, update: &Update) -> Result<Slot> {
        let instance = &self.instance;
        let block_size = instance.geometry.block_size;
        let first = self.directory_blocks()?;
        instance.check_room(1)?;
        let goal = match first.checked_sub(1) {
            Some(last) => self.find(last)?.start.map_or(0, |block| block + 1),
            None => 0,
        };
        let claim = instance.claim(goal, 1)?;
        let extent = Extent {
            first,
            count: 1,
            start: claim.start(),
            written: true,
        };
        let block = instance.journal.new_block(claim.start())?;
        let extents = self.extents.lock();
        Tree::of(instance, self.number).insert(update, extent)?;
        drop(extents);
        claim.settle(update)?;
        update.modify(&block, block::make_empty)??;
        instance.change_inode(update, self.number, |inode| {
            inode.add_blocks(1, block_size)?;
            inode.set_size((u64::from(first) + 1) * block_size as u64);
            Ok(())
        })?;
        if let Some(inode) = self.inode() {
            inode
                .attributes
                .set_size((u64::from(first) + 1) * block_size as u64);
        }
        Ok(Slot {
            index: first,
            block,
        })
    }

    /// Enters a name where there is room.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn enter(
        &self,
        update: &Update,
        slot: Slot,
        name: &[u8],
        (inode, kind): (u32, FileKind),
    ) -> Result<()> {
        let entered =
            update.modify(&slot.block, |bytes| block::insert(bytes, name, inode, kind))??;
        if !entered {
            return Err(Errno::EUCLEAN);
        }
        self.note_entered(name, slot.index);
        self.drop_index(update)
    }

    /// The block with a name, and which it is.
    fn block_of(&self, name: &[u8]) -> Result<Slot> {
        let first = match self.known(name)? {
            Known::Block(index) => index,
            Known::Missing | Known::Nothing => 0,
        };
        let found = self.search(first, |index, block| {
            let has_it =
                block.read(|bytes| block::find(bytes, name).map(|found| found.is_some()))?;
            let block = block.clone();
            Ok(has_it.then_some(Slot { index, block }))
        })?;
        // The name cache has it.
        found.ok_or(Errno::EUCLEAN)
    }

    /// Takes a name out: changes two blocks.
    ///
    /// # Errors
    /// `EUCLEAN` if it isn't there; `EIO`, `ENOMEM`.
    pub fn withdraw(&self, update: &Update, name: &[u8]) -> Result<()> {
        let slot = self.block_of(name)?;
        update.modify(&slot.block, |bytes| block::remove(bytes, name))??;
        self.note_withdrawn(name, slot.index);
        self.drop_index(update)
    }

    /// Gives a name to another inode: changes one block.
    ///
    /// # Errors
    /// As [`Self::withdraw`].
    pub fn redirect(&self, update: &Update, name: &[u8], to: (u32, FileKind)) -> Result<()> {
        let slot = self.block_of(name)?;
        update.modify(&slot.block, |bytes| {
            block::redirect(bytes, name, to.0, to.1)
        })??;
        Ok(())
    }

    /// The directory isn't as its index says any more.
    fn drop_index(&self, update: &Update) -> Result<()> {
        if self.instance.read_inode(self.number)?.has(FLAG_INDEX) {
            self.instance.change_inode(update, self.number, |inode| {
                let flags = inode.old.flags.get();
                inode.old.flags.set(flags & !FLAG_INDEX);
                Ok(())
            })?;
        }
        Ok(())
    }
}
