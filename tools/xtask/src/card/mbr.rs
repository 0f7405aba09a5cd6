//! The partition table in a card's first sector (a PC's master boot record, which the Raspberry Pi's boot loader reads).
use anyhow::{Context, Result, bail, ensure};
use std::ops::Range;

pub const SECTOR: u64 = 512;
/// Partition type: FAT32, addressed by sector numbers.
pub const FAT32: u8 = 0x0c;
/// Partition type: a Linux file system.
pub const LINUX: u8 = 0x83;

/// Where the table starts in the sector, after boot code that no Raspberry Pi runs.
const TABLE: usize = 446;
const ENTRY: usize = 16;
const ENTRIES: usize = 4;
/// Where the number of the disk stands, by which systems tell disks apart.
const DISK_NUMBER: Range<usize> = 440..444;
const SIGNATURE: Range<usize> = 510..512;
/// The place in cylinders, heads and sectors that says: use the sector numbers.
const NO_GEOMETRY: [u8; 3] = [0xfe, 0xff, 0xff];

/// A partition; its place is in bytes from the start of the card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub kind: u8,
    pub place: Range<u64>,
}

/// The first sector of a card with up to four partitions, which begin and end between sectors.
pub fn write(disk_number: u32, partitions: &[Partition]) -> Result<[u8; SECTOR as usize]> {
    ensure!(
        partitions.len() <= ENTRIES,
        "more than {ENTRIES} partitions"
    );
    let mut sector = [0; SECTOR as usize];
    sector[DISK_NUMBER].copy_from_slice(&disk_number.to_le_bytes());
    sector[SIGNATURE].copy_from_slice(&[0x55, 0xaa]);
    for (partition, entry) in partitions.iter().zip(sector[TABLE..].chunks_mut(ENTRY)) {
        entry[1..4].copy_from_slice(&NO_GEOMETRY);
        entry[4] = partition.kind;
        entry[5..8].copy_from_slice(&NO_GEOMETRY);
        let length = partition.place.end - partition.place.start;
        for (field, bytes) in [(8, partition.place.start), (12, length)] {
            ensure!(
                bytes.is_multiple_of(SECTOR),
                "a partition does not begin or end between sectors"
            );
            let sectors = u32::try_from(bytes / SECTOR)
                .context("a partition table of this kind ends at 2 TiB")?;
            entry[field..field + 4].copy_from_slice(&sectors.to_le_bytes());
        }
    }
    Ok(sector)
}

/// The partitions of a card of `size` bytes, by its first sector.
pub fn read(sector: &[u8; SECTOR as usize], size: u64) -> Result<Vec<Partition>> {
    if sector[SIGNATURE] != [0x55, 0xaa] {
        bail!("it has no partition table");
    }
    let number = |entry: &[u8], at: usize| {
        u64::from(u32::from_le_bytes([
            entry[at],
            entry[at + 1],
            entry[at + 2],
            entry[at + 3],
        ]))
    };
    let mut partitions = Vec::new();
    for entry in sector[TABLE..].chunks_exact(ENTRY).take(ENTRIES) {
        let (kind, start, length) = (entry[4], number(entry, 8), number(entry, 12));
        if kind == 0 || length == 0 {
            continue;
        }
        let place = start * SECTOR..(start + length) * SECTOR;
        ensure!(
            place.end <= size,
            "its partition {} reaches beyond its end",
            partitions.len() + 1
        );
        partitions.push(Partition { kind, place });
    }
    Ok(partitions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_wrote() {
        let partitions = [
            Partition {
                kind: FAT32,
                place: 4 << 20..68 << 20,
            },
            Partition {
                kind: LINUX,
                place: 68 << 20..256 << 20,
            },
        ];
        let sector = write(0x1234_5678, &partitions).unwrap();
        assert_eq!(read(&sector, 256 << 20).unwrap(), partitions);
        assert_eq!(
            sector[440..446],
            [0x78, 0x56, 0x34, 0x12, 0, 0],
            "the disk's number, and no copy protection"
        );
        assert_eq!(
            sector[446..462],
            [
                0, 0xfe, 0xff, 0xff, 0x0c, 0xfe, 0xff, 0xff, 0, 0x20, 0, 0, 0, 0, 2, 0
            ]
        );
    }

    #[test]
    fn refuses_what_is_no_table() {
        assert!(read(&[0; 512], 1 << 30).is_err());
        let partition = Partition {
            kind: FAT32,
            place: 4 << 20..68 << 20,
        };
        let sector = write(1, &[partition]).unwrap();
        assert!(read(&sector, 32 << 20).is_err(), "cut off");
    }

    #[test]
    fn refuses_what_a_table_cannot_say() {
        let entry = |place| Partition { kind: LINUX, place };
        assert!(write(1, &[entry(0..3 << 40)]).is_err());
        assert!(write(1, &[entry(100..1024)]).is_err());
        assert!(write(1, &[0; 5].map(|_| entry(512..1024))).is_err());
    }
}
