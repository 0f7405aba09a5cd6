//! Starting from a card without its firmware: the files that it would load.
use super::fat::Volume;
use super::mbr::{self, Partition, SECTOR};
use super::settings::Settings;
use anyhow::{Context, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// What the Raspberry Pi's firmware would start the board with.
pub struct BootFiles {
    pub kernel: Vec<u8>,
    pub initramfs: Option<Vec<u8>>,
    pub device_tree: Vec<u8>,
    pub command_line: String,
}

/// Reads a card's boot files out of its first partition, as its config.txt says.
pub fn read(card: &Path) -> Result<BootFiles> {
    read_from(card).with_context(|| format!("cannot start from {}", card.display()))
}

/// The partitions of a card, as its first sector says.
pub fn partitions(card: &mut File) -> Result<Vec<Partition>> {
    let size = card.seek(SeekFrom::End(0))?;
    let mut sector = [0; SECTOR as usize];
    card.seek(SeekFrom::Start(0))?;
    card.read_exact(&mut sector)
        .context("it has no partition table")?;
    mbr::read(&sector, size)
}

fn read_from(card: &Path) -> Result<BootFiles> {
    let mut file = File::open(card)?;
    let partitions = partitions(&mut file)?;
    let first = partitions.first().context("it has no partitions")?;
    let length = usize::try_from(first.place.end - first.place.start)?;
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(length)
        .context("its first partition is larger than memory")?;
    file.seek(SeekFrom::Start(first.place.start))?;
    file.take(length as u64).read_to_end(&mut bytes)?;
    let volume = Volume::open(bytes)?;

    let config = volume.read("config.txt")?;
    let settings = Settings::parse(&String::from_utf8_lossy(&config));
    let initramfs = settings.initramfs.map(|name| volume.read(&name));
    let command_line = volume.read(&settings.command_line)?;
    Ok(BootFiles {
        kernel: volume.read(&settings.kernel)?,
        initramfs: initramfs.transpose()?,
        device_tree: volume.read(&settings.device_tree)?,
        // The firmware takes the first line.
        command_line: String::from_utf8_lossy(&command_line)
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
            .to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::fat;
    use super::super::settings;
    use super::*;
    use crate::workspace::{TemporaryFolder, write_file};

    const START: u64 = 1 << 20;
    const SIZE: u64 = 40 << 20;

    /// A card whose first partition holds `files`, in a folder that it goes with.
    fn card(files: &[fat::File]) -> (TemporaryFolder, std::path::PathBuf) {
        let partition = Partition {
            kind: mbr::FAT32,
            place: START..START + SIZE,
        };
        let mut bytes = mbr::write(1, &[partition]).unwrap().to_vec();
        bytes.resize(START as usize, 0);
        bytes.extend(fat::make(SIZE, START, 1, b"X          ", 1_735_689_600, files).unwrap());
        let folder = TemporaryFolder::new("boot").unwrap();
        let path = folder.path().join("card.img");
        write_file(&path, &bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn reads_what_config_txt_names() {
        let (_folder, card) = card(&[
            fat::File::new("config.txt", settings::CONFIG_TXT),
            fat::File::new("cmdline.txt", "console=ttyS1 \nsecond line\n"),
            fat::File::new(settings::DEVICE_TREE, "device tree"),
            fat::File::new(settings::KERNEL, "kernel"),
            fat::File::new(settings::INITRAMFS, "initramfs"),
        ]);
        let files = read(&card).unwrap();
        assert_eq!(files.kernel, b"kernel");
        assert_eq!(files.initramfs.as_deref(), Some(b"initramfs".as_slice()));
        assert_eq!(files.device_tree, b"device tree");
        assert_eq!(files.command_line, "console=ttyS1");
    }

    #[test]
    fn says_what_a_card_lacks() {
        let (folder, card) = card(&[fat::File::new("config.txt", settings::CONFIG_TXT)]);
        let error = format!("{:#}", read(&card).err().unwrap());
        assert!(error.contains("cmdline.txt"), "{error}");
        let noise = folder.path().join("noise");
        write_file(&noise, b"noise").unwrap();
        let error = format!("{:#}", read(&noise).err().unwrap());
        assert!(error.contains("no partition table"), "{error}");
    }
}
