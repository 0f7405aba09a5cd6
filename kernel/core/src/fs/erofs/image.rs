//! The image: bytes and pages of the file that a file system is in, and what its super block says.
//!
//! Nothing in it is trusted, and whoever may write the file may change it at any time: every number is checked where
//! it is used.

use super::format::{self, SUPER_BLOCK_OFFSET, SuperBlock};
use crate::heap::MakeRoom;
use crate::vfs::file::File;
use crate::vfs::page_cache::{PAGE_SIZE, PageCache};
use crate::vfs::transfer::Destination;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::frame::Frame;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

/// An image and the numbers that reading it takes.
pub struct Image {
    pages: Arc<PageCache>,
    /// Keeps the file system that the image is in.
    _file: Arc<File>,
    /// What its super block said when it was mounted.
    pub super_block: SuperBlock,
}

impl Image {
    /// The image in an open file.
    ///
    /// # Errors
    /// `EINVAL` for a file that isn't regular or has no such file system in it, or one with features that are not
    /// here; `EBADMSG` for a wrong checksum; `EIO` for a file that is too short.
    pub fn open(file: Arc<File>) -> Result<Self> {
        let inode = file.inode().ok_or(Errno::EINVAL)?;
        let pages = inode.page_cache().ok_or(Errno::EINVAL)?.clone();
        let mut super_block = SuperBlock::new_zeroed();
        read(&pages, SUPER_BLOCK_OFFSET, super_block.as_mut_bytes())?;
        let image = Self {
            pages,
            _file: file,
            super_block,
        };
        image.check()?;
        Ok(image)
    }

    fn check(&self) -> Result<()> {
        let found = &self.super_block;
        if found.magic.get() != format::MAGIC
            || !(9..=12).contains(&found.block_bits)
            || found.directory_block_bits != 0
            || found.incompatible_features.get() & !format::KNOWN_FEATURES != 0
        {
            return Err(Errno::EINVAL);
        }
        if found.compatible_features.get() & format::HAS_CHECKSUM == 0 {
            return Ok(());
        }
        let block = self.block_size();
        let length = if block > SUPER_BLOCK_OFFSET {
            block - SUPER_BLOCK_OFFSET
        } else {
            block
        };
        let bytes = self.bytes(SUPER_BLOCK_OFFSET, length as usize)?;
        let summed = bytes
            .iter()
            .enumerate()
            .map(|(index, &byte)| if (4..8).contains(&index) { 0 } else { byte });
        if format::checksum(summed) != found.checksum.get() {
            return Err(Errno::EBADMSG);
        }
        Ok(())
    }

    /// Bytes of a block: 512 to 4096.
    pub fn block_size(&self) -> u64 {
        1 << self.super_block.block_bits.min(12)
    }

    /// Bytes of the whole image.
    pub fn size(&self) -> u64 {
        self.pages.size()
    }

    /// Where a block begins.
    pub fn block_offset(&self, block: u32) -> u64 {
        u64::from(block) * self.block_size()
    }

    /// Reads bytes.
    ///
    /// # Errors
    /// `EIO` beyond the image's end.
    pub fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<()> {
        read(&self.pages, offset, bytes)
    }

    /// Reads a structure.
    ///
    /// # Errors
    /// `EIO` beyond the image's end.
    pub fn structure<T: FromBytes + IntoBytes>(&self, offset: u64) -> Result<T> {
        let mut value = T::new_zeroed();
        self.read(offset, value.as_mut_bytes())?;
        Ok(value)
    }

    /// Copies bytes out.
    ///
    /// # Errors
    /// `EIO` beyond the image's end; `ENOMEM`.
    pub fn bytes(&self, offset: u64, length: usize) -> Result<Vec<u8>> {
        if length as u64 > self.size() {
            return Err(Errno::EIO);
        }
        let mut bytes = Vec::new();
        bytes.make_room_exact(length)?;
        bytes.resize(length, 0);
        self.read(offset, &mut bytes)?;
        Ok(bytes)
    }

    /// The image's own page at an offset that is a multiple of the page size, if the whole of it is in the image.
    ///
    /// # Errors
    /// `EIO` if it isn't; `ENOMEM`.
    pub fn page(&self, offset: u64) -> Result<Frame> {
        let end = offset.checked_add(PAGE_SIZE as u64).ok_or(Errno::EIO)?;
        if end > self.size() {
            return Err(Errno::EIO);
        }
        self.pages.obtain(offset / PAGE_SIZE as u64)
    }
}

fn read(pages: &PageCache, offset: u64, bytes: &mut [u8]) -> Result<()> {
    let length = bytes.len();
    if pages.read(&mut Destination::kernel(bytes), offset)? == length {
        Ok(())
    } else {
        Err(Errno::EIO)
    }
}
