//! Where disks and cards may be.

use super::dma::DmaWindow;
use core::ops::Range;

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
