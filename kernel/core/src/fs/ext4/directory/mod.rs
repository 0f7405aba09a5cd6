//! Directories: names and their inodes, in blocks. A small directory is searched, a large one's names are gathered in
//! memory when one is first asked for ([`index`]).
//!
//! A directory that Linux has hashed is read as what it is besides, a list of blocks; its first change takes the hash
//! away, as Linux itself does with an index it can't use. The name cache answers for what has been looked up.

mod block;
mod change;
mod index;

use super::journal::MetadataBlock;
use super::node::Node;
use crate::vfs::inode::{DirectoryEntry, EntrySink};
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use alloc::sync::Arc;
use index::Known;

pub use block::make_first;
pub use change::CREDITS;
pub use index::NameIndex;

impl Node {
    /// How many blocks this directory has.
    fn directory_blocks(&self) -> Result<u32> {
        let size = self.instance.read_inode(self.number)?.size();
        let block_size = self.instance.geometry.block_size as u64;
        let count = size / block_size;
        // It has no holes, so it isn't larger than the volume.
        if count == 0 || !size.is_multiple_of(block_size) || count > self.instance.geometry.blocks {
            return Err(Errno::EUCLEAN);
        }
        u32::try_from(count).map_err(|_| Errno::EUCLEAN)
    }

    /// A block of this directory, which has no holes.
    fn directory_block(&self, index: u32) -> Result<Arc<MetadataBlock>> {
        let mapping = self.find(index)?;
        match mapping.start.filter(|_| mapping.written) {
            Some(block) => self.instance.journal.block(block),
            None => Err(Errno::EUCLEAN),
        }
    }

    /// Looks at the blocks of this directory from one on, until there is an answer.
    fn search<R>(
        &self,
        first: u32,
        mut look: impl FnMut(u32, &Arc<MetadataBlock>) -> Result<Option<R>>,
    ) -> Result<Option<R>> {
        let mut search = || {
            let count = self.directory_blocks()?;
            for index in first..count {
                let block = self.directory_block(index)?;
                if let Some(result) = look(index, &block)? {
                    return Ok(Some(result));
                }
            }
            Ok(None)
        };
        search().map_err(|error| self.judge(error, "the directory"))
    }

    /// The inode of a name.
    ///
    /// # Errors
    /// `ENOENT`; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn look_up(&self, name: &[u8]) -> Result<u32> {
        let find = |block: &Arc<MetadataBlock>| {
            block.read(|bytes| Ok(block::find(bytes, name)?.map(|entry| entry.inode)))
        };
        let found = match self.known(name)? {
            Known::Missing => None,
            Known::Block(index) => self
                .search(index, |_, block| find(block).map(Some))?
                .flatten(),
            Known::Nothing => self.search(0, |_, block| find(block))?,
        };
        found.ok_or(Errno::ENOENT)
    }

    /// Whether this directory is in another one, by its own account.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn is_in(&self, parent: u32) -> Result<bool> {
        match self.look_up(b"..") {
            Ok(found) => Ok(found == parent && self.number != parent),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Gives a sink the entries from a position on, which is a number of bytes.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn list(&self, position: u64, sink: EntrySink<'_>) -> Result<()> {
        let block_size = self.instance.geometry.block_size as u64;
        let Ok(first) = u32::try_from(position / block_size) else {
            return Ok(());
        };
        self.search(first, |index, block| {
            let base = u64::from(index) * block_size;
            block.read(|bytes| {
                for entry in block::entries(bytes) {
                    let entry = entry?;
                    // Entries that have been joined since the position was given are passed over.
                    if base + (entry.offset as u64) < position
                        || entry.inode == 0
                        || entry.is_dots()
                    {
                        continue;
                    }
                    let taken = sink(&DirectoryEntry {
                        name: entry.name,
                        inode: entry.inode.into(),
                        kind: entry.kind.unwrap_or(FileKind::Regular),
                        next: base + entry.end() as u64,
                    });
                    if !taken {
                        return Ok(Some(()));
                    }
                }
                Ok(None)
            })
        })?;
        Ok(())
    }

    /// Whether this directory has no names but its own and its parent's.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn is_empty(&self) -> Result<bool> {
        let found = self.search(0, |_, block| {
            block.read(|bytes| {
                for entry in block::entries(bytes) {
                    let entry = entry?;
                    if entry.inode != 0 && !entry.is_dots() {
                        return Ok(Some(()));
                    }
                }
                Ok(None)
            })
        })?;
        Ok(found.is_none())
    }
}
