//! From the boot loader's entry to the board's main function.

mod information;
mod regions;

#[cfg(target_os = "none")]
mod head;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod start;

pub use information::{BoardFacts, BootInformation};
#[cfg(target_os = "none")]
pub use memory::MemoryError;
pub use regions::{Regions, TooMany};
#[cfg(target_os = "none")]
pub use start::{Boot, DeviceTreeError};
#[cfg(target_os = "none")]
pub(crate) use start::{image_length, primary_main, report_doubtful_device_tree};
