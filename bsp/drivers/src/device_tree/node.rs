//! Reading properties of a node: lists of cells, addresses and interrupts.

use super::dma::DmaWindow;
use super::storage::Interrupt;
use core::ops::Range;
use fdt::node::FdtNode;

/// A property's value as bytes.
pub fn value<'a>(node: FdtNode<'_, 'a>, name: &str) -> Option<&'a [u8]> {
    node.property(name).map(|property| property.value)
}

/// A property's value as text, without what follows the first NUL.
pub fn text<'a>(node: FdtNode<'_, 'a>, name: &str) -> Option<&'a str> {
    let bytes = value(node, name)?;
    let end = bytes
        .iter()
        .position(|&byte| byte == 0)
        .unwrap_or(bytes.len());
    core::str::from_utf8(&bytes[..end]).ok()
}

/// A property of one or two cells as a number.
pub fn number(node: FdtNode<'_, '_>, name: &str) -> Option<u64> {
    let bytes = value(node, name)?;
    match bytes.len() {
        4 | 8 => cells(bytes, 0, bytes.len() / 4),
        _ => None,
    }
}

/// The number in `count` cells (at most two count) of a list, from cell `first` on.
pub fn cells(list: &[u8], first: usize, count: usize) -> Option<u64> {
    let bytes = list.get(first * 4..first.checked_add(count)?.checked_mul(4)?)?;
    Some(
        bytes
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte)),
    )
}

/// Whether one of the node's compatible strings is among `names`.
pub fn is_compatible(node: FdtNode<'_, '_>, names: &[&str]) -> bool {
    is_among(value(node, "compatible").unwrap_or_default(), names)
}

fn is_among(list: &[u8], names: &[&str]) -> bool {
    list.split(|&byte| byte == 0)
        .any(|name| names.iter().any(|other| other.as_bytes() == name))
}

/// Whether the node's device may be used.
pub fn is_enabled(node: FdtNode<'_, '_>) -> bool {
    value(node, "status").is_none_or(means_enabled)
}

fn means_enabled(status: &[u8]) -> bool {
    matches!(status, b"okay\0" | b"ok\0")
}

/// What tells whether and where there is a device, read in one pass over the node's properties: comparing their names is
/// most of what reading a tree takes.
#[derive(Clone, Copy, Default)]
pub struct Device<'a> {
    compatible: &'a [u8],
    status: Option<&'a [u8]>,
    registers: &'a [u8],
    interrupts: &'a [u8],
}

impl<'a> Device<'a> {
    /// That of a node.
    pub fn of(node: FdtNode<'_, 'a>) -> Self {
        let mut device = Self::default();
        for property in node.properties() {
            match property.name {
                "compatible" => device.compatible = property.value,
                "status" => device.status = Some(property.value),
                "reg" => device.registers = property.value,
                "interrupts" => device.interrupts = property.value,
                _ => {}
            }
        }
        device
    }

    /// Whether it is among `names`.
    pub fn is(&self, names: &[&str]) -> bool {
        is_among(self.compatible, names)
    }

    /// Whether it may be used.
    pub fn is_enabled(&self) -> bool {
        self.status.is_none_or(means_enabled)
    }

    /// Its first registers, on this bus.
    pub fn registers(&self, bus: &Bus<'_>) -> Option<Range<u64>> {
        bus.registers_in(self.registers, 0)
    }

    /// Its first interrupt.
    pub fn interrupt(&self) -> Option<Interrupt> {
        interrupt_in(self.interrupts, 0)
    }
}

/// How addresses on a bus are written and what they are for the CPUs.
#[derive(Clone)]
pub struct Bus<'a> {
    pub address_cells: usize,
    pub size_cells: usize,
    /// Where it is on its parent bus, if it is on one.
    ranges: Option<Ranges<'a>>,
    dma: DmaWindow,
}

/// The `ranges` of a bus: (address on it, address on the parent, length), and the parent's own translation.
#[derive(Clone, Copy)]
struct Ranges<'a> {
    /// Empty: addresses are the parent's.
    list: &'a [u8],
    parent_cells: usize,
    /// The parent's ranges with their cells; two levels are enough for all known boards, so a deeper bus has none.
    parent: Option<(&'a [u8], usize, usize, usize)>,
}

