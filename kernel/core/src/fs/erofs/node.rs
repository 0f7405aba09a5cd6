//! Inodes of an image: what they say, and where their content is.

use super::format::{
    CHUNK_BITS_MASK, CHUNK_HAS_INDEX, ChunkIndex, CompactInode, ExtendedInode, FORMAT_EXTENDED,
    FORMAT_KNOWN, FORMAT_LAYOUT_MASK, FORMAT_LAYOUT_SHIFT, LAYOUT_CHUNKS, LAYOUT_INLINE,
    LAYOUT_PLAIN, NO_BLOCK, SLOT,
};
use super::image::Image;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::page_cache::SIZE_LIMIT;
use crate::{Errno, Result};
use zerocopy::little_endian::U32;

/// Where the content is.
#[derive(Clone, Copy, Debug)]
enum Layout {
    /// In consecutive blocks.
    Plain { start: u64 },
    /// In consecutive blocks, but the last part of a block behind the inode.
    Inline { start: u64, tail: u64 },
    /// In chunks, whose blocks a table behind the inode tells.
    Chunks {
        table: u64,
        bits: u32,
        indexed: bool,
    },
    /// There is none.
    Nowhere,
}

/// An inode as the image describes it.
#[derive(Clone, Copy, Debug)]
pub struct Node {
    /// Its number.
    pub number: u64,
    /// Its kind.
    pub kind: FileKind,
    /// Kind and permission bits.
    pub mode: u32,
    /// Owner.
    pub owner: u32,
    /// Group.
    pub group: u32,
    /// Number of names.
    pub links: u32,
    /// Size in bytes.
    pub size: u64,
    /// Modification time, nanoseconds since 1970.
    pub modified: i64,
    /// The device of a device node.
    pub device: DeviceNumber,
    /// Where its extended attributes begin, and how many bytes they have with their header.
    pub attributes: (u64, u64),
    layout: Layout,
}

/// A piece of content that is in one place.
pub struct Extent {
    /// Where it is in the image; nowhere for a hole.
    pub offset: Option<u64>,
    /// Its length in bytes, at least 1.
    pub length: u64,
}

fn nanoseconds(seconds: u64, nanoseconds: u32) -> i64 {
    (seconds as i64)
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds.into())
}

impl Node {
    /// Reads an inode.
    ///
    /// # Errors
    /// `EUCLEAN` for what makes no sense; `EOPNOTSUPP` for layouts that aren't here, such as compressed ones; `EIO`
    /// beyond the image's end.
    pub fn read(image: &Image, number: u64) -> Result<Self> {
        let found = &image.super_block;
        let offset = number
            .checked_mul(SLOT)
            .and_then(|offset| offset.checked_add(image.block_offset(found.metadata_block.get())))
            .ok_or(Errno::EUCLEAN)?;
        let compact: CompactInode = image.structure(offset)?;
        let format = compact.format.get();
        if format & !FORMAT_KNOWN != 0 {
            return Err(Errno::EOPNOTSUPP);
        }
        let extended = format & FORMAT_EXTENDED != 0;
        let mut node = Self {
            number,
            kind: FileKind::from_mode(compact.mode.get().into()).ok_or(Errno::EUCLEAN)?,
            mode: compact.mode.get().into(),
            owner: compact.owner.get().into(),
            group: compact.group.get().into(),
            links: compact.links.get().into(),
            size: compact.size.get().into(),
            modified: nanoseconds(found.build_time.get(), found.build_time_nanoseconds.get()),
            device: DeviceNumber::NONE,
            attributes: (0, 0),
            layout: Layout::Nowhere,
        };
        let mut union = compact.union.get();
        let mut end = offset + size_of::<CompactInode>() as u64;
        if extended {
            let inode: ExtendedInode = image.structure(offset)?;
            node.owner = inode.owner.get();
            node.group = inode.group.get();
            node.links = inode.links.get();
            node.size = inode.size.get();
            node.modified = nanoseconds(inode.modified.get(), inode.modified_nanoseconds.get());
            union = inode.union.get();
            end = offset + size_of::<ExtendedInode>() as u64;
        }
        let attributes = match compact.attribute_count.get() {
            0 => 0,
            count => 12 + 4 * (u64::from(count) - 1),
        };
        node.attributes = (end, attributes);
        node.set_content(image, format, union, end + attributes)?;
        Ok(node)
    }

