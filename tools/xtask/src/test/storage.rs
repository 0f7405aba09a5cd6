//! Disks and cards: what a guest writes is in the file when the machine is off, and there after the next boot.
use super::guest::succeed;
use super::step::Step;
use crate::run::machine::{Attachment, Machine};
use crate::workspace::{Board, TemporaryFolder, read_file, write_file};
use anyhow::{Result, ensure};
use std::ops::Range;

const MIB: usize = 1 << 20;
/// Bytes of the disk; the rest of what isn't a partition is zero.
const SIZE: usize = 16 * MIB;
/// The partitions: one with content, one for its copy.
const PARTITIONS: [Range<usize>; 2] = [MIB..5 * MIB, 5 * MIB..9 * MIB];

pub fn steps() -> Vec<Step> {
    let virtio = ["vda", "vda1", "vda2"];
    let card = ["mmcblk0", "mmcblk0p1", "mmcblk0p2"];
    [
        ("storage, virt", Some(Attachment::Virtio), virtio),
        ("storage on PCI, virt", Some(Attachment::VirtioPci), virtio),
        ("a card on PCI, virt", Some(Attachment::SdPci), card),
        ("storage, rpi4", None, card),
    ]
    .map(|(name, attachment, names)| Step::new(name.to_string(), move || check(attachment, names)))
    .into()
}

/// Without an attachment it is the Raspberry Pi's card.
fn check(attachment: Option<Attachment>, [disk, one, two]: [&str; 3]) -> Result<()> {
    let folder = TemporaryFolder::new("storage")?;
    let file = folder.path().join("disk");
    let before = image();
    write_file(&file, &before)?;
    let boot = |command: &str| {
        let machine = match attachment {
            Some(attachment) => {
                let mut machine = Machine::new(Board::Virt);
                machine.add_disk(&file, attachment)?;
                machine
            }
            None => {
                let mut machine = Machine::new(Board::Rpi4);
                machine.card = Some(file.clone());
                machine
            }
        };
        succeed(machine, command)
    };
    // Sizes, the end of the device, and a copy that is synced; nothing else would have written the last block.
    let output = boot(&format!(
        "set -e; cat /proc/partitions; blockdev --getsize64 /dev/{disk}; blockdev --getsize64 /dev/{one}
         dd if=/dev/{one} of=/dev/{two} bs=64k conv=fsync 2>&1
         printf end | dd of=/dev/{disk} bs=1 seek={} conv=fsync 2>&1
         if printf x | dd of=/dev/{disk} bs=1 seek={SIZE} 2>&1; then exit 1; fi
         cmp /dev/{one} /dev/{two}",
        SIZE - 3
    ))?;
    for expected in [
        format!("{} {disk}\n", SIZE / 1024),
        format!("{} {two}\n", PARTITIONS[1].len() / 1024),
        format!("{SIZE}\n{}\n", PARTITIONS[0].len()),
    ] {
        ensure!(
            output.contains(&expected),
            "{expected:?} is not in\n{output}"
        );
    }
    let mut expected = before;
    expected.copy_within(PARTITIONS[0].clone(), PARTITIONS[1].start);
    expected[SIZE - 3..].copy_from_slice(b"end");
    ensure!(
        read_file(&file)? == expected,
        "the file isn't what was written and synced"
    );
    boot(&format!(
        "set -e; cmp /dev/{one} /dev/{two}; test \"$(tail -c 3 /dev/{disk})\" = end"
    ))?;
    Ok(())
}

/// A disk with a partition table and content in the first partition.
fn image() -> Vec<u8> {
    let mut image = vec![0; SIZE];
    for (index, partition) in PARTITIONS.iter().enumerate() {
        let entry = &mut image[446 + 16 * index..][..16];
        let sectors = |bytes: usize| (bytes as u32 / 512).to_le_bytes();
        entry[4] = 0x83;
        entry[8..12].copy_from_slice(&sectors(partition.start));
        entry[12..].copy_from_slice(&sectors(partition.len()));
    }
    image[510..512].copy_from_slice(&[0x55, 0xaa]);
    let mut state = 1u32;
    for byte in &mut image[PARTITIONS[0].clone()] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = (state >> 24) as u8;
    }
    image
}
