//! Device drivers that both boards share, found from the device tree.
#![no_std]

#[cfg(test)]
extern crate std;

pub mod device_tree;
pub mod mailbox;

#[cfg(target_os = "none")]
pub mod clock;
#[cfg(target_os = "none")]
pub mod gic;
#[cfg(target_os = "none")]
pub mod power;
#[cfg(target_os = "none")]
pub mod processors;
#[cfg(target_os = "none")]
pub mod serial;
#[cfg(target_os = "none")]
pub mod start;
