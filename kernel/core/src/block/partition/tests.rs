//! Tables as tools write them, and damaged ones.

use super::{Medium, Partition, gpt, parse};
use crate::{Errno, Result};
use alloc::vec;
use alloc::vec::Vec;

struct Bytes {
    content: Vec<u8>,
    block: u64,
}

impl Medium for Bytes {
    fn block_size(&self) -> u64 {
        self.block
    }

    fn sectors(&self) -> u64 {
        self.content.len() as u64 / 512
    }

    fn read(&self, position: u64, target: &mut [u8]) -> Result<()> {
        let end = position.checked_add(target.len() as u64);
        let end = end.filter(|&end| end <= self.content.len() as u64);
        let range = position as usize..end.ok_or(Errno::EINVAL)? as usize;
        target.copy_from_slice(&self.content[range]);
        Ok(())
    }
}

fn entry(medium: &mut Bytes, block: u64, index: usize, kind: u8, start: u32, blocks: u32) {
    let sector = (block * medium.block) as usize;
    let at = sector + 446 + 16 * index;
    medium.content[at + 4] = kind;
    medium.content[at + 8..at + 12].copy_from_slice(&start.to_le_bytes());
    medium.content[at + 12..at + 16].copy_from_slice(&blocks.to_le_bytes());
    medium.content[sector + 510..sector + 512].copy_from_slice(&[0x55, 0xaa]);
}

fn medium(block: u64) -> Bytes {
    Bytes {
        content: vec![0; 1000 * 512],
        block,
    }
}

fn partition(number: u32, start: u64, sectors: u64) -> Partition {
    Partition {
        number,
        start,
        sectors,
    }
}

/// Two primary partitions, one beyond the end, and an extended one with two more.
fn with_chain() -> Bytes {
    let mut disk = medium(512);
    entry(&mut disk, 0, 0, 0x0c, 8, 100);
    entry(&mut disk, 0, 1, 0x83, 900, 101);
    entry(&mut disk, 0, 2, 0x05, 200, 600);
    entry(&mut disk, 0, 3, 0x83, 120, 10);
    entry(&mut disk, 200, 0, 0x83, 2, 50);
    entry(&mut disk, 200, 1, 0x05, 100, 60);
    entry(&mut disk, 300, 0, 0x83, 3, 40);
    disk
}

#[test]
fn primary_and_logical_partitions() {
    let expected = [
        partition(1, 8, 100),
        partition(4, 120, 10),
        partition(5, 202, 50),
        partition(6, 303, 40),
    ];
    assert_eq!(parse(&with_chain()), Ok(expected.to_vec()));
}

#[test]
fn blocks_of_4096_bytes_count_as_such() {
    let mut disk = medium(4096);
    entry(&mut disk, 0, 0, 0x83, 2, 5);
    assert_eq!(parse(&disk), Ok(vec![partition(1, 16, 40)]));
}

#[test]
fn a_chain_that_is_a_ring_ends() {
    let mut disk = with_chain();
    entry(&mut disk, 300, 1, 0x05, 100, 60);
    assert_eq!(parse(&disk).map(|found| found.len()), Ok(2 + 1 + 99));
}

#[test]
fn what_has_no_table_has_no_partitions() {
    assert_eq!(parse(&medium(512)), Err(Errno::EINVAL));
    // A FAT's boot sector: the same signature, but code where the table would be.
    let mut disk = medium(512);
    disk.content[446..512].fill(0x41);
    disk.content[510..512].copy_from_slice(&[0x55, 0xaa]);
    assert_eq!(parse(&disk), Err(Errno::EINVAL));
}

/// A GPT with partitions 1 and 3, and its copy at the end.
fn with_gpt() -> Bytes {
    let mut disk = medium(512);
    entry(&mut disk, 0, 0, 0xee, 1, 999);
    let mut entries = vec![0; 4 * 128];
    for (index, first, last) in [(0, 34u64, 133u64), (2, 200, 299)] {
        let entry = &mut entries[index * 128..][..128];
        entry[..16].fill(7);
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&last.to_le_bytes());
    }
    for (own, table) in [(1u64, 2u64), (999, 990)] {
        let mut header = vec![0; 92];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92u32.to_le_bytes());
        header[24..32].copy_from_slice(&own.to_le_bytes());
        header[72..80].copy_from_slice(&table.to_le_bytes());
        header[80..84].copy_from_slice(&4u32.to_le_bytes());
        header[84..88].copy_from_slice(&128u32.to_le_bytes());
        header[88..92].copy_from_slice(&gpt::checksum(&entries).to_le_bytes());
        let sum = gpt::checksum(&header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        disk.content[own as usize * 512..][..92].copy_from_slice(&header);
        disk.content[table as usize * 512..][..512].copy_from_slice(&entries);
    }
    disk
}

#[test]
fn the_second_table_helps_when_the_first_is_damaged() {
    let expected = [partition(1, 34, 100), partition(3, 200, 100)];
    let mut disk = with_gpt();
    assert_eq!(parse(&disk), Ok(expected.to_vec()));
    disk.content[2 * 512 + 33] ^= 1;
    assert_eq!(parse(&disk), Ok(expected.to_vec()));
    disk.content[999 * 512 + 20] ^= 1;
    assert_eq!(parse(&disk), Err(Errno::EINVAL));
}

#[test]
fn the_checksum_is_crc_32() {
    assert_eq!(gpt::checksum(b"123456789"), 0xcbf4_3926);
}

/// Whatever a table says, what is found is within the disk, and nothing panics.
#[test]
fn damaged_tables_do_no_harm() {
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    let tables = [0usize, 512, 1024, 200 * 512, 300 * 512, 999 * 512];
    let mut disks = [with_chain(), with_gpt()];
    for round in 0..20_000 {
        let disk = &mut disks[round % 2];
        let mut undo = Vec::new();
        for _ in 0..next() % 8 + 1 {
            let at = tables[next() as usize % tables.len()] + next() as usize % 512;
            undo.push((at, disk.content[at]));
            disk.content[at] = match next() % 3 {
                0 => 0xff,
                1 => next() as u8,
                _ => disk.content[at] ^ 1 << (next() % 8),
            };
        }
        for found in parse(disk).unwrap_or_default() {
            assert!(found.sectors > 0 && found.start + found.sectors <= 1000);
        }
        for (at, byte) in undo.into_iter().rev() {
            disk.content[at] = byte;
        }
    }
}
