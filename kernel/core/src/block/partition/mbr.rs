//! The PC's partition table: four entries in the first sector; an extended partition holds a chain of further tables, each
//! with a partition and the place of the next table.

use super::{Medium, Partition, add};
use crate::{Errno, Result};
use alloc::vec::Vec;

/// Where the entries are, of 16 bytes each.
const ENTRIES: usize = 446;
const ENTRY: usize = 16;
/// Type of the entry that covers a disk with a GPT (UEFI 2.10, table 5.4).
const PROTECTIVE: u8 = 0xee;
/// Types of partitions that hold further ones: extended, the same with LBA, Linux's.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];
/// Number of the first partition of the chain.
const FIRST_LOGICAL: u32 = 5;
/// How many tables are followed: a chain may be a ring. Linux gives up after 100.
const MAXIMUM_TABLES: u32 = 100;

/// What the first sector says.
pub enum Table {
    Partitions(Vec<Partition>),
    /// There is a GPT.
    Protective,
}

#[derive(Clone, Copy)]
struct Entry {
    kind: u8,
    /// First block, counted from where the table says.
    start: u64,
    blocks: u64,
}

/// Reads the entries of the table at a block.
fn entries(medium: &dyn Medium, block: u64) -> Result<[Entry; 4]> {
    let position = block
        .checked_mul(medium.block_size())
        .ok_or(Errno::EINVAL)?;
    let mut sector = [0; 512];
    medium.read(position, &mut sector)?;
    if !sector.ends_with(&[0x55, 0xaa]) {
        return Err(Errno::EINVAL);
    }
    let (table, _) = sector
        .get(ENTRIES..)
        .and_then(|bytes| bytes.split_first_chunk::<{ 4 * ENTRY }>())
        .ok_or(Errno::EINVAL)?;
    let word = |at: usize| {
        let bytes = table.get(at..).and_then(<[u8]>::first_chunk::<4>);
        bytes.map_or(0, |&bytes| u64::from(u32::from_le_bytes(bytes)))
    };
    Ok(core::array::from_fn(|index| Entry {
        kind: table.get(index * ENTRY + 4).copied().unwrap_or(0),
        start: word(index * ENTRY + 8),
        blocks: word(index * ENTRY + 12),
    }))
}

/// Whether the first byte of each entry is what it can be: a file system's boot sector has the same signature.
fn is_table(medium: &dyn Medium) -> Result<bool> {
    let mut bytes = [0; 4 * ENTRY];
    medium.read(ENTRIES as u64, &mut bytes)?;
    Ok(bytes
        .chunks_exact(ENTRY)
        .all(|entry| matches!(entry.first(), Some(0 | 0x80))))
}

/// Reads the table.
///
/// # Errors
/// `EINVAL` if there is none; `EIO`, `ENOMEM`.
pub fn parse(medium: &dyn Medium) -> Result<Table> {
    let primary = entries(medium, 0)?;
    if !is_table(medium)? {
        return Err(Errno::EINVAL);
    }
    if primary.iter().any(|entry| entry.kind == PROTECTIVE) {
        return Ok(Table::Protective);
    }
    let scale = medium.block_size() / super::super::SECTOR;
    let mut partitions = Vec::new();
    for (number, entry) in (1..).zip(primary) {
        if entry.kind == 0 || EXTENDED.contains(&entry.kind) {
            continue;
        }
        let found = Partition {
            number,
            start: entry.start * scale,
            sectors: entry.blocks * scale,
        };
        add(&mut partitions, medium, found)?;
    }
    let extended = primary.iter().find(|entry| EXTENDED.contains(&entry.kind));
    if let Some(extended) = extended {
        chain(medium, extended.start, scale, &mut partitions)?;
    }
    Ok(Table::Partitions(partitions))
}

/// Follows the tables of an extended partition that begins at block `first`. A table that can't be read ends them.
fn chain(
    medium: &dyn Medium,
    first: u64,
    scale: u64,
    partitions: &mut Vec<Partition>,
) -> Result<()> {
    let mut table = first;
    let mut number = FIRST_LOGICAL;
    for _ in 0..MAXIMUM_TABLES {
        let Ok([logical, link, ..]) = entries(medium, table) else {
            break;
        };
        if logical.kind != 0 && logical.blocks != 0 && !EXTENDED.contains(&logical.kind) {
            let found = Partition {
                number,
                start: (table + logical.start) * scale,
                sectors: logical.blocks * scale,
            };
            add(partitions, medium, found)?;
            number += 1;
        }
        if !EXTENDED.contains(&link.kind) || link.start == 0 {
            break;
        }
        table = first + link.start;
    }
    Ok(())
}
