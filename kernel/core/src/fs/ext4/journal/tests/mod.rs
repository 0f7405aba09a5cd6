//! The journal on a simulated disk.

mod commit;
mod interoperation;
mod power;
mod replay;
mod threads;

use super::format::{self, MAGIC, SUPER_BLOCK_2, SuperBlock};
use super::{Handle, Journal};
use crate::block::simulated::SimulatedDisk;
use crate::{Errno, Result};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::ops::Range;
use zerocopy::{FromZeros, IntoBytes};

/// Bytes of a block.
const BLOCK: usize = 1024;
/// Blocks of the volume.
const BLOCKS: u64 = 4096;
/// The journal is in two pieces.
const PLACE: [Range<u64>; 2] = [100..500, 1000..1200];
/// Where the tests write.
const HOME: u64 = 2000;

/// A volume with an empty journal of these features.
fn image(features: u32) -> Vec<u8> {
    let mut medium = vec![0; BLOCKS as usize * BLOCK];
    let mut super_block = SuperBlock::new_zeroed();
    super_block.header = format::Header::new(SUPER_BLOCK_2, 0);
    super_block.block_size = (BLOCK as u32).into();
    super_block.length = (PLACE
        .iter()
        .map(|range| range.end - range.start)
        .sum::<u64>() as u32)
        .into();
    super_block.first = 1.into();
    super_block.sequence = 7.into();
    super_block.incompatible = features.into();
    super_block.uuid = *b"0123456789abcdef";
    super_block.checksum_type = format::CRC32C;
    super_block.checksum = super_block.sum().into();
    let start = PLACE[0].start as usize * BLOCK;
    medium[start..start + BLOCK].copy_from_slice(super_block.as_bytes());
    medium
}

fn open(disk: &Arc<SimulatedDisk>) -> Result<Arc<Journal>> {
    Journal::open(disk.volume(), BLOCK, PLACE.to_vec(), false)
}

/// All sets of features.
fn feature_sets() -> impl Iterator<Item = u32> {
    let sums = [0, format::CHECKSUM_2, format::CHECKSUM_3];
    sums.into_iter()
        .flat_map(|sums| [0, format::WIDE].map(|wide| sums | wide))
}

/// Makes every byte of a block this one.
fn fill(journal: &Journal, handle: &Handle<'_>, number: u64, byte: u8) -> Result<()> {
    let block = journal.block(number)?;
    handle.modify(&block, |bytes| bytes.fill(byte))
}

/// The same in a transaction that is committed.
fn fill_and_commit(journal: &Journal, number: u64, byte: u8) -> Result<()> {
    fill(journal, &journal.begin(1)?, number, byte)?;
    journal.commit()
}

/// The first byte of a block on a medium.
fn byte(medium: &[u8], number: u64) -> u8 {
    medium[number as usize * BLOCK]
}

/// What is there after a loss of power and a replay, of what was flushed.
fn replayed(disk: &SimulatedDisk) -> Vec<u8> {
    let disk = SimulatedDisk::new(disk.after_power_loss(|| false));
    open(&disk).unwrap();
    disk.after_power_loss(|| false)
}

#[test]
fn a_super_block_with_a_wrong_sum_is_refused() {
    open(&SimulatedDisk::new(image(format::CHECKSUM_3))).unwrap();
    let mut damaged = image(format::CHECKSUM_3);
    damaged[PLACE[0].start as usize * BLOCK + 0xfc] ^= 1;
    let error = open(&SimulatedDisk::new(damaged)).err();
    assert_eq!(error, Some(Errno::EUCLEAN));
}
