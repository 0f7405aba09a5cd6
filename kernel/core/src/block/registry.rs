//! All disks: their names and numbers, their partitions, and their nodes in /dev.

use super::SECTOR;
use super::device::BlockDevice;
use super::file::BlockFile;
use super::partition::{self, Partition};
use super::volume::Volume;
use crate::fs::devtmpfs;
use crate::heap::MakeRoom;
use crate::vfs::device::{self, Device, DeviceKind};
use crate::vfs::name_eviction;
use crate::vfs::page_cache::write_back;
use crate::vfs::{DeviceNumber, FileKind, FileOperations, Location, OpenFlags};
use crate::{Errno, Result, log, start};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::{Once, SpinLock};

/// How the disks of a kind of device are called and numbered, as on Linux.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskKind {
    /// virtio-blk: vda, vdb; partitions vda1.
    Virtio,
    /// SD cards and eMMC: mmcblk0, mmcblk1; partitions mmcblk0p1.
    Card,
}

/// The major number of partitions whose disk has no minor number left for them (Linux's blkext).
const EXTENDED_MAJOR: u32 = 259;

impl DiskKind {
    /// Linux takes 253 for virtio-blk from those that are given as they come, and 179 is the cards' own
    /// (Documentation/admin-guide/devices.txt).
    const fn major(self) -> u32 {
        match self {
            Self::Virtio => 253,
            Self::Card => 179,
        }
    }

    /// Minor numbers of a disk, the first of which is its own.
    const fn minors(self) -> u32 {
        match self {
            Self::Virtio => 16,
            Self::Card => 8,
        }
    }

    /// The name of disk `index`, below 26.
    fn name(self, index: u32) -> String {
        match self {
            Self::Virtio => format!("vd{}", char::from(b'a' + index as u8 % 26)),
            Self::Card => format!("mmcblk{index}"),
        }
    }

    fn partition_name(self, disk: &str, number: u32) -> String {
        match self {
            Self::Virtio => format!("{disk}{number}"),
            Self::Card => format!("{disk}p{number}"),
        }
    }
}

/// Disks of a kind.
const MAXIMUM: u32 = 16;

static VOLUMES: SpinLock<Vec<Arc<Volume>>> = SpinLock::new(Vec::new());

/// Makes a disk known, with its partitions. Sleeps, as the disk is read.
///
/// # Errors
/// `ENOSPC` if there are too many of this kind; `EINVAL` for a geometry that makes no sense; `ENOMEM`.
pub fn register(kind: DiskKind, device: Arc<dyn BlockDevice>) -> Result<()> {
    let geometry = device.geometry();
    let sensible = geometry.block_size.is_power_of_two()
        && (512..=4096).contains(&geometry.block_size)
        && geometry.sectors <= i64::MAX as u64 / SECTOR
        && (geometry.sectors * SECTOR).is_multiple_of(geometry.block_size.into());
    if !sensible {
        return Err(Errno::EINVAL);
    }
    static BACKGROUND: Once<Result<()>> = Once::new();
    (*BACKGROUND.call_once(|| {
        start::kernel_thread(write_back::run)?;
        start::kernel_thread(name_eviction::run)
    }))?;
    // The first disk of a kind brings the driver of its numbers.
    let _ = device::register_major(DeviceKind::Block, kind.major(), Arc::new(Volumes));
    let _ = device::register_major(DeviceKind::Block, EXTENDED_MAJOR, Arc::new(Volumes));
    let index = (0..MAXIMUM)
        .find(|index| find(DeviceNumber::new(kind.major(), index * kind.minors())).is_none())
        .ok_or(Errno::ENOSPC)?;
    let name = kind.name(index);
    let number = DeviceNumber::new(kind.major(), index * kind.minors());
    let disk = Volume::new(name.clone(), number, device.clone(), 0, geometry.sectors);
    let disk = Arc::new(disk);
    enter(disk.clone())?;
    let found = partition::read(&disk);
    let mut names = String::new();
    for Partition {
        number,
        start,
        sectors,
    } in found
    {
        let own = kind.partition_name(&name, number);
        names.push(' ');
        names.push_str(&own);
        let number = partition_number(kind, index, number);
        enter(Arc::new(Volume::new(
            own,
            number,
            device.clone(),
            start,
            sectors,
        )))?;
    }
    log::info!(
        "{name}: {} KiB{}{}{names}",
        geometry.sectors / 2,
        if geometry.read_only {
            ", read only"
        } else {
            ""
        },
        if names.is_empty() { "" } else { ":" },
    );
    Ok(())
}

/// The number of a partition: behind its disk's, or one of those for all disks.
fn partition_number(kind: DiskKind, index: u32, number: u32) -> DeviceNumber {
    if number < kind.minors() {
        return DeviceNumber::new(kind.major(), index * kind.minors() + number);
    }
    let taken = VOLUMES
        .lock()
        .iter()
        .filter(|volume| volume.number().major == EXTENDED_MAJOR)
        .count();
    DeviceNumber::new(EXTENDED_MAJOR, taken as u32)
}

fn enter(volume: Arc<Volume>) -> Result<()> {
    {
        let mut volumes = VOLUMES.lock();
        volumes.make_room(1)?;
        volumes.push(volume.clone());
    }
    devtmpfs::add_node(
        String::from(volume.name()).into_bytes(),
        FileKind::BlockDevice,
        0o600,
        volume.number(),
    )
}

/// The volume of a device number.
pub fn find(number: DeviceNumber) -> Option<Arc<Volume>> {
    let volumes = VOLUMES.lock();
    volumes
        .iter()
        .find(|volume| volume.number() == number)
        .cloned()
}

/// Calls `each` with every volume, in the order in which they were found.
pub fn each(mut each: impl FnMut(&Arc<Volume>)) {
    let mut next = 0;
    loop {
        let volume = VOLUMES.lock().get(next).cloned();
        let Some(volume) = volume else { return };
        each(&volume);
        next += 1;
    }
}

/// Flushes every disk (sync(2)). The next fsync tells of a failure.
pub fn flush_all() {
    each(|volume| {
        if volume.is_disk()
            && let Err(error) = volume.flush()
            && let Some(cache) = volume.existing_cache()
        {
            cache.note_failure(error);
        }
    });
}

/// The driver of all block devices.
struct Volumes;

impl Device for Volumes {
    fn open(
        &self,
        number: DeviceNumber,
        _location: &Location,
        _flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        let volume = find(number).ok_or(Errno::ENXIO)?;
        Ok(Box::new(BlockFile::new(volume)?))
    }
}
