//! Device drivers that both boards share, found from the device tree.
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod device_tree;
pub mod fw_cfg;
pub mod mailbox;
pub mod sdhci;

#[cfg(target_os = "none")]
mod activity_light;
#[cfg(target_os = "none")]
pub mod clock;
#[cfg(target_os = "none")]
mod devices;
#[cfg(target_os = "none")]
mod entropy;
#[cfg(target_os = "none")]
pub mod gic;
#[cfg(target_os = "none")]
pub mod pci;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
pub mod processors;
#[cfg(target_os = "none")]
mod rng200;
#[cfg(target_os = "none")]
pub mod serial;
#[cfg(target_os = "none")]
pub mod start;
#[cfg(target_os = "none")]
pub mod virtio;
