//! Virtio devices behind memory-mapped registers or on PCI (Virtual I/O Device specification 1.2, sections 4.1, 4.2).
//!
//! The `virtio-drivers` crate knows the registers and the queues. Its block driver takes one contiguous buffer a request
//! and waits for a flush by spinning; [`block`] uses its queue, with many pieces a request and the thread asleep.

mod block;
mod entropy;
mod memory;

use crate::device_tree::{Interrupt, Storage};
use alloc::sync::Arc;
use core::ptr::NonNull;
use hal::mmio::map_device;
use kernel_core::block::registry::{self, DiskKind};
use kernel_core::log;
use memory::KernelMemory;
use virtio_drivers::transport::mmio::{MmioError, MmioTransport, VirtIOHeader};
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::{ConfigurationAccess, DeviceFunction, PciRoot};
use virtio_drivers::transport::{DeviceType, SomeTransport, Transport};

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
    start_device(
        transport.into(),
        place.interrupt,
        format_args!("{:#x}", place.registers.start),
    );
}

/// Starts the device of a PCI function whose registers have their places, if the kernel has a driver for it.
pub fn start_pci<C: ConfigurationAccess>(
    root: &mut PciRoot<C>,
    function: DeviceFunction,
    interrupt: Interrupt,
) {
    match PciTransport::new::<KernelMemory, C>(root, function) {
        Ok(transport) => start_device(transport.into(), interrupt, format_args!("PCI {function}")),
        Err(error) => log::warn!("virtio at PCI {function}: {error}"),
    }
}

fn start_device(
    transport: SomeTransport<'static>,
    interrupt: Interrupt,
    place: core::fmt::Arguments<'_>,
) {
    match transport.device_type() {
        DeviceType::Block => start_disk(transport, interrupt, place),
        DeviceType::EntropySource => match entropy::gather(transport) {
            Ok(count) => log::info!("virtio entropy at {place}: {count} random bytes"),
            Err(error) => log::warn!("virtio entropy at {place}: {error}"),
        },
        _ => {}
    }
}

fn start_disk(
    transport: SomeTransport<'static>,
    interrupt: Interrupt,
    place: core::fmt::Arguments<'_>,
) {
    match block::VirtioBlock::start(transport, interrupt) {
        Ok(device) => {
            if let Err(error) = registry::register(DiskKind::Virtio, Arc::new(device)) {
                log::warn!("virtio disk at {place}: not registered: {error}");
            }
        }
        Err(error) => log::warn!("virtio disk at {place}: not started: {error}"),
    }
}
