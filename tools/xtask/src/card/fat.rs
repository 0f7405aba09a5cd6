//! The card's boot partition: a FAT32 volume, made and read in memory.
use super::mbr::SECTOR;
use super::time::FixedTime;
use anyhow::{Context, Result, ensure};
use fatfs::{FatType, FileSystem, FormatVolumeOptions, FsOptions};
use std::io::{Cursor, Read, Write};

/// A file in a volume's top folder.
pub struct File {
    pub name: String,
    pub content: Vec<u8>,
}

impl File {
    pub fn new(name: &str, content: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_string(),
            content: content.into(),
        }
    }
}

/// Where a boot sector says how many sectors precede the volume, and where its copy is (Microsoft's FAT specification,
/// BPB_HiddSec and BPB_BkBootSec).
const HIDDEN_SECTORS: usize = 0x1c;
const BACKUP_SECTOR: usize = 6;
/// Fewer clusters are no FAT32 by the specification.
const FEWEST_CLUSTERS: u32 = 65_525;

/// The bytes of a FAT32 volume of `size` bytes, to be put `start` bytes into a card.
pub fn make(
    size: u64,
    start: u64,
    volume_id: u32,
    label: &[u8; 11],
    time: u64,
    files: &[File],
) -> Result<Vec<u8>> {
    let size = usize::try_from(size).context("a boot partition that is larger than memory")?;
    let mut volume = Cursor::new(vec![0; size]);
    let options = FormatVolumeOptions::new()
        .fat_type(FatType::Fat32)
        .volume_id(volume_id)
        .volume_label(*label);
    fatfs::format_volume(&mut volume, options).context("cannot make a FAT32 file system")?;
    // The crate wants a clock that lives as long as the program; it is a few bytes.
    let clock: &'static FixedTime = Box::leak(Box::new(FixedTime::at(time)));
    let system = FileSystem::new(&mut volume, FsOptions::new().time_provider(clock))
        .context("cannot open the new FAT32 file system")?;
    for file in files {
        write(&system, file).with_context(|| format!("cannot write {} to the card", file.name))?;
    }
    // Counts the free clusters, which are written down when the volume is closed.
    let clusters = system.stats().context("cannot count free clusters")?;
    ensure!(
        clusters.total_clusters() >= FEWEST_CLUSTERS,
        "the boot partition is too small to be FAT32"
    );
    system
        .unmount()
        .context("cannot close the new FAT32 file system")?;
    let mut bytes = volume.into_inner();
    let hidden = u32::try_from(start / SECTOR).context("a boot partition beyond 2 TiB")?;
    for sector in [0, BACKUP_SECTOR] {
        let at = sector * SECTOR as usize + HIDDEN_SECTORS;
        bytes[at..at + 4].copy_from_slice(&hidden.to_le_bytes());
    }
    Ok(bytes)
}

fn write(system: &FileSystem<&mut Cursor<Vec<u8>>>, file: &File) -> std::io::Result<()> {
    let mut target = system.root_dir().create_file(&file.name)?;
    target.truncate()?;
    target.write_all(&file.content)?;
    target.flush()
}

/// A volume that is read.
pub struct Volume(FileSystem<Cursor<Vec<u8>>>);

impl Volume {
    /// Opens the volume that `bytes` are.
    pub fn open(bytes: Vec<u8>) -> Result<Self> {
        let system = FileSystem::new(Cursor::new(bytes), FsOptions::new());
        Ok(Self(
            system.context("its first partition holds no FAT file system")?,
        ))
    }

    /// The content of a file, whose path is written as in config.txt.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        self.0
            .root_dir()
            .open_file(path.trim_start_matches('/'))
            .and_then(|mut file| file.read_to_end(&mut content))
            .with_context(|| format!("cannot read {path} on it"))?;
        Ok(content)
    }

    /// The names in the top folder.
    #[cfg(test)]
    pub fn names(&self) -> Vec<String> {
        let entries = self.0.root_dir().iter();
        entries.map(|entry| entry.unwrap().file_name()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 64 << 20;

    fn sample() -> Vec<u8> {
        let files = [
            File::new("start4.elf", vec![7; 1 << 20]),
            File::new("bcm2711-rpi-4-b.dtb", "a device tree"),
            File::new("empty", ""),
        ];
        make(
            SIZE,
            4 << 20,
            0x1234_abcd,
            b"GANTRY     ",
            1_735_689_600,
            &files,
        )
        .unwrap()
    }

    #[test]
    fn keeps_names_and_contents() {
        let bytes = sample();
        assert_eq!(bytes.len() as u64, SIZE);
        let volume = Volume::open(bytes).unwrap();
        assert_eq!(
            volume.names(),
            ["start4.elf", "bcm2711-rpi-4-b.dtb", "empty"]
        );
        assert_eq!(volume.read("start4.elf").unwrap(), vec![7; 1 << 20]);
        assert_eq!(
            volume.read("/bcm2711-rpi-4-b.dtb").unwrap(),
            b"a device tree"
        );
        assert!(volume.read("empty").unwrap().is_empty());
        assert!(volume.read("missing").is_err());
    }

    #[test]
    fn is_the_same_every_time() {
        assert!(sample() == sample());
    }

    #[test]
    fn says_where_on_the_card_it_is() {
        let bytes = sample();
        for sector in [0, 6 * 512] {
            assert_eq!(bytes[sector + 0x1c..sector + 0x20], 8192u32.to_le_bytes());
        }
    }

    #[test]
    fn refuses_what_is_too_small() {
        let make = |size| make(size, 0, 1, b"X          ", 1_735_689_600, &[]);
        assert!(make(16 << 20).is_err());
        let file = [File::new("large", vec![1; 65 << 20])];
        assert!(super::make(SIZE, 0, 1, b"X          ", 1_735_689_600, &file).is_err());
    }

    #[test]
    fn refuses_what_is_no_volume() {
        assert!(Volume::open(vec![0; 1 << 20]).is_err());
        assert!(Volume::open(Vec::new()).is_err());
    }
}
