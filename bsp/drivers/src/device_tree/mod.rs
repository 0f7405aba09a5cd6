//! The device tree: checked, then read once into a description of the machine.

mod check;
mod dma;
mod light;
mod machine;
mod node;
mod pci;
mod read;
#[cfg(test)]
mod sample;
mod storage;

pub use check::{Damage, check};
pub use dma::DmaWindow;
pub use light::{PinLight, activity_light};
pub use machine::{Conduit, Controller, Enable, Machine, Processor, Psci, Serial, SerialKind};
pub use pci::{PciHost, hosts as pci_hosts};
pub use read::read;
pub use storage::{Interrupt, Storage, StorageKind, storage};
