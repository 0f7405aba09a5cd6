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
    let list = value(node, "compatible").unwrap_or_default();
    list.split(|&byte| byte == 0)
        .any(|name| names.iter().any(|other| other.as_bytes() == name))
}

/// Whether the node's device may be used.
pub fn is_enabled(node: FdtNode<'_, '_>) -> bool {
    text(node, "status").is_none_or(|status| status == "okay" || status == "ok")
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
        let list = value(node, "reg")?;
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

/// Entry `index` of a node's `interrupts`, with what the line does.
pub fn interrupt_line(node: FdtNode<'_, '_>, index: usize) -> Option<Interrupt> {
    interrupt_in(value(node, "interrupts")?, index * 3)
}

/// The interrupt in a list, from cell `first` on: bits 0 and 1 of the flags mean edges.
pub fn interrupt_in(list: &[u8], first: usize) -> Option<Interrupt> {
    let flags = cells(list, first + 2, 1)?;
    Some(Interrupt {
        number: interrupt_number(list, first)?,
        edge: flags & 3 != 0,
    })
}
