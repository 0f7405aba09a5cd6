//! The Raspberry Pi's firmware, which starts the kernel.
use super::fat::File;
use crate::setup::packages;
use crate::workspace::read_file;
use anyhow::{Context, Result};
use std::path::Path;

/// What a Raspberry Pi 4 loads from a card, after the boot loader that is in its EEPROM.
const FILES: [&str; 2] = ["start4.elf", "fixup4.dat"];
/// It may be passed on with this text.
const LICENCE: &str = "LICENCE.broadcom";

/// The firmware's files.
pub struct Firmware(Vec<File>);

impl Firmware {
    /// Takes the firmware out of a folder.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut files = Vec::new();
        for name in FILES {
            let content = read_file(&folder.join(name))
                .context("the firmware of a Raspberry Pi 4 is start4.elf and fixup4.dat")?;
            files.push(File::new(name, content));
        }
        let licence = folder.join(LICENCE);
        if licence.exists() {
            files.push(File::new(LICENCE, read_file(&licence)?));
        }
        Ok(Self(files))
    }

    /// The distribution's. Without it a card is good for QEMU only: a line says what to do.
    pub fn of_distribution() -> Option<Self> {
        match packages::firmware().and_then(|folder| Self::read(&folder)) {
            Ok(firmware) => Some(firmware),
            Err(error) => {
                eprintln!(
                    "xtask: the card lacks {}, without which a board does not start: copy them onto its first partition, or give --firmware DIR ({})",
                    FILES.join(" and "),
                    format!("{error:#}").replace('\n', " / ")
                );
                None
            }
        }
    }

    pub fn into_files(self) -> Vec<File> {
        self.0
    }
}
