//! Inodes as they lie in the inode tables.

use super::time::{decode_time, encode_time};
use crate::vfs::DeviceNumber;
use crate::vfs::kind::FileKind;
use crate::{Errno, Result};
use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

/// Bytes that every inode has.
pub const OLD_SIZE: usize = 128;
/// Bytes beyond those that are understood here.
pub const EXTRA_SIZE: usize = 32;
/// Bytes of the place for block numbers, an extent tree's root, a short symbolic link or a device number.
pub const ROOT_SIZE: usize = 60;

/// Flags (`i_flags`).
pub const FLAG_INDEX: u32 = 0x1000;
pub const FLAG_HUGE_FILE: u32 = 0x4_0000;
pub const FLAG_EXTENTS: u32 = 0x8_0000;

/// What every inode has.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Old {
    pub mode: U16,
    pub owner_low: U16,
    pub size_low: U32,
    pub accessed: U32,
    pub changed: U32,
    pub modified: U32,
    /// When it was deleted; in the list of orphans, the next one.
    pub deleted: U32,
    pub group_low: U16,
    pub links: U16,
    pub blocks_low: U32,
    pub flags: U32,
    pub version: U32,
    pub root: [u8; ROOT_SIZE],
    pub generation: U32,
    pub attributes_low: U32,
    pub size_high: U32,
    pub fragment: U32,
    pub blocks_high: U16,
    pub attributes_high: U16,
    pub owner_high: U16,
    pub group_high: U16,
    pub checksum_low: U16,
    pub reserved: U16,
}

/// What follows in larger inodes, as far as `size` says.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Extra {
    pub size: U16,
    pub checksum_high: U16,
    pub changed: U32,
    pub modified: U32,
    pub accessed: U32,
    pub created: U32,
    pub created_extra: U32,
    pub version_high: U32,
    pub project: U32,
}

const _: () = assert!(size_of::<Old>() == OLD_SIZE && size_of::<Extra>() == EXTRA_SIZE);

/// The three times of an inode, nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    pub accessed: i64,
    pub modified: i64,
    pub changed: i64,
}

/// An inode taken out of its table.
#[derive(Clone, Copy, Debug)]
pub struct RawInode {
    pub old: Old,
    /// Zeros where the inode has less.
    pub extra: Extra,
}

/// How many of the extra bytes an inode of this size uses, as it says itself.
fn used_extra(bytes: &[u8]) -> usize {
    let Some(rest) = bytes.get(OLD_SIZE..) else {
        return 0;
    };
    let said = U16::read_from_prefix(rest).map_or(0, |(size, _)| usize::from(size.get()));
    // What is no multiple of four or too large makes no sense; Linux refuses the inode, as reading does here.
    said.min(rest.len())
}

