//! `cargo xtask image`: a card for the Raspberry Pi, as one file.
//!
//! The card has a partition table of the kind that the board's boot loader reads, a FAT32 volume with what the firmware
//! starts, and an ext4 volume for what is to stay.
pub mod boot;
pub mod data;
mod fat;
mod firmware;
mod mbr;
mod output;
mod settings;
mod time;

use crate::build;
use crate::run::machine::parse_size;
use crate::setup;
use crate::workspace::{Board, read_file};
use anyhow::{Context, Result, bail};
use fat::File;
use firmware::Firmware;
use mbr::Partition;
use output::Unfinished;
use std::io::{Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct ImageOptions {
    /// The board whose card it is; only rpi4 starts from one
    #[arg(long, value_enum, default_value = "rpi4")]
    board: Board,
    /// How large the card is; QEMU takes powers of two only
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    size: String,
    /// Where the image goes [default: out/rpi4/card.img]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A folder with the firmware, start4.elf and fixup4.dat, instead of the distribution's
    #[arg(long, value_name = "DIR")]
    firmware: Option<PathBuf>,
}

/// Where partitions begin and end: cards erase as much at a time.
const ALIGNMENT: u64 = 4 << 20;
const BOOT_LEAST: u64 = 64 << 20;
/// For the tables of a FAT32 volume and files that somebody adds.
const BOOT_SPARE: u64 = 8 << 20;
const DISK_NUMBER: u32 = 0x4761_6e74;
const VOLUME_NUMBER: u32 = 0x4761_6e75;
const LABEL: &[u8; 11] = b"GANTRY     ";

/// What goes onto a card.
pub struct Contents {
    /// The files of the boot partition.
    files: Vec<File>,
    /// Seconds since 1970, for all that bears a time.
    time: u64,
}

pub fn run(options: &ImageOptions) -> Result<()> {
    if options.board != Board::Rpi4 {
        bail!(
            "--board {}: it does not start from a card; there is one for rpi4",
            options.board
        );
    }
    // What the user gave is looked at first: a mistake there need not wait for a build.
    let size = parse_size(&options.size)
        .with_context(|| format!("--size {}: not a size such as 256M or 1G", options.size))?;
    let own = options.firmware.as_deref().map(Firmware::read);
    let own = own.transpose()?;
    time::source_date()?;
    let target = options
        .output
        .clone()
        .unwrap_or_else(|| Board::Rpi4.output().join("card.img"));

    setup::for_card()?;
    let firmware = own.or_else(Firmware::of_distribution);
    build::place_initramfs(Board::Rpi4, &build::initramfs()?)?;
    build::image(Board::Rpi4)?;
    let contents = Contents::built(firmware)?;
    layout(&contents.files, size).with_context(|| format!("--size {}", options.size))?;
    make(&contents, size, &target)?;
    println!("{}", target.display());
    Ok(())
}

impl Contents {
    /// The kernel and the initramfs as they were built last, and the firmware if there is any.
    pub fn built(firmware: Option<Firmware>) -> Result<Self> {
        let output = Board::Rpi4.output();
        let mut files = firmware.map_or_else(Vec::new, Firmware::into_files);
        files.extend([
            File::new("config.txt", settings::CONFIG_TXT),
            File::new(settings::COMMAND_LINE, settings::CMDLINE_TXT),
            File::new(
                settings::DEVICE_TREE,
                read_file(&setup::packages::device_tree()?)?,
            ),
            File::new(settings::KERNEL, read_file(&output.join("Image"))?),
            File::new(
                settings::INITRAMFS,
                read_file(&output.join("initramfs.cpio"))?,
            ),
        ]);
        Ok(Self {
            files,
            time: time::source_date()?,
        })
    }
}

/// Writes a card of `size` bytes to `target`, which is replaced once the card is complete.
pub fn make(contents: &Contents, size: u64, target: &Path) -> Result<()> {
    let [boot, data] = layout(&contents.files, size)?;
    let mut card = Unfinished::new(target, size)?;
    let table = [
        Partition {
            kind: mbr::FAT32,
            place: boot.clone(),
        },
        Partition {
            kind: mbr::LINUX,
            place: data.clone(),
        },
    ];
    let volume = fat::make(
        boot.end - boot.start,
        boot.start,
        VOLUME_NUMBER,
        LABEL,
        contents.time,
        &contents.files,
    )?;
    write_at(&mut card.file, 0, &mbr::write(DISK_NUMBER, &table)?)?;
    write_at(&mut card.file, boot.start, &volume)?;
    data::make(card.path(), &data, contents.time)?;
    card.finish()
}

/// The places of the boot and the data partition on a card of `size` bytes.
fn layout(files: &[File], size: u64) -> Result<[Range<u64>; 2]> {
    let content: u64 = files.iter().map(|file| file.content.len() as u64).sum();
    let boot = (content + BOOT_SPARE)
        .max(BOOT_LEAST)
        .next_multiple_of(ALIGNMENT);
    let start = ALIGNMENT + boot;
    let needed = start + data::LEAST;
    if size < needed {
        bail!("too small, the card needs {}M", needed.div_ceil(1 << 20));
    }
    let end = size - size % data::BLOCK;
    Ok([ALIGNMENT..start, start..end])
}

/// Writes bytes into a file of zeros, but for the blocks that are zero: they stay holes.
fn write_at(file: &mut std::fs::File, start: u64, bytes: &[u8]) -> Result<()> {
    for (index, block) in bytes.chunks(data::BLOCK as usize).enumerate() {
        if block.iter().any(|&byte| byte != 0) {
            file.seek(SeekFrom::Start(start + index as u64 * data::BLOCK))
                .and_then(|_| file.write_all(block))
                .context("cannot write the card")?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_divided_at_multiples_of_what_it_erases() {
        let [boot, data] = layout(&[File::new("x", "x")], 256 << 20).unwrap();
        assert_eq!((boot, data), (4 << 20..68 << 20, 68 << 20..256 << 20));
        let [_, odd] = layout(&[], (200 << 20) + 512).unwrap();
        assert_eq!(odd.end, 200 << 20);
    }

    #[test]
    fn large_files_get_a_larger_boot_partition() {
        let file = File::new("large", vec![0; 100 << 20]);
        let [boot, data] = layout(&[file], 1 << 30).unwrap();
        assert_eq!(boot, 4 << 20..112 << 20);
        assert_eq!(data.start, boot.end);
    }

    #[test]
    fn a_card_that_is_too_small_is_told_what_it_needs() {
        let error = layout(&[], 83 << 20).unwrap_err();
        assert_eq!(error.to_string(), "too small, the card needs 84M");
        assert!(layout(&[], 84 << 20).is_ok());
    }
}
