//! Extended attributes: those that fit behind the inode's fields, and one block with the others.

mod area;

use super::format::inode::{OLD_SIZE, RawInode};
use super::format::super_block::COMPATIBLE_ATTRIBUTES;
use super::node::Node;
use super::update::Update;
use crate::heap::MakeRoom;
use crate::vfs::extended::Existing;
use crate::{Errno, Result};
use alloc::vec::Vec;
use area::{Attribute, BlockHeader};
use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// Numbers of namespaces.
const NAMESPACES: [(u8, &[u8]); 3] = [(1, b"user."), (4, b"trusted."), (6, b"security.")];

/// The inode, a new block and an old one with bitmaps and descriptors, the super block.
const CREDITS: u32 = 8;

/// Bytes before the entries behind an inode, and in a block.
const INODE_HEADER: usize = 4;
const BLOCK_HEADER: usize = size_of::<BlockHeader>();

/// The number of a name's namespace, and the rest of the name.
fn split(name: &[u8]) -> Result<(u8, &[u8])> {
    let found = NAMESPACES
        .iter()
        .find_map(|(number, prefix)| Some((*number, name.strip_prefix(*prefix)?)));
    found.ok_or(Errno::EOPNOTSUPP)
}

/// The attributes of an inode, and where they are.
struct Found {
    raw: RawInode,
    attributes: Vec<Attribute>,
}

impl Node {
    /// Where the area behind an inode's fields begins; nowhere if it has none.
    fn inode_area(&self, raw: &RawInode) -> Option<usize> {
        let used = OLD_SIZE + usize::from(raw.extra.size.get());
        let has_room = raw.extra.size.get() > 0
            && used + INODE_HEADER + 4 <= self.instance.geometry.inode_size;
        has_room.then_some(used)
    }

    /// Reads all attributes.
    fn read_attributes(&self) -> Result<Found> {
        let instance = &self.instance;
        let raw = instance.read_inode(self.number)?;
        let mut attributes = Vec::new();
        let mut bytes = Vec::new();
        if let Some(start) = self.inode_area(&raw) {
            let place = instance
                .groups
                .inode_place(&instance.geometry, self.number)?;
            let size = instance.geometry.inode_size;
            bytes.make_room_exact(size - start)?;
            let block = instance.journal.block(place.block)?;
            block.read(|all| {
                let range = place.offset + start..place.offset + size;
                bytes.extend_from_slice(all.get(range).unwrap_or(&[]));
            });
            if U32::read_from_prefix(&bytes).is_ok_and(|(magic, _)| magic.get() == area::MAGIC) {
                area::read(&bytes, INODE_HEADER, INODE_HEADER, &mut attributes)?;
            }
        }
        if raw.attribute_block() != 0 {
            let block = self.attribute_block(raw.attribute_block())?;
            bytes.clear();
            bytes.make_room_exact(instance.geometry.block_size)?;
            block.read(|all| bytes.extend_from_slice(all));
            area::read(&bytes, BLOCK_HEADER, 0, &mut attributes)?;
        }
        Ok(Found { raw, attributes })
    }

    fn attribute_block(
        &self,
        number: u64,
    ) -> Result<alloc::sync::Arc<super::journal::MetadataBlock>> {
        if !self.instance.geometry.has_run(number, 1) {
            return Err(Errno::EUCLEAN);
        }
        let block = self.instance.journal.block(number)?;
        let is_one = block.read(|bytes| {
            BlockHeader::read_from_prefix(bytes).is_ok_and(|(header, _)| {
                header.magic.get() == area::MAGIC
                    && header.blocks.get() == 1
                    && header.references.get() > 0
            })
        });
        if is_one {
            Ok(block)
        } else {
            Err(Errno::EUCLEAN)
        }
    }

    fn found_attributes(&self) -> Result<Found> {
        self.read_attributes()
            .map_err(|error| self.judge(error, "the extended attributes"))
    }

