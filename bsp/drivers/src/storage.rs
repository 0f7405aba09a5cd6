//! Disks and cards: looked for and started when the kernel runs.

use crate::device_tree::{self, StorageKind};
use crate::{pci, sdhci, virtio};
use spin::Once;

static DEVICE_TREE: Once<&'static [u8]> = Once::new();

/// Keeps the tree, which has been checked, for [`start`].
pub fn note(device_tree: &'static [u8]) {
    DEVICE_TREE.call_once(|| device_tree);
}

/// Starts the drivers of all storage that there is. Sleeps.
pub fn start() {
    let Some(device_tree) = DEVICE_TREE.get() else {
        return;
    };
    for place in device_tree::storage(device_tree) {
        match place.kind {
            StorageKind::Virtio => virtio::start(&place),
            StorageKind::Sdhci => sdhci::start(&place),
        }
    }
    pci::start(device_tree);
}
