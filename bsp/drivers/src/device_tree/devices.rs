//! What the kernel's first thread starts: looked for when there is a heap, in one walk, as a tree has many nodes.

use super::light::{self, PinLight};
use super::node::{self, Bus, Device};
use super::pci::{self, PciHost};
use super::read::{INTERRUPT_CONTROLLERS, MAX_DEPTH};
use super::storage::{Storage, StorageKind};
use alloc::vec::Vec;
use core::ops::Range;
use fdt::Fdt;
use fdt::node::FdtNode;

/// Devices, in the order of the tree.
#[derive(Default)]
pub struct Devices {
    /// Where disks and cards may be.
    pub storage: Vec<Storage>,
    pub pci_hosts: Vec<PciHost>,
    /// The light that a machine has for activity.
    pub light: Option<PinLight>,
}

/// What refers to each other, wherever it is in the tree.
#[derive(Default)]
struct References<'b, 'a> {
    /// Interrupt controllers: the number by which others name each, and the cells of an address on its bus.
    controllers: Vec<(u64, usize)>,
    /// The nodes of the host bridges that were found.
    bridges: Vec<FdtNode<'b, 'a>>,
    lights: Option<FdtNode<'b, 'a>>,
    /// The controller of pins: its number and its registers.
    pins: Option<(u64, Range<u64>)>,
}

/// The devices in a checked tree.
pub fn devices(blob: &[u8]) -> Devices {
    let mut found = Devices::default();
    let Ok(tree) = Fdt::new(blob) else {
        return found;
    };
    let Some(root) = tree.find_node("/") else {
        return found;
    };
    let mut references = References::default();
    search(root, &Bus::root(root), 0, &mut found, &mut references);
    for (host, &node) in found.pci_hosts.iter_mut().zip(&references.bridges) {
        host.interrupts = pci::interrupts(node, &references.controllers);
    }
    found.light = references
        .lights
        .zip(references.pins)
        .and_then(|(group, pins)| light::activity_light(group, pins));
    found
}

fn search<'b, 'a>(
    parent: FdtNode<'b, 'a>,
    bus: &Bus<'a>,
    depth: usize,
    found: &mut Devices,
    references: &mut References<'b, 'a>,
) {
    for node in parent.children() {
        let device = Device::of(node);
        if !device.is_enabled() {
            continue;
        }
        if device.is(&["virtio,mmio"]) {
            found
                .storage
                .extend(storage(StorageKind::Virtio, &device, bus));
        } else if device.is(&["brcm,bcm2711-emmc2", "brcm,bcm2835-sdhci"]) {
            found
                .storage
                .extend(storage(StorageKind::Sdhci, &device, bus));
        } else if device.is(&["simple-bus"]) {
            if let Some(bus) = bus.below(node)
                && depth < MAX_DEPTH
            {
                search(node, &bus, depth + 1, found, references);
            }
        } else if device.is(&[pci::COMPATIBLE]) {
            if let Some(host) = pci::host(bus, node) {
                found.pci_hosts.push(host);
                references.bridges.push(node);
            }
        } else if device.is(&INTERRUPT_CONTROLLERS) {
            let cells = node::number(node, "#address-cells").unwrap_or(0);
            if let Some(handle) = node::number(node, "phandle") {
                references.controllers.push((handle, cells as usize));
            }
        } else if device.is(&[light::GROUP]) {
            references.lights = Some(node);
        } else if device.is(&light::PIN_CONTROLLERS) {
            references.pins = node::number(node, "phandle").zip(device.registers(bus));
        }
    }
}

fn storage(kind: StorageKind, device: &Device<'_>, bus: &Bus<'_>) -> Option<Storage> {
    Some(Storage {
        kind,
        registers: device.registers(bus)?,
        interrupt: device.interrupt()?,
        dma: bus.dma().clone(),
    })
}
