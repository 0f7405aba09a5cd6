//! Extended attributes of an image: those behind an inode, and those that inodes share.

use super::format::{ATTRIBUTE_UNIT, AttributeEntry, AttributeHeader, NAMESPACES};
use super::image::Image;
use super::node::Node;
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;
use zerocopy::little_endian::U32;

/// An attribute in the image.
struct Attribute {
    /// The namespace of its name, with the dot; none for one that isn't shown.
    namespace: Option<&'static [u8]>,
    /// Where the rest of its name is.
    name: (u64, usize),
    /// Where its value is.
    value: (u64, usize),
    /// Where the next one begins.
    next: u64,
}

impl Attribute {
    fn read(image: &Image, offset: u64) -> Result<Self> {
        let entry: AttributeEntry = image.structure(offset)?;
        let name_length = usize::from(entry.name_length);
        let value_length = usize::from(entry.value_length.get());
        let name = offset + size_of::<AttributeEntry>() as u64;
        let value = name + name_length as u64;
        let known = NAMESPACES
            .iter()
            .find(|(number, _)| *number == entry.namespace);
        Ok(Self {
            namespace: known.map(|(_, namespace)| *namespace),
            name: (name, name_length),
            value: (value, value_length),
            next: (value + value_length as u64).next_multiple_of(ATTRIBUTE_UNIT),
        })
    }

    /// Whether this is its name.
    fn is_named(&self, image: &Image, name: &[u8]) -> Result<bool> {
        let Some(rest) = self.namespace.and_then(|space| name.strip_prefix(space)) else {
            return Ok(false);
        };
        if rest.len() != self.name.1 {
            return Ok(false);
        }
        let mut own = [0; u8::MAX as usize];
        let own = own.get_mut(..rest.len()).ok_or(Errno::EUCLEAN)?;
        image.read(self.name.0, own)?;
        Ok(own == rest)
    }
}

/// Calls `each` with the attributes of an inode until it returns something.
fn find<R>(
    image: &Image,
    node: &Node,
    mut each: impl FnMut(&Attribute) -> Result<Option<R>>,
) -> Result<Option<R>> {
    let (start, size) = node.attributes;
    if size == 0 {
        return Ok(None);
    }
    let header: AttributeHeader = image.structure(start)?;
    let references = start + size_of::<AttributeHeader>() as u64;
    let end = start + size;
    let mut offset = references + u64::from(header.shared_count) * ATTRIBUTE_UNIT;
    if offset > end {
        return Err(Errno::EUCLEAN);
    }
    for index in 0..u64::from(header.shared_count) {
        let reference: U32 = image.structure(references + index * ATTRIBUTE_UNIT)?;
        let shared = image.block_offset(image.super_block.attribute_block.get())
            + u64::from(reference.get()) * ATTRIBUTE_UNIT;
        if let Some(found) = each(&Attribute::read(image, shared)?)? {
            return Ok(Some(found));
        }
    }
    while offset < end {
        let attribute = Attribute::read(image, offset)?;
        if attribute.next > end {
            return Err(Errno::EUCLEAN);
        }
        if let Some(found) = each(&attribute)? {
            return Ok(Some(found));
        }
        offset = attribute.next;
    }
    Ok(None)
}

/// The value of an attribute.
///
/// # Errors
/// `ENODATA`; `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn get(image: &Image, node: &Node, name: &[u8]) -> Result<Vec<u8>> {
    let value = find(image, node, |attribute| {
        if !attribute.is_named(image, name)? {
            return Ok(None);
        }
        let (offset, length) = attribute.value;
        image.bytes(offset, length).map(Some)
    })?;
    value.ok_or(Errno::ENODATA)
}

/// Calls `each` with the names of all attributes.
///
/// # Errors
/// Those of `each`; `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn list(image: &Image, node: &Node, each: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let mut name = Vec::new();
    find(image, node, |attribute| {
        if let Some(namespace) = attribute.namespace {
            let (offset, length) = attribute.name;
            name.clear();
            name.make_room(namespace.len() + length)?;
            name.extend_from_slice(namespace);
            name.resize(namespace.len() + length, 0);
            let rest = name.get_mut(namespace.len()..).unwrap_or(&mut []);
            image.read(offset, rest)?;
            each(&name)?;
        }
        Ok(None::<()>)
    })?;
    Ok(())
}