    fn set_content(&mut self, image: &Image, format: u16, union: u32, behind: u64) -> Result<()> {
        match self.kind {
            FileKind::Regular | FileKind::Directory | FileKind::SymbolicLink => {}
            FileKind::CharacterDevice | FileKind::BlockDevice => {
                self.device = DeviceNumber::decode(union);
                self.size = 0;
                return Ok(());
            }
            FileKind::Fifo | FileKind::Socket => {
                self.size = 0;
                return Ok(());
            }
        }
        // A directory's entries and a link's target are in the image once, so they can't be larger than it is. A
        // regular file can: holes take no room.
        if self.size > SIZE_LIMIT || (self.kind != FileKind::Regular && self.size > image.size()) {
            return Err(Errno::EUCLEAN);
        }
        self.layout = match (format >> FORMAT_LAYOUT_SHIFT) & FORMAT_LAYOUT_MASK {
            LAYOUT_PLAIN => Layout::Plain {
                start: image.block_offset(union),
            },
            LAYOUT_INLINE => {
                let block = image.block_size();
                if behind % block + self.size % block > block {
                    return Err(Errno::EUCLEAN);
                }
                Layout::Inline {
                    start: image.block_offset(union),
                    tail: behind,
                }
            }
            LAYOUT_CHUNKS => {
                if union & 0xffff & !(CHUNK_BITS_MASK | CHUNK_HAS_INDEX) != 0 {
                    return Err(Errno::EOPNOTSUPP);
                }
                let indexed = union & CHUNK_HAS_INDEX != 0;
                Layout::Chunks {
                    table: behind.next_multiple_of(if indexed { 8 } else { 4 }),
                    bits: u32::from(image.super_block.block_bits) + (union & CHUNK_BITS_MASK),
                    indexed,
                }
            }
            _ => return Err(Errno::EOPNOTSUPP),
        };
        Ok(())
    }

    /// Where the content from `position` on is, which is below the size; up to the end of a block at least.
    ///
    /// # Errors
    /// `EUCLEAN` for an address that can't be; `EIO` if a table is beyond the image's end.
    pub fn extent(&self, image: &Image, position: u64) -> Result<Extent> {
        let block = image.block_size();
        let left = self.size.checked_sub(position).ok_or(Errno::EUCLEAN)?;
        let (offset, length) = match self.layout {
            Layout::Plain { start } => (start.checked_add(position), left),
            Layout::Inline { start, tail } => {
                let in_blocks = self.size - self.size % block;
                if position < in_blocks {
                    (start.checked_add(position), in_blocks - position)
                } else {
                    (tail.checked_add(position - in_blocks), left)
                }
            }
            Layout::Chunks {
                table,
                bits,
                indexed,
            } => {
                let (chunk, within) = (position >> bits, position & ((1 << bits) - 1));
                let length = ((1 << bits) - within).min(left);
                let Some(start) = chunk_block(image, table, chunk, indexed)? else {
                    return Ok(Extent {
                        offset: None,
                        length,
                    });
                };
                (image.block_offset(start).checked_add(within), length)
            }
            Layout::Nowhere => return Err(Errno::EUCLEAN),
        };
        Ok(Extent {
            offset: Some(offset.ok_or(Errno::EUCLEAN)?),
            length: length.max(1),
        })
    }

    /// Reads content, all of which is below the size.
    ///
    /// # Errors
    /// As [`Self::extent`]; `EIO` beyond the image's end.
    pub fn read_content(&self, image: &Image, position: u64, bytes: &mut [u8]) -> Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            let extent = self.extent(image, position + done as u64)?;
            let length = usize::try_from(extent.length).unwrap_or(usize::MAX);
            let rest = bytes.get_mut(done..).unwrap_or(&mut []);
            let length = length.min(rest.len());
            let piece = rest.get_mut(..length).unwrap_or(&mut []);
            match extent.offset {
                Some(offset) => image.read(offset, piece)?,
                None => piece.fill(0),
            }
            done += length;
        }
        Ok(())
    }
}

/// The first block of a chunk; none for a hole.
fn chunk_block(image: &Image, table: u64, chunk: u64, indexed: bool) -> Result<Option<u32>> {
    let size = if indexed {
        size_of::<ChunkIndex>()
    } else {
        size_of::<U32>()
    };
    let offset = chunk
        .checked_mul(size as u64)
        .and_then(|offset| offset.checked_add(table))
        .ok_or(Errno::EUCLEAN)?;
    let block = if indexed {
        let index: ChunkIndex = image.structure(offset)?;
        if index.device.get() != 0 {
            // There are no further devices.
            return Err(Errno::EUCLEAN);
        }
        index.block.get()
    } else {
        image.structure::<U32>(offset)?.get()
    };
    Ok((block != NO_BLOCK).then_some(block))
}
