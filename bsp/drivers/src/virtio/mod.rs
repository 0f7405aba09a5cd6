//! Virtio devices behind memory-mapped registers (Virtual I/O Device specification 1.2, section 4.2).
//!
//! The `virtio-drivers` crate knows the registers and the queues. Its block driver takes one contiguous buffer a request
//! and waits for a flush by spinning; [`block`] uses its queue, with many pieces a request and the thread asleep.

mod block;
mod memory;

use crate::device_tree::Storage;
use alloc::sync::Arc;
use core::ptr::NonNull;
use hal::mmio::map_device;
use kernel_core::block::registry::{self, DiskKind};
use kernel_core::log;
use virtio_drivers::transport::mmio::{MmioError, MmioTransport, VirtIOHeader};
use virtio_drivers::transport::{DeviceType, Transport};

/// Starts the device in a place, if there is one that the kernel has a driver for.
pub fn start(place: &Storage) {
    let length = place.registers.end - place.registers.start;
    // SAFETY: the device tree says that virtio registers are there; this is their only driver.
    let Some(registers) = (unsafe { map_device(place.registers.start, length) }) else {
        return;
    };
    let header: NonNull<VirtIOHeader> = registers.cast();
    // SAFETY: mapped above for good, as long as the device tree says, and aligned to a page's part as that is.
    let transport = match unsafe { MmioTransport::new(header, length as usize) } {
        Ok(transport) => transport,
        // Device 0: the place is empty.
        Err(MmioError::InvalidDeviceID(_)) => return,
        Err(error) => {
            log::warn!("virtio at {:#x}: {error}", place.registers.start);
            return;
        }
    };
    if transport.device_type() != DeviceType::Block {
        return;
    }
    let address = place.registers.start;
    match block::VirtioBlock::start(transport, place.interrupt) {
        Ok(device) => {
            if let Err(error) = registry::register(DiskKind::Virtio, Arc::new(device)) {
                log::warn!("virtio disk at {address:#x}: not registered: {error}");
            }
        }
        Err(error) => log::warn!("virtio disk at {address:#x}: not started: {error}"),
    }
}
