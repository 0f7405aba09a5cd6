//! Partition tables. What a table says is never trusted: entries that make no sense are left out, and chains end.

mod gpt;
mod mbr;

use super::Volume;
use crate::log;
use crate::{Errno, Result};
use alloc::vec::Vec;

/// A partition, as its table describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// Its number, from 1 on.
    pub number: u32,
    /// Its first sector of 512 bytes.
    pub start: u64,
    /// How many there are, not 0.
    pub sectors: u64,
}

/// Most partitions of a disk.
const MAXIMUM: usize = 128;

/// What a table is read from; positions and lengths in bytes.
pub trait Medium {
    /// Bytes of a block as the table counts them.
    fn block_size(&self) -> u64;

    /// Its size in sectors of 512 bytes.
    fn sectors(&self) -> u64;

    /// Reads bytes.
    ///
    /// # Errors
    /// `EINVAL` beyond the end; `EIO`, `ENOMEM`.
    fn read(&self, position: u64, target: &mut [u8]) -> Result<()>;
}

impl Medium for Volume {
    fn block_size(&self) -> u64 {
        self.geometry().block_size.into()
    }

    fn sectors(&self) -> u64 {
        Volume::sectors(self)
    }

    fn read(&self, position: u64, target: &mut [u8]) -> Result<()> {
        self.read_bytes(position, target)
    }
}

/// The partitions of a disk; none if it has no table or can't be read, of which the log tells.
pub fn read(disk: &Volume) -> Vec<Partition> {
    parse(disk).unwrap_or_else(|error| {
        if error != Errno::EINVAL {
            log::warn!(
                "{}: the partition table can't be read: {error}",
                disk.name()
            );
        }
        Vec::new()
    })
}

/// The partitions of a medium: those of a GPT if the MBR says that there is one.
///
/// # Errors
/// `EINVAL` if there is no table; `EIO`, `ENOMEM`.
fn parse(medium: &dyn Medium) -> Result<Vec<Partition>> {
    match mbr::parse(medium)? {
        mbr::Table::Partitions(partitions) => Ok(partitions),
        mbr::Table::Protective => gpt::parse(medium),
    }
}

/// Adds a partition if it is within the medium.
///
/// # Errors
/// `ENOMEM`.
fn add(partitions: &mut Vec<Partition>, medium: &dyn Medium, found: Partition) -> Result<()> {
    use crate::heap::MakeRoom;
    let end = found.start.checked_add(found.sectors);
    let fits = end.is_some_and(|end| end <= medium.sectors());
    if found.sectors > 0 && fits && partitions.len() < MAXIMUM {
        partitions.make_room(1)?;
        partitions.push(found);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
