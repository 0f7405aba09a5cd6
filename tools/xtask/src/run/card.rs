//! Starting the Raspberry Pi from a card. QEMU doesn't run the board's firmware: what that would load is read out of the
//! card and given to QEMU, with the card in the slot.
use super::machine::Machine;
use crate::card::boot;
use crate::workspace::{Board, write_file};
use anyhow::{Result, bail};
use std::path::Path;

/// Puts a card into the slot of a machine, which then starts with what is on it; the files for QEMU go to `folder`. Gives
/// the initramfs.
pub fn insert(machine: &mut Machine, card: &Path, folder: &Path) -> Result<Vec<u8>> {
    if machine.board != Board::Rpi4 {
        bail!("--sd: the board {} has no card slot", machine.board);
    }
    let files = boot::read(card)?;
    let (kernel, device_tree) = (folder.join("kernel"), folder.join("device-tree"));
    write_file(&kernel, &files.kernel)?;
    write_file(&device_tree, &files.device_tree)?;
    machine.kernel = Some(kernel);
    machine.device_tree = Some(device_tree);
    machine.given_line = Some(files.command_line);
    machine.card = Some(card.to_path_buf());
    Ok(files.initramfs.unwrap_or_default())
}
