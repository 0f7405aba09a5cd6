//! SD cards behind a standard host controller: the Raspberry Pi's EMMC2, and EMMC, which QEMU gives the card.

#[cfg(any(test, target_os = "none"))]
mod card;
#[cfg(target_os = "none")]
mod controller;
#[cfg(target_os = "none")]
mod disk;
#[cfg(target_os = "none")]
mod dma;
#[cfg(target_os = "none")]
mod registers;

#[cfg(target_os = "none")]
pub use disk::start;
