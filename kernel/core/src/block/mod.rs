//! Block devices: what drivers implement, disks with their partitions, and the device files that programs open.
//!
//! * [`device`]: the interface of drivers. [`volume`]: a disk or a partition, for file systems: requests to it, flushing,
//!   and its page cache. [`store`]: between the page cache and the volume.
//! * [`registry`]: all disks and their names. [`partition`]: partition tables. [`file`], [`ioctl`]: open device files.
//! * [`mounting`]: the volume that is to be mounted. [`activity`]: the light that shows that disks are busy.
//!
//! # For file systems
//! [`mounting::volume`] gives the volume that is to be mounted, [`SuperBlock::on_device`](crate::vfs::SuperBlock::on_device)
//! the instance on it. Metadata is read and written by [`Volume::submit`], which
//! hands several requests at once to the driver and returns when all are done; what must be on the medium before something
//! else is written is followed by [`Volume::flush`]. Content of files goes through a
//! [`PageCache`](crate::vfs::PageCache) with a [`PageStore`](crate::vfs::page_cache::PageStore) of the file system's.
//!
//! # Locks
//! The spin locks of the registry and of the light are leaves. Requests sleep with no lock of the block layer held.

pub mod activity;
pub mod device;
mod file;
mod ioctl;
pub mod mounting;
mod partition;
pub mod registry;
#[cfg(test)]
pub(crate) mod simulated;
mod store;
#[cfg(test)]
mod tests;
pub mod volume;

pub use device::{BlockDevice, Geometry, Operation, Request, Segment};
pub use registry::{flush_all, register};
pub use volume::Volume;

/// Bytes of the sectors that positions and sizes count, whatever the device's own are.
pub const SECTOR: u64 = 512;
