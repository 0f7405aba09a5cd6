//! The disk on which virt keeps what is in /data.
use super::machine::{Attachment, Machine};
use crate::card::data;
use crate::setup::filesystems;
use crate::workspace::Board;
use anyhow::{Context, Result, bail};
use std::fs::{self, File};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Bytes of a new disk. The file takes up what is written to it.
const SIZE: u64 = 1 << 30;

/// Attaches the disk in a file, before `others` that the system finds earlier, and has the system mount it. Without the file it is made.
pub fn attach(machine: &mut Machine, file: &Path, others: usize) -> Result<()> {
    if machine.board != Board::Virt {
        bail!(
            "--data: the Raspberry Pi keeps its files on a card, see `cargo xtask image` and --sd"
        );
    }
    if !file.exists() {
        make(file).with_context(|| format!("--data: cannot make {}", file.display()))?;
    }
    machine.add_disk(file, Attachment::Virtio)?;
    let letter = char::from(b'a' + others.min(25) as u8);
    machine.append.push(format!("data=/dev/vd{letter}"));
    Ok(())
}

fn make(file: &Path) -> Result<()> {
    filesystems::ensure_maker()?;
    let time = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let begun = file.with_added_extension("new");
    let made = File::create(&begun)
        .and_then(|disk| disk.set_len(SIZE))
        .map_err(Into::into)
        .and_then(|()| data::make(&begun, &(0..SIZE), time))
        .and_then(|()| Ok(fs::rename(&begun, file)?));
    if made.is_err() {
        // What is left of it is nobody's; the error says why.
        let _ = fs::remove_file(&begun);
    }
    made
}
