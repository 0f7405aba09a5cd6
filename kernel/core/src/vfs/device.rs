//! The registry of devices: from device numbers to drivers.

use super::file_operations::FileOperations;
use super::flags::OpenFlags;
use super::kind::DeviceNumber;
use super::location::Location;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use hal::sync::RwSpinLock;

/// A driver of a character or block device.
pub trait Device: Send + Sync {
    /// Opens the device of this number through the node at `location`.
    ///
    /// # Errors
    /// `ENXIO` if there is no such device; `EBUSY`, `EIO`.
    fn open(
        &self,
        number: DeviceNumber,
        location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>>;
}

/// Which kind of device a number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceKind {
    /// A stream of bytes.
    Character,
    /// Blocks.
    Block,
}

type Key = (DeviceKind, u32, Option<u32>);

static DEVICES: RwSpinLock<BTreeMap<Key, Arc<dyn Device>>> = RwSpinLock::new(BTreeMap::new());

/// Registers the driver of one device.
///
/// # Errors
/// `EBUSY` if the number is taken.
pub fn register(kind: DeviceKind, number: DeviceNumber, device: Arc<dyn Device>) -> Result<()> {
    insert((kind, number.major, Some(number.minor)), device)
}

/// Registers the driver of all devices of a major number that have none of their own.
///
/// # Errors
/// `EBUSY` if the number is taken.
pub fn register_major(kind: DeviceKind, major: u32, device: Arc<dyn Device>) -> Result<()> {
    insert((kind, major, None), device)
}

fn insert(key: Key, device: Arc<dyn Device>) -> Result<()> {
    let mut devices = DEVICES.write();
    if devices.contains_key(&key) {
        return Err(Errno::EBUSY);
    }
    devices.insert(key, device);
    Ok(())
}

/// The driver of a device.
///
/// # Errors
/// `ENXIO`.
pub fn find(kind: DeviceKind, number: DeviceNumber) -> Result<Arc<dyn Device>> {
    let devices = DEVICES.read();
    devices
        .get(&(kind, number.major, Some(number.minor)))
        .or_else(|| devices.get(&(kind, number.major, None)))
        .cloned()
        .ok_or(Errno::ENXIO)
}

/// The major numbers that have drivers, in ascending order.
pub fn majors(kind: DeviceKind) -> Vec<u32> {
    let mut majors: Vec<u32> = DEVICES
        .read()
        .keys()
        .filter(|(known, ..)| *known == kind)
        .map(|(_, major, _)| *major)
        .collect();
    majors.dedup();
    majors
}
