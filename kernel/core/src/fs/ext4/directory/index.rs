//! In which block of a large directory each name is, kept in memory: a name that isn't there is what is asked for most
//! when many are made.

use super::super::node::Node;
use super::block;
use crate::heap::MakeRoom;
use crate::vfs::name::Component;
use crate::{Errno, Result};
use core::hash::{BuildHasherDefault, Hasher};
use hashbrown::HashMap;

/// A directory with fewer blocks is searched.
const SEARCHED: u32 = 4;

/// Keys are hashes already.
#[derive(Default)]
pub struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _bytes: &[u8]) {}

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

/// What is known of a directory's names.
#[derive(Default)]
pub struct NameIndex {
    /// The block of each name, by the name's hash, once it has been needed.
    blocks: Option<HashMap<u64, u32, BuildHasherDefault<Identity>>>,
    /// Two names have one hash: the directory is searched.
    is_ambiguous: bool,
    /// The block that took a name last: blocks before it are mostly full.
    pub room: u32,
}

/// Where a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    Block(u32),
    Missing,
    Nothing,
}

fn hash(name: &[u8]) -> u64 {
    Component::split(name).0.hash
}

impl NameIndex {
    fn add(&mut self, name: &[u8], block: u32) {
        let Some(blocks) = &mut self.blocks else {
            return;
        };
        if blocks.make_room(1).is_err() {
            // It is made anew when there is memory.
            self.blocks = None;
        } else if blocks.insert(hash(name), block).is_some() {
            self.is_ambiguous = true;
            self.blocks = None;
        }
    }
}

impl Node {
    /// Where a name is, as far as that is known without a search.
    ///
    /// # Errors
    /// `EUCLEAN`, `EIO`, `ENOMEM`.
    pub(super) fn known(&self, name: &[u8]) -> Result<Known> {
        if matches!(name, b"." | b"..") {
            return Ok(Known::Block(0));
        }
        let mut index = self.names.lock();
        if index.blocks.is_none() && !index.is_ambiguous && self.directory_blocks()? >= SEARCHED {
            self.gather(&mut index)?;
        }
        Ok(match &index.blocks {
            Some(blocks) => match blocks.get(&hash(name)) {
                Some(&block) => Known::Block(block),
                None => Known::Missing,
            },
            None => Known::Nothing,
        })
    }

    /// Enters all names that there are.
    fn gather(&self, index: &mut NameIndex) -> Result<()> {
        index.blocks = Some(HashMap::default());
        let gathered = self.search(0, |number, block| {
            // Room is made before the block's spin lock is taken: most names that fit a block have some letters.
            let entries = self.instance.geometry.block_size / block::needed(1);
            if let Some(blocks) = &mut index.blocks {
                blocks.make_room(entries)?;
            }
            block.read(|bytes| {
                for entry in block::entries(bytes) {
                    let entry = entry?;
                    if entry.inode != 0 && !entry.is_dots() {
                        index.add(entry.name, number);
                    }
                }
                Ok(None::<()>)
            })
        });
        match gathered {
            Ok(_) => Ok(()),
            Err(error) => {
                index.blocks = None;
                // Without memory for it the directory is searched.
                if error == Errno::ENOMEM {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }

    /// A name has been entered in a block.
    pub(super) fn note_entered(&self, name: &[u8], block: u32) {
        let mut index = self.names.lock();
        index.room = block;
        index.add(name, block);
    }

    /// A name has been taken out of a block.
    pub(super) fn note_withdrawn(&self, name: &[u8], block: u32) {
        let mut index = self.names.lock();
        index.room = index.room.min(block);
        if let Some(blocks) = &mut index.blocks {
            blocks.remove(&hash(name));
        }
    }
}
