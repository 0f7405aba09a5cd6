//! The device tree: checked, then read once into a description of the machine.

mod check;
mod devices;
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
pub use devices::{Devices, devices};
pub use dma::DmaWindow;
pub use light::PinLight;
pub use machine::{Conduit, Controller, Enable, Machine, Processor, Psci, Serial, SerialKind};
pub use pci::PciHost;
pub use read::read;
pub use storage::{Interrupt, Storage, StorageKind};
