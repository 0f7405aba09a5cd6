//! Where disks and cards may be: looked for when there is a heap, for there may be many places.

use super::dma::DmaWindow;
use super::node::{self, Bus};
use super::read::MAX_DEPTH;
use alloc::vec::Vec;
use core::ops::Range;
use fdt::Fdt;
use fdt::node::FdtNode;

/// What has a disk or a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageKind {
    /// A place for a virtio device; most are empty.
    Virtio,
    /// An SD host controller.
    Sdhci,
}

/// A place for storage. Addresses are physical, as the CPUs see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Storage {
    pub kind: StorageKind,
    pub registers: Range<u64>,
    pub interrupt: Interrupt,
    /// What of memory it reaches by itself.
    pub dma: DmaWindow,
}

/// A device's interrupt line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// GIC interrupt number.
    pub number: u32,
    /// It pulses, and is not a level.
    pub edge: bool,
}

/// All places in a checked tree, in its order.
pub fn storage(blob: &[u8]) -> Vec<Storage> {
    let mut found = Vec::new();
    let tree = Fdt::new(blob).ok();
    if let Some(root) = tree.as_ref().and_then(|tree| tree.find_node("/")) {
        search(root, &Bus::root(root), 0, &mut found);
    }
    found
}

fn search<'a>(parent: FdtNode<'_, 'a>, bus: &Bus<'a>, depth: usize, found: &mut Vec<Storage>) {
    for device in parent.children().filter(|&node| node::is_enabled(node)) {
        let kind = if node::is_compatible(device, &["virtio,mmio"]) {
            StorageKind::Virtio
        } else if node::is_compatible(device, &["brcm,bcm2711-emmc2", "brcm,bcm2835-sdhci"]) {
            StorageKind::Sdhci
        } else {
            if node::is_compatible(device, &["simple-bus"])
                && let Some(bus) = bus.below(device)
                && depth < MAX_DEPTH
            {
                search(device, &bus, depth + 1, found);
            }
            continue;
        };
        let registers = bus.registers(device, 0);
        if let Some((registers, interrupt)) = registers.zip(node::interrupt_line(device, 0)) {
            found.push(Storage {
                kind,
                registers,
                interrupt,
                dma: bus.dma().clone(),
            });
        }
    }
}