impl RawInode {
    /// Takes an inode out of its bytes.
    ///
    /// # Errors
    /// `EUCLEAN` for an impossible size of the extra part.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let (old, rest) = Old::read_from_prefix(bytes).map_err(|_| Errno::EUCLEAN)?;
        let used = used_extra(bytes);
        if !used.is_multiple_of(4) {
            return Err(Errno::EUCLEAN);
        }
        let mut extra = [0; EXTRA_SIZE];
        let known = used.min(EXTRA_SIZE);
        if let (Some(target), Some(source)) = (extra.get_mut(..known), rest.get(..known)) {
            target.copy_from_slice(source);
        }
        Ok(Self {
            old,
            extra: Extra::read_from_bytes(&extra).map_err(|_| Errno::EUCLEAN)?,
        })
    }

    /// Puts an inode back into its bytes, as far as they go.
    pub fn write(&self, bytes: &mut [u8]) {
        let Some((old, rest)) = bytes.split_at_mut_checked(OLD_SIZE) else {
            return;
        };
        old.copy_from_slice(self.old.as_bytes());
        let known = usize::from(self.extra.size.get())
            .min(EXTRA_SIZE)
            .min(rest.len());
        if let (Some(target), Some(source)) =
            (rest.get_mut(..known), self.extra.as_bytes().get(..known))
        {
            target.copy_from_slice(source);
        }
    }

    /// An inode of zeros with so many extra bytes.
    pub fn empty(extra: u16) -> Self {
        let mut inode = Self {
            old: Old::new_zeroed(),
            extra: Extra::new_zeroed(),
        };
        inode.extra.size.set(extra);
        inode
    }

    pub fn kind(&self) -> Option<FileKind> {
        FileKind::from_mode(self.old.mode.get().into())
    }

    pub fn has(&self, flag: u32) -> bool {
        self.old.flags.get() & flag != 0
    }

    pub fn size(&self) -> u64 {
        u64::from(self.old.size_low.get()) | u64::from(self.old.size_high.get()) << 32
    }

    pub fn set_size(&mut self, size: u64) {
        self.old.size_low.set(size as u32);
        self.old.size_high.set((size >> 32) as u32);
    }

    pub fn owner(&self) -> u32 {
        u32::from(self.old.owner_low.get()) | u32::from(self.old.owner_high.get()) << 16
    }

    pub fn group(&self) -> u32 {
        u32::from(self.old.group_low.get()) | u32::from(self.old.group_high.get()) << 16
    }

    pub fn set_ownership(&mut self, owner: u32, group: u32) {
        self.old.owner_low.set(owner as u16);
        self.old.owner_high.set((owner >> 16) as u16);
        self.old.group_low.set(group as u16);
        self.old.group_high.set((group >> 16) as u16);
    }

    /// The block of its extended attributes, 0 for none.
    pub fn attribute_block(&self) -> u64 {
        u64::from(self.old.attributes_low.get()) | u64::from(self.old.attributes_high.get()) << 32
    }

    pub fn set_attribute_block(&mut self, block: u64) {
        self.old.attributes_low.set(block as u32);
        self.old.attributes_high.set((block >> 32) as u16);
    }

    /// Whether the extra part reaches to byte `end` of itself.
    fn has_extra(&self, end: u16) -> bool {
        self.extra.size.get() >= end
    }

    pub fn times(&self) -> Times {
        let (old, extra) = (&self.old, &self.extra);
        // What an inode doesn't have is zero: no nanoseconds, the first epoch.
        Times {
            accessed: decode_time(old.accessed, extra.accessed),
            modified: decode_time(old.modified, extra.modified),
            changed: decode_time(old.changed, extra.changed),
        }
    }

    pub fn set_times(&mut self, times: Times) {
        let extended = self.has_extra(16);
        (self.old.accessed, self.extra.accessed) = encode_time(times.accessed, extended);
        (self.old.modified, self.extra.modified) = encode_time(times.modified, extended);
        (self.old.changed, self.extra.changed) = encode_time(times.changed, extended);
    }

    /// Sets when it was made.
    pub fn set_created(&mut self, time: i64) {
        if self.has_extra(24) {
            (self.extra.created, self.extra.created_extra) = encode_time(time, true);
        }
    }

    /// The device of a device node: the old 16 bits, or the new 32.
    pub fn device(&self) -> DeviceNumber {
        let word = |index: usize| {
            let bytes = self.old.root.get(4 * index..).unwrap_or(&[]);
            U32::read_from_prefix(bytes).map_or(0, |(word, _)| word.get())
        };
        match word(0) {
            0 => DeviceNumber::decode(word(1)),
            old => DeviceNumber::new((old >> 8) & 0xff, old & 0xff),
        }
    }

    pub fn set_device(&mut self, device: DeviceNumber) {
        let (old, new) = if device.major < 256 && device.minor < 256 {
            (device.major << 8 | device.minor, 0)
        } else {
            (0, device.encode())
        };
        let words = [U32::new(old), U32::new(new)];
        if let Some(place) = self.old.root.get_mut(..8) {
            place.copy_from_slice(words.as_bytes());
        }
    }

    /// Units of 512 bytes that its blocks take.
    pub fn sectors(&self, block_size: usize) -> u64 {
        let count =
            u64::from(self.old.blocks_low.get()) | u64::from(self.old.blocks_high.get()) << 32;
        if self.has(FLAG_HUGE_FILE) {
            count.saturating_mul(block_size as u64 / 512)
        } else {
            count
        }
    }

    /// Counts blocks that it got (or lost).
    ///
    /// # Errors
    /// `EUCLEAN` for fewer than none; `EFBIG` for more than can be counted.
    pub fn add_blocks(&mut self, count: i64, block_size: usize) -> Result<()> {
        let unit = if self.has(FLAG_HUGE_FILE) {
            1
        } else {
            block_size as i64 / 512
        };
        let now =
            u64::from(self.old.blocks_low.get()) | u64::from(self.old.blocks_high.get()) << 32;
        let new = now
            .checked_add_signed(count.saturating_mul(unit))
            .ok_or(Errno::EUCLEAN)?;
        if new >> 48 != 0 {
            return Err(Errno::EFBIG);
        }
        self.old.blocks_low.set(new as u32);
        self.old.blocks_high.set((new >> 32) as u16);
        Ok(())
    }
}