    /// The value of an attribute.
    ///
    /// # Errors
    /// `ENODATA`; `EOPNOTSUPP` for an unknown namespace; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn get_attribute(&self, name: &[u8]) -> Result<Vec<u8>> {
        let (namespace, name) = split(name)?;
        let _attributes = self.attributes.lock();
        let found = self.found_attributes()?.attributes;
        let mut found = found.into_iter();
        let wanted =
            found.find(|attribute| attribute.namespace == namespace && attribute.name == name);
        wanted
            .map(|attribute| attribute.value)
            .ok_or(Errno::ENODATA)
    }

    /// Calls `each` with the name of every attribute.
    ///
    /// # Errors
    /// What `each` returns; `EUCLEAN`, `EIO`, `ENOMEM`.
    pub fn list_attributes(&self, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let _attributes = self.attributes.lock();
        let mut text = Vec::new();
        for attribute in self.found_attributes()?.attributes {
            // Others, such as access control lists, are kept but nothing can be done with them.
            let known = NAMESPACES
                .iter()
                .find(|(number, _)| *number == attribute.namespace);
            let Some((_, prefix)) = known else { continue };
            text.clear();
            text.make_room(prefix.len() + attribute.name.len())?;
            text.extend_from_slice(prefix);
            text.extend_from_slice(&attribute.name);
            each(&text)?;
        }
        Ok(())
    }

    /// Sets an attribute, or takes it away.
    ///
    /// # Errors
    /// `EEXIST`, `ENODATA` as `existing` demands; `EOPNOTSUPP` for an unknown namespace; `ENOSPC` for more than a block
    /// holds; `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`.
    pub fn set_attribute(
        &self,
        name: &[u8],
        value: Option<&[u8]>,
        existing: Existing,
    ) -> Result<()> {
        let (namespace, name) = split(name)?;
        let _attributes = self.attributes.lock();
        let Found {
            raw,
            mut attributes,
        } = self.found_attributes()?;
        let place = attributes
            .iter()
            .position(|attribute| attribute.namespace == namespace && attribute.name == name);
        match (existing, place) {
            (Existing::Refused | Existing::Contradicted, Some(_)) => return Err(Errno::EEXIST),
            (Existing::Required | Existing::Contradicted, None) => return Err(Errno::ENODATA),
            _ => {}
        }
        if let Some(place) = place {
            attributes.remove(place);
        }
        if let Some(value) = value {
            attributes.make_room(1)?;
            attributes.push(Attribute::new(namespace, name, value)?);
        }
        let (inner, outer) = self.distribute(&raw, attributes)?;
        if !outer.is_empty()
            && BLOCK_HEADER + area::needed(outer.iter()) > self.instance.geometry.block_size
        {
            return Err(Errno::ENOSPC);
        }
        let result = self.instance.update(CREDITS, |update| {
            let block = self.write_block(update, raw.attribute_block(), &outer)?;
            self.write_inner(update, &raw, block, &inner)?;
            self.announce(update)
        });
        result.map_err(|error| self.judge(error, "the extended attributes"))
    }

    /// Which attributes go behind the inode's fields, and which into a block, in the order of blocks.
    fn distribute(
        &self,
        raw: &RawInode,
        attributes: Vec<Attribute>,
    ) -> Result<(Vec<Attribute>, Vec<Attribute>)> {
        let size = self.instance.geometry.inode_size;
        let mut room = self.inode_area(raw).map_or(0, |start| {
            size - start - INODE_HEADER - area::needed([].iter())
        });
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        inner.make_room_exact(attributes.len())?;
        outer.make_room_exact(attributes.len())?;
        for attribute in attributes {
            match room.checked_sub(attribute.length()) {
                Some(left) => {
                    room = left;
                    inner.push(attribute);
                }
                None => outer.push(attribute),
            }
        }
        outer.sort_unstable_by(|one, other| one.key().cmp(&other.key()));
        Ok((inner, outer))
    }

    /// Writes the attributes of the block, and returns which block that is now; 0 for none.
    fn write_block(&self, update: &Update, old: u64, attributes: &[Attribute]) -> Result<u64> {
        let instance = &self.instance;
        let is_own = old != 0 && self.references(old)? == 1;
        if attributes.is_empty() {
            self.leave_block(update, old)?;
            return Ok(0);
        }
        let (number, block) = if is_own {
            (old, instance.journal.block(old)?)
        } else {
            instance.check_room(1)?;
            let place = instance
                .groups
                .inode_place(&instance.geometry, self.number)?;
            let claim = instance.claim(place.block, 1)?;
            let block = instance.journal.new_block(claim.start())?;
            let number = claim.start();
            claim.settle(update)?;
            self.leave_block(update, old)?;
            (number, block)
        };
        update.modify(&block, |bytes| {
            area::write(bytes, BLOCK_HEADER, 0, attributes, true)?;
            let mut header = BlockHeader::new_zeroed();
            header.magic.set(area::MAGIC);
            header.references.set(1);
            header.blocks.set(1);
            let place = bytes.get_mut(..BLOCK_HEADER).ok_or(Errno::EUCLEAN)?;
            place.copy_from_slice(header.as_bytes());
            Ok::<(), Errno>(())
        })??;
        Ok(number)
    }

    fn references(&self, block: u64) -> Result<u32> {
        let block = self.attribute_block(block)?;
        block.read(|bytes| {
            BlockHeader::read_from_prefix(bytes)
                .map(|(header, _)| header.references.get())
                .map_err(|_| Errno::EUCLEAN)
        })
    }

    /// Has a use less of a block of attributes, the last of which frees it.
    fn leave_block(&self, update: &Update, number: u64) -> Result<()> {
        if number == 0 {
            return Ok(());
        }
        if self.references(number)? == 1 {
            update.forget(number)?;
            return self.instance.free(update, number, 1);
        }
        let block = self.attribute_block(number)?;
        update.modify(&block, |bytes| {
            let (header, _) = BlockHeader::mut_from_prefix(bytes).map_err(|_| Errno::EUCLEAN)?;
            let references = header.references.get();
            header.references.set(references.saturating_sub(1));
            Ok(())
        })?
    }

    /// Writes the attributes behind the inode's fields, and which block has the others.
    fn write_inner(
        &self,
        update: &Update,
        raw: &RawInode,
        block: u64,
        attributes: &[Attribute],
    ) -> Result<()> {
        let instance = &self.instance;
        let change = i64::from(block != 0) - i64::from(raw.attribute_block() != 0);
        let start = self.inode_area(raw);
        instance.change_inode_bytes(update, self.number, |bytes| {
            let mut now = RawInode::read(bytes)?;
            now.set_attribute_block(block);
            now.add_blocks(change, instance.geometry.block_size)?;
            now.write(bytes);
            let Some(area) = start.and_then(|start| bytes.get_mut(start..)) else {
                return Ok(());
            };
            area.fill(0);
            if attributes.is_empty() {
                return Ok(());
            }
            let magic = U32::new(area::MAGIC);
            let place = area.get_mut(..INODE_HEADER).ok_or(Errno::EUCLEAN)?;
            place.copy_from_slice(magic.as_bytes());
            area::write(area, INODE_HEADER, INODE_HEADER, attributes, false)
        })
    }

    /// Says in the super block that there are attributes.
    fn announce(&self, update: &Update) -> Result<()> {
        let instance = &self.instance;
        let place = instance.geometry.super_block();
        let block = instance.journal.block(place.block)?;
        let is_known = block.read(|bytes| {
            let bytes = bytes.get(place.offset..).unwrap_or(&[]);
            super::format::super_block::SuperBlock::ref_from_prefix(bytes).is_ok_and(
                |(super_block, _)| super_block.compatible.get() & COMPATIBLE_ATTRIBUTES != 0,
            )
        });
        if is_known {
            return Ok(());
        }
        instance.change_super_block(update, |super_block| {
            let features = super_block.compatible.get();
            super_block.compatible.set(features | COMPATIBLE_ATTRIBUTES);
        })
    }

    /// Frees the block of attributes of an inode that is being freed.
    ///
    /// # Errors
    /// `EIO`, `EUCLEAN`, `ENOMEM`, `EROFS`.
    pub fn free_attributes(&self) -> Result<()> {
        let instance = &self.instance;
        let block = instance.read_inode(self.number)?.attribute_block();
        if block == 0 {
            return Ok(());
        }
        instance.update(CREDITS, |update| {
            self.leave_block(update, block)?;
            instance.change_inode(update, self.number, |raw| {
                raw.set_attribute_block(0);
                raw.add_blocks(-1, instance.geometry.block_size)
            })
        })
    }
}
