//! PCI host bridges whose configuration space is in memory (PCI Bus Binding to IEEE 1275-1994; Devicetree binding
//! "pci-host-ecam-generic").

use super::DmaWindow;
use super::node::{self, Bus, cells, value};
use super::storage::Interrupt;
use alloc::vec::Vec;
use core::ops::Range;
use fdt::node::FdtNode;

/// The bridges that are known.
pub const COMPATIBLE: &str = "pci-host-ecam-generic";
/// Cells of an address on the bus, the first of which names space, bus, device and function.
const ADDRESS: usize = 3;
/// Cells of a length.
const LENGTH: usize = 2;
/// In an address's first cell: which space it is in, and 32-bit memory.
const SPACE: u64 = 3 << 24;
const MEMORY_32: u64 = 2 << 24;
/// Cells of one of the GIC's interrupts.
const INTERRUPT: usize = 3;
/// Pins that a device may interrupt with.
const PINS: usize = 4;
/// Devices of a bus.
const DEVICES: usize = 32;

/// A host bridge.
#[derive(Clone, Debug)]
pub struct PciHost {
    /// Configuration space, from bus 0 on.
    pub configuration: Range<u64>,
    /// Where devices may have their registers, at the same addresses on the bus.
    pub memory: Range<u64>,
    /// What of memory devices reach by themselves.
    pub dma: DmaWindow,
    /// The lines of bus 0: those of each device's pins.
    pub(super) interrupts: Vec<Option<Interrupt>>,
}

impl PciHost {
    /// The line that a pin, from 1 on, of a device on bus 0 is connected to.
    pub fn interrupt(&self, device: u8, pin: u8) -> Option<Interrupt> {
        let pin = usize::from(pin).checked_sub(1).filter(|&pin| pin < PINS)?;
        *self.interrupts.get(usize::from(device) * PINS + pin)?
    }
}

/// The host bridge that a node on a bus describes, but for its interrupts.
pub fn host<'a>(bus: &Bus<'a>, node: FdtNode<'_, 'a>) -> Option<PciHost> {
    let parent = bus.address_cells;
    let ranges = value(node, "ranges")?;
    let entry = ADDRESS + parent + LENGTH;
    let memory = (0..ranges.len() / (entry * 4)).find_map(|index| {
        let first = index * entry;
        let own = cells(ranges, first + 1, 2)?;
        let start = cells(ranges, first + ADDRESS, parent.min(2))?;
        let length = cells(ranges, first + ADDRESS + parent, LENGTH)?;
        let is_usable = cells(ranges, first, 1)? & SPACE == MEMORY_32 && own == start;
        (is_usable && start.checked_add(length)? <= 1 << 32).then_some(start..start + length)
    })?;
    Some(PciHost {
        configuration: bus.registers(node, 0)?,
        memory,
        dma: bus.dma().below(node, parent),
        interrupts: Vec::new(),
    })
}

/// The lines of bus 0 as the bridge's `interrupt-map` tells them, device by device and pin by pin. `controllers` are the
/// interrupt controllers: the number by which others name each, and the cells of an address on its bus.
pub fn interrupts(node: FdtNode<'_, '_>, controllers: &[(u64, usize)]) -> Vec<Option<Interrupt>> {
    let map = value(node, "interrupt-map").unwrap_or_default();
    let masks = value(node, "interrupt-map-mask").unwrap_or_default();
    let mask = |cell| cells(masks, cell, 1).unwrap_or(0xffff_ffff);
    let mut lines = Vec::new();
    lines.resize(DEVICES * PINS, None);
    let mut first = 0;
    // A line: an address on the bus and a pin, the controller, an address on its bus and the interrupt there.
    while let Some(controller) = cells(map, first + ADDRESS + 1, 1) {
        let known = controllers.iter().find(|(handle, _)| *handle == controller);
        let skipped = known.map_or(0, |&(_, cells)| cells.min(2));
        let line = node::interrupt_in(map, first + ADDRESS + 2 + skipped);
        for (index, place) in lines.iter_mut().enumerate() {
            let (device, pin) = ((index / PINS) as u64, (index % PINS + 1) as u64);
            let is_meant = |cell, own: u64| cells(map, first + cell, 1) == Some(own & mask(cell));
            if is_meant(0, device << 11) && is_meant(ADDRESS, pin) {
                *place = line;
            }
        }
        first += ADDRESS + 2 + skipped + INTERRUPT;
    }
    lines
}
