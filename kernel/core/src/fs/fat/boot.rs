//! The boot sector, which says how the volume is laid out and whether it is in use, and FAT32's information sector.

use crate::block::{Operation, SECTOR, Volume};
use crate::{Errno, Result, log};
use hadris_fat_raw::{
    BOOT_SECTOR_LEN, FSINFO_LEAD_SIG, FSINFO_STRUC_SIG, FSINFO_TRAIL_SIG, FatKind,
};
use hadris_fat_raw::{Geometry, parse_boot};
use hal::frame::Frame;

/// Where FAT12 and FAT16, and where FAT32, say in the boot sector that the volume is mounted (Linux writes it, and fsck
/// reads it).
const STATE: usize = 0x25;
const STATE_32: usize = 0x41;
/// It is mounted, or wasn't unmounted.
const IN_USE: u8 = 1;

/// Where the information sector has its signatures, how many clusters are free, and which was taken last.
const LEAD: usize = 0;
const STRUCTURE: usize = 484;
const FREE: usize = 488;
const NEXT: usize = 492;
const TRAIL: usize = 508;

/// The layout of a volume.
///
/// # Errors
/// `EINVAL` for what isn't a FAT file system or makes no sense; `EIO`, `ENOMEM`.
pub fn geometry(volume: &Volume) -> Result<Geometry> {
    let mut sector = [0; BOOT_SECTOR_LEN];
    volume.read_bytes(0, &mut sector)?;
    let geometry = parse_boot(&sector).map_err(|error| {
        log::warn!("{volume:?}: no FAT file system: {error:?}");
        Errno::EINVAL
    })?;
    if geometry.data_end() > volume.sectors() * SECTOR {
        log::warn!("{volume:?}: the FAT file system is larger than the device");
        return Err(Errno::EINVAL);
    }
    if geometry.sector_size() < volume.geometry().block_size {
        log::warn!("{volume:?}: the FAT file system's sectors are smaller than the device's");
        return Err(Errno::EINVAL);
    }
    Ok(geometry)
}

fn state_offset(geometry: &Geometry) -> usize {
    match geometry.kind() {
        FatKind::Fat32 => STATE_32,
        _ => STATE,
    }
}

/// Whether the volume says that it was not unmounted.
///
/// # Errors
/// `EIO`, `ENOMEM`.
pub fn is_in_use(volume: &Volume, geometry: &Geometry) -> Result<bool> {
    let mut state = [0];
    volume.read_bytes(state_offset(geometry) as u64, &mut state)?;
    Ok(state[0] & IN_USE != 0)
}

/// Says on the medium whether the volume is in use.
///
/// # Errors
/// `EIO`, `ENOMEM`, `EPERM`.
pub fn set_in_use(volume: &Volume, geometry: &Geometry, in_use: bool) -> Result<()> {
    let offset = state_offset(geometry);
    change_sector(volume, geometry, 0, |frame| {
        let mut state = [0];
        frame.read(offset, &mut state);
        let new = if in_use {
            state[0] | IN_USE
        } else {
            state[0] & !IN_USE
        };
        frame.write(offset, &[new]);
    })?;
    volume.flush()
}

/// Where the information sector is, if there is one with the right signatures.
fn information(volume: &Volume, geometry: &Geometry) -> Result<Option<u64>> {
    let Some(sector) = geometry.fs_info_sector() else {
        return Ok(None);
    };
    let position = u64::from(sector) * u64::from(geometry.sector_size());
    for (offset, signature) in [
        (LEAD, FSINFO_LEAD_SIG),
        (STRUCTURE, FSINFO_STRUC_SIG),
        (TRAIL, FSINFO_TRAIL_SIG),
    ] {
        if read_word(volume, position + offset as u64)? != signature {
            return Ok(None);
        }
    }
    Ok(Some(position))
}

fn read_word(volume: &Volume, position: u64) -> Result<u32> {
    let mut bytes = [0; 4];
    volume.read_bytes(position, &mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

/// How many clusters are free and which was taken last, as far as the volume says so.
///
/// # Errors
/// `EIO`, `ENOMEM`.
pub fn counts(volume: &Volume, geometry: &Geometry) -> Result<(Option<u32>, Option<u32>)> {
    let Some(position) = information(volume, geometry)? else {
        return Ok((None, None));
    };
    let known = |offset: usize| -> Result<Option<u32>> {
        let word = read_word(volume, position + offset as u64)?;
        Ok(Some(word).filter(|&word| word != u32::MAX))
    };
    Ok((known(FREE)?, known(NEXT)?))
}

/// Writes how many clusters are free and which was taken last, if there is a place for it.
///
/// # Errors
/// `EIO`, `ENOMEM`, `EPERM`.
pub fn set_counts(volume: &Volume, geometry: &Geometry, free: u32, next: u32) -> Result<()> {
    let Some(position) = information(volume, geometry)? else {
        return Ok(());
    };
    change_sector(volume, geometry, position, |frame| {
        frame.write(FREE, &free.to_le_bytes());
        frame.write(NEXT, &next.to_le_bytes());
    })
}

fn change_sector(
    volume: &Volume,
    geometry: &Geometry,
    position: u64,
    change: impl FnOnce(&Frame),
) -> Result<()> {
    let frame = Frame::uninitialised()?;
    let length = geometry.sector_size() as usize;
    let move_it = |operation| {
        let mut transfer = super::transfer::Transfer::new(operation);
        transfer.add(position, &frame, 0, length)?;
        transfer.submit(volume)
    };
    move_it(Operation::Read)?;
    change(&frame);
    move_it(Operation::Write)
}
