//! Making directories, and moving names.

use super::Instance;
use super::directory::Directory;
use super::inode::{self, Body, FatInode, Place};
use super::name::NewName;
use super::transfer;
use crate::vfs::inode::Renaming;
use crate::{Errno, Result};
use alloc::sync::Arc;
use hadris_fat_raw::ShortEntry;
use hal::frame::Frame;

/// The slot of "..".
const DOT_DOT: u32 = 1;
const SLOT: usize = 32;

/// Names of the first two entries of a directory but the root.
const DOT_NAME: [u8; 11] = *b".          ";
const DOT_DOT_NAME: [u8; 11] = *b"..         ";

/// Takes a cluster for a directory in `parent` and fills it; notes it in the entry and returns it.
///
/// # Errors
/// `ENOSPC`; `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn new_directory(
    instance: &Instance,
    parent: &Directory,
    short: &mut ShortEntry,
) -> Result<u32> {
    let geometry = &instance.geometry;
    let cluster = instance.table.lock().allocate(None)?;
    short.set_first_cluster(geometry.kind(), cluster);
    let fill = || {
        let start = geometry.cluster_offset(cluster).ok_or(Errno::EUCLEAN)?;
        let end = start + u64::from(geometry.cluster_size());
        let frame = Frame::zeroed()?;
        let mut own = *short;
        own.set_name(DOT_NAME);
        frame.write(0, &own.encode());
        own.set_name(DOT_DOT_NAME);
        own.set_first_cluster(geometry.kind(), parent.first_cluster());
        frame.write(SLOT, &own.encode());
        let sector = geometry.sector_size() as usize;
        let mut transfer = transfer::Transfer::new(crate::block::Operation::Write);
        transfer.add(start, &frame, 0, sector)?;
        transfer.submit(&instance.volume)?;
        transfer::clear(&instance.volume, start + sector as u64, end)
    };
    match fill() {
        Ok(()) => Ok(cluster),
        Err(error) => {
            instance.table.lock().release(cluster)?;
            Err(error)
        }
    }
}

/// Moves a name.
///
/// # Errors
/// `EINVAL` for an exchange, and for a name that can't be; `ENOTEMPTY`, `ENOSPC`, `EUCLEAN`, `EIO`, `ENOMEM`.
pub fn rename(instance: &Arc<Instance>, renaming: &Renaming<'_>) -> Result<()> {
    if renaming.exchange {
        return Err(Errno::EINVAL);
    }
    let name = NewName::new(renaming.new_name)?;
    let moved = inode::of(renaming.inode)?;
    let to = inode::of(renaming.to)?.directory()?;
    instance.reap();
    {
        let _entries = instance.entries.lock();
        let old = moved.place.lock().clone().ok_or(Errno::ENOENT)?;
        let mut short = old.parent.short(old.slot)?;
        moved.describe(renaming.inode, &mut short);
        let new = match renaming.replaced {
            Some(replaced) => replace(instance, inode::of(replaced)?, &short)?,
            None => Place::new(to, &to.add(&name, &short)?),
        };
        old.parent.remove(old.first, old.slot)?;
        instance.leave(old.number());
        instance.enter(new.number(), renaming.inode);
        *moved.place.lock() = Some(new);
        if let Body::Directory(directory) = &moved.body
            && !Arc::ptr_eq(&old.parent, to)
        {
            set_parent(instance, directory, to)?;
        }
    }
    for inode in [renaming.directory, renaming.to, renaming.inode] {
        instance.note(inode);
    }
    Ok(())
}

/// Gives an entry, whose inode loses it, to the file that `short` describes. As on Linux it keeps its name's case.
fn replace(instance: &Instance, replaced: &FatInode, short: &ShortEntry) -> Result<Place> {
    if let Body::Directory(directory) = &replaced.body
        && !directory.is_empty()?
    {
        return Err(Errno::ENOTEMPTY);
    }
    let place = replaced.place.lock().clone().ok_or(Errno::ENOENT)?;
    let old = place.parent.short(place.slot)?;
    let mut short = *short;
    short.set_name(old.name());
    short.set_nt_case(old.nt_case());
    instance.make_room_for_orphan()?;
    place.parent.set_short(place.slot, &short)?;
    replaced.retire();
    Ok(place)
}

/// Tells a directory in which other one it is now.
fn set_parent(instance: &Instance, directory: &Directory, parent: &Directory) -> Result<()> {
    let mut short = directory.short(DOT_DOT)?;
    if short.name() != DOT_DOT_NAME || !short.is_dir() {
        return Err(Errno::EUCLEAN);
    }
    short.set_first_cluster(instance.geometry.kind(), parent.first_cluster());
    directory.set_short(DOT_DOT, &short)
}
