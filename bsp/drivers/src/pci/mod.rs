//! PCI Express: the devices on the first bus of a host bridge (PCI Local Bus Specification 3.0, section 6).
//!
//! Devices get their registers' addresses from here, whatever firmware gave them, and interrupt by their pins. Bridges to
//! further buses are left alone.

mod configuration;

use crate::device_tree::{PciHost, Storage, StorageKind};
use crate::{sdhci, virtio};
use alloc::vec::Vec;
use configuration::FirstBus;
use core::ops::Range;
use virtio_drivers::transport::pci::bus::{
    BarInfo, Command, ConfigurationAccess, DeviceFunction, HeaderType, MemoryBarType, PciRoot,
};
use virtio_drivers::transport::pci::virtio_device_type;

/// Base address registers of a device.
const BASES: u8 = 6;
/// The class of storage-like base peripherals, and in it SD host controllers (PCI Code and ID Assignment Specification,
/// section 1.9).
const SD_HOST: (u8, u8) = (0x08, 0x05);
/// The register with the interrupt pin in its second byte.
const PIN: u8 = 0x3c;

/// Starts the drivers of all storage below a host bridge. Sleeps.
pub fn start(host: &PciHost) {
    // SAFETY: the device tree says that configuration space is there; this is its only driver.
    let Some(configuration) = (unsafe { FirstBus::map(&host.configuration) }) else {
        return;
    };
    let mut root = PciRoot::new(configuration);
    let found: Vec<_> = root.enumerate_bus(0).collect();
    let mut room = host.memory.clone();
    for (function, information) in found {
        if information.header_type != HeaderType::Standard {
            continue;
        }
        let is_virtio = virtio_device_type(&information).is_some();
        let is_sd_host = (information.class, information.subclass) == SD_HOST;
        if !is_virtio && !is_sd_host {
            continue;
        }
        let Some(first) = place(&mut root, function, &mut room) else {
            continue;
        };
        let pin = (configuration.read_word(function, PIN) >> 8) as u8;
        let Some(interrupt) = host.interrupt(function.device, pin) else {
            continue;
        };
        if is_virtio {
            virtio::start_pci(&mut root, function, interrupt);
        } else if let Some(registers) = first {
            sdhci::start(&Storage {
                kind: StorageKind::Sdhci,
                registers,
                interrupt,
                dma: host.dma.clone(),
            });
        }
    }
}

/// Gives a device's registers their places, and lets it answer there and reach memory; where the first ones are. `None` if
/// there is no room.
fn place<C: ConfigurationAccess>(
    root: &mut PciRoot<C>,
    function: DeviceFunction,
    room: &mut Range<u64>,
) -> Option<Option<Range<u64>>> {
    // A device that answers doesn't while its registers' size is asked for.
    root.set_command(function, Command::empty());
    let mut first = None;
    let mut index = 0;
    while index < BASES {
        let base = root.bar_info(function, index).ok()?;
        let width = 1 + u8::from(base.as_ref().is_some_and(BarInfo::takes_two_entries));
        if let Some(BarInfo::Memory {
            address_type, size, ..
        }) = base
            && size.is_power_of_two()
        {
            let start = room.start.checked_next_multiple_of(size)?;
            let end = start.checked_add(size).filter(|&end| end <= room.end)?;
            room.start = end;
            match address_type {
                MemoryBarType::Width32 => root.set_bar_32(function, index, start as u32),
                MemoryBarType::Width64 => root.set_bar_64(function, index, start),
                MemoryBarType::Below1MiB => return None,
            }
            if index == 0 {
                first = Some(start..end);
            }
        }
        index += width;
    }
    root.set_command(function, Command::MEMORY_SPACE | Command::BUS_MASTER);
    Some(first)
}
