//! What of memory a device reaches by itself, and at which addresses: its bus's `dma-ranges` (Devicetree Specification
//! 0.4, 2.3.9).

use super::node::{self, cells};
use core::ops::Range;
use fdt::node::FdtNode;

/// A window onto memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DmaWindow {
    /// Physical addresses, as the CPUs see them.
    pub memory: Range<u64>,
    /// The address on the device's bus of the window's start.
    pub bus: u64,
}

impl DmaWindow {
    /// All memory, at the CPUs' addresses.
    pub const ALL: Self = Self {
        memory: 0..u64::MAX,
        bus: 0,
    };

    /// The address on the bus of `length` bytes of memory; `None` if the device doesn't reach them all.
    pub fn bus_address(&self, physical: u64, length: u64) -> Option<u64> {
        let offset = physical.checked_sub(self.memory.start)?;
        let end = physical.checked_add(length)?;
        (end <= self.memory.end)
            .then(|| self.bus.checked_add(offset))
            .flatten()
    }

    /// The window of devices on the bus below `node`, which is on the bus of this window with addresses of
    /// `parent_cells` cells. As in Linux, a bus without the property, or with an empty one, reaches what its parent
    /// does. Of several pieces the largest counts; one that leads nowhere makes a window onto nothing.
    pub fn below(&self, node: FdtNode<'_, '_>, parent_cells: usize) -> Self {
        let list = node::value(node, "dma-ranges").unwrap_or_default();
        let sizes = node.cell_sizes();
        let (own, size) = (sizes.address_cells, sizes.size_cells);
        if list.is_empty() {
            return self.clone();
        }
        let nothing = Self {
            memory: 0..0,
            bus: 0,
        };
        // On PCI the first of three cells says which space it is.
        let space = usize::from(own == 3);
        if own > 3 || parent_cells > 2 || size > 2 {
            return nothing;
        }
        let entry = own + parent_cells + size;
        (0..list.len() / (entry * 4).max(4))
            .filter_map(|index| {
                let first = index * entry;
                let bus = cells(list, first + space, own - space)?;
                let parent = cells(list, first + own, parent_cells)?;
                let length = cells(list, first + own + parent_cells, size)?;
                self.part(parent, length, bus)
            })
            .max_by_key(|window| window.memory.end - window.memory.start)
            .unwrap_or(nothing)
    }

    /// What of this window is at `start..start + length` on its bus, and at `bus` on a bus below.
    fn part(&self, start: u64, length: u64, bus: u64) -> Option<Self> {
        let end = start.checked_add(length)?;
        let own_end = self.bus.saturating_add(self.memory.end - self.memory.start);
        let (first, last) = (start.max(self.bus), end.min(own_end));
        (first < last).then(|| Self {
            memory: self.memory.start + (first - self.bus)..self.memory.start + (last - self.bus),
            bus: bus.saturating_add(first - start),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::Blob;
    use super::*;
    use crate::device_tree::check;

    /// The window below `soc`, and that below `scb/pcie` in it, of a tree with such properties.
    fn windows(soc: Option<&[u32]>, inner: Option<&[u32]>) -> (DmaWindow, DmaWindow) {
        let mut blob = Blob::new(&[]);
        blob.begin("")
            .cells("#address-cells", &[2])
            .cells("#size-cells", &[1]);
        blob.begin("soc")
            .cells("#address-cells", &[1])
            .cells("#size-cells", &[1]);
        if let Some(cells) = soc {
            blob.cells("dma-ranges", cells);
        }
        blob.begin("inner")
            .cells("#address-cells", &[1])
            .cells("#size-cells", &[1]);
        if let Some(cells) = inner {
            blob.cells("dma-ranges", cells);
        }
        blob.end().end().end();
        let mut blob = blob.finish();
        check(&mut blob).unwrap();
        let tree = fdt::Fdt::new(&blob).unwrap();
        let outer = DmaWindow::ALL.below(tree.find_node("/soc").unwrap(), 2);
        let inner = outer.below(tree.find_node("/soc/inner").unwrap(), 1);
        (outer, inner)
    }

    fn window(memory: Range<u64>, bus: u64) -> DmaWindow {
        DmaWindow { memory, bus }
    }

    #[test]
    fn the_first_gigabyte_is_seen_elsewhere() {
        let (soc, inner) = windows(Some(&[0xc000_0000, 0, 0, 0x4000_0000]), None);
        assert_eq!(soc, window(0..0x4000_0000, 0xc000_0000));
        assert_eq!(
            inner, soc,
            "a bus that says nothing reaches what its parent does"
        );
        assert_eq!(soc.bus_address(0x3fff_f000, 0x1000), Some(0xffff_f000));
        assert_eq!(soc.bus_address(0x3fff_f000, 0x1001), None);
        assert_eq!(soc.bus_address(u64::MAX, 2), None);
    }

    #[test]
    fn windows_on_windows_are_what_both_let_through() {
        let outer = [0x8000_0000, 1, 0x1000_0000, 0x2000_0000];
        let (_, inner) = windows(Some(&outer), Some(&[0, 0x7000_0000, 0x2000_0000]));
        assert_eq!(inner, window(0x1_1000_0000..0x1_2000_0000, 0x1000_0000));
        let (_, nothing) = windows(Some(&outer), Some(&[0, 0, 0x1000]));
        assert!(nothing.memory.is_empty());
    }

    #[test]
    fn nothing_said_is_no_limit_and_the_largest_piece_counts() {
        assert_eq!(windows(None, Some(&[])), (DmaWindow::ALL, DmaWindow::ALL));
        let pieces = [0, 0, 0, 0x1000, 0x1_0000, 1, 0, 0x2000];
        assert_eq!(
            windows(Some(&pieces), None).0,
            window(0x1_0000_0000..0x1_0000_2000, 0x1_0000)
        );
    }
}
