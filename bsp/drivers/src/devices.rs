//! Devices that only a running kernel can start: looked for by its first thread.

use crate::device_tree::{self, StorageKind};
use crate::{activity_light, entropy, pci, sdhci, virtio};
use spin::Once;

static DEVICE_TREE: Once<&'static [u8]> = Once::new();

/// Keeps the tree, which has been checked, for [`start`].
pub fn note(device_tree: &'static [u8]) {
    DEVICE_TREE.call_once(|| device_tree);
}

/// Starts the drivers of all disks and cards that there are, and waits for the first random numbers. Sleeps.
pub fn start() {
    let Some(device_tree) = DEVICE_TREE.get() else {
        return;
    };
    let devices = device_tree::devices(device_tree);
    if let Some(light) = devices.light {
        activity_light::start(light);
    }
    for place in devices.storage {
        match place.kind {
            StorageKind::Virtio => virtio::start(&place),
            StorageKind::Sdhci => sdhci::start(&place),
        }
    }
    for host in &devices.pci_hosts {
        pci::start(host);
    }
    entropy::gather();
}
