//! The GUID partition table (UEFI specification 2.10, chapter 5.3).

use super::{Medium, Partition, add};
use crate::heap::MakeRoom;
use crate::{Errno, Result};
use alloc::vec::Vec;

const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Bytes of the header that have a meaning (table 5.5).
const HEADER: usize = 92;
/// Bytes of an entry that are looked at.
const ENTRY: usize = 128;
/// Largest entry, and largest number of them, that is believed.
const MAXIMUM_ENTRY: u32 = 4096;
const MAXIMUM_ENTRIES: u32 = 1024;

/// Reads the table behind the first block or, if that is damaged, its copy in the last one.
///
/// # Errors
/// `EINVAL` if both are damaged; `EIO`, `ENOMEM`.
pub fn parse(medium: &dyn Medium) -> Result<Vec<Partition>> {
    let block = medium.block_size();
    let blocks = medium.sectors() * super::super::SECTOR / block;
    table(medium, 1).or_else(|error| match error {
        Errno::ENOMEM => Err(error),
        _ => table(medium, blocks.checked_sub(1).ok_or(Errno::EINVAL)?),
    })
}

fn word(bytes: &[u8], at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>);
    bytes.map_or(0, |&bytes| u32::from_le_bytes(bytes))
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from(word(bytes, at)) | u64::from(word(bytes, at + 4)) << 32
}

/// Reads the table whose header is in a block, if its checksums hold.
fn table(medium: &dyn Medium, at: u64) -> Result<Vec<Partition>> {
    let block = medium.block_size();
    let mut header = [0; HEADER];
    medium.read(at.checked_mul(block).ok_or(Errno::EINVAL)?, &mut header)?;
    let (size, sum) = (word(&header, 12), word(&header, 16));
    if !header.starts_with(SIGNATURE) || size as usize != HEADER || long(&header, 24) != at {
        return Err(Errno::EINVAL);
    }
    if let Some(field) = header.get_mut(16..20) {
        field.fill(0);
    }
    let (count, entry) = (word(&header, 80), word(&header, 84));
    let sensible = count <= MAXIMUM_ENTRIES && entry >= ENTRY as u32 && entry <= MAXIMUM_ENTRY;
    if checksum(&header) != sum || !sensible {
        return Err(Errno::EINVAL);
    }
    let mut entries = Vec::new();
    let length = count as usize * entry as usize;
    entries.make_room_exact(length)?;
    entries.resize(length, 0);
    let start = long(&header, 72).checked_mul(block).ok_or(Errno::EINVAL)?;
    medium.read(start, &mut entries)?;
    if checksum(&entries) != word(&header, 88) {
        return Err(Errno::EINVAL);
    }
    let scale = block / super::super::SECTOR;
    let mut partitions = Vec::new();
    for (number, entry) in (1..).zip(entries.chunks_exact(entry as usize)) {
        let (first, last) = (long(entry, 32), long(entry, 40));
        let unused = entry.iter().take(16).all(|&byte| byte == 0);
        let blocks = last
            .checked_sub(first)
            .and_then(|blocks| blocks.checked_add(1));
        let (Some(start), Some(sectors)) = (
            first.checked_mul(scale),
            blocks.and_then(|blocks| blocks.checked_mul(scale)),
        ) else {
            continue;
        };
        if !unused {
            let found = Partition {
                number,
                start,
                sectors,
            };
            add(&mut partitions, medium, found)?;
        }
    }
    Ok(partitions)
}

/// The CRC-32 of the table's parts (ISO 3309, as UEFI asks for).
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, &byte| {
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ if sum & 1 != 0 { 0xedb8_8320 } else { 0 }
        })
    })
}