impl<'a> Bus<'a> {
    /// The root's bus, whose addresses are the CPUs' own.
    pub fn root(node: FdtNode<'_, 'a>) -> Self {
        let cells = node.cell_sizes();
        Self {
            address_cells: cells.address_cells,
            size_cells: cells.size_cells,
            ranges: None,
            dma: DmaWindow::ALL,
        }
    }

    /// What its devices reach of memory by themselves.
    pub fn dma(&self) -> &DmaWindow {
        &self.dma
    }

    /// The bus below `node`, which is on this one; `None` if its addresses aren't memory addresses.
    pub fn below(&self, node: FdtNode<'_, 'a>) -> Option<Self> {
        let list = value(node, "ranges")?;
        let cells = node.cell_sizes();
        let parent = match self.ranges {
            None => None,
            Some(Ranges {
                parent: Some(_), ..
            }) => return None,
            Some(ranges) => Some((
                ranges.list,
                self.address_cells,
                ranges.parent_cells,
                self.size_cells,
            )),
        };
        let ranges = Ranges {
            list,
            parent_cells: self.address_cells,
            parent,
        };
        Some(Self {
            address_cells: cells.address_cells,
            size_cells: cells.size_cells,
            ranges: Some(ranges),
            dma: self.dma.below(node, self.address_cells),
        })
    }

    /// The CPUs' address for one on this bus.
    fn translate(&self, address: u64) -> Option<u64> {
        let Some(ranges) = self.ranges else {
            return Some(address);
        };
        let address = translate(
            ranges.list,
            self.address_cells,
            ranges.parent_cells,
            self.size_cells,
            address,
        )?;
        match ranges.parent {
            None => Some(address),
            Some((list, own, parent, size)) => translate(list, own, parent, size, address),
        }
    }

    /// Entry `index` of a node's `reg`, as the CPUs see it.
    pub fn registers(&self, node: FdtNode<'_, '_>, index: usize) -> Option<Range<u64>> {
        self.registers_in(value(node, "reg")?, index)
    }

    fn registers_in(&self, list: &[u8], index: usize) -> Option<Range<u64>> {
        if self.address_cells > 2 || self.size_cells > 2 {
            return None;
        }
        let first = index.checked_mul(self.address_cells + self.size_cells)?;
        let start = self.translate(cells(list, first, self.address_cells)?)?;
        let length = cells(list, first + self.address_cells, self.size_cells)?;
        Some(start..start.checked_add(length)?)
    }

    /// All entries of a node's `reg` that make sense.
    pub fn all_registers(&self, node: FdtNode<'_, '_>) -> impl Iterator<Item = Range<u64>> {
        let entry = (self.address_cells + self.size_cells).max(1) * 4;
        let count = value(node, "reg").unwrap_or_default().len() / entry;
        (0..count).filter_map(move |index| self.registers(node, index))
    }
}

/// Looks an address up in a list of ranges.
fn translate(list: &[u8], own: usize, parent: usize, size: usize, address: u64) -> Option<u64> {
    if list.is_empty() {
        return Some(address);
    }
    if own > 2 || parent > 2 || size > 2 {
        return None;
    }
    let entry = own + parent + size;
    (0..list.len() / (entry * 4).max(4)).find_map(|index| {
        let first = index * entry;
        let start = cells(list, first, own)?;
        let length = cells(list, first + own + parent, size)?;
        let offset = address
            .checked_sub(start)
            .filter(|&offset| offset < length)?;
        cells(list, first + own, parent)?.checked_add(offset)
    })
}

/// Entry `index` of a node's `interrupts`, as a GIC interrupt number.
pub fn interrupt(node: FdtNode<'_, '_>, index: usize) -> Option<u32> {
    interrupt_number(value(node, "interrupts")?, index * 3)
}

/// The GIC interrupt number in a list, from cell `first` on: cells are (kind, number, flags).
fn interrupt_number(list: &[u8], first: usize) -> Option<u32> {
    let number = cells(list, first + 1, 1)? as u32;
    match cells(list, first, 1)? {
        0 if number < 988 => Some(number + 32),
        1 if number < 16 => Some(number + 16),
        _ => None,
    }
}

/// The interrupt in a list, from cell `first` on: bits 0 and 1 of the flags mean edges.
pub fn interrupt_in(list: &[u8], first: usize) -> Option<Interrupt> {
    let flags = cells(list, first + 2, 1)?;
    Some(Interrupt {
        number: interrupt_number(list, first)?,
        edge: flags & 3 != 0,
    })
}
