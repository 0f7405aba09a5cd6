//! From the boot loader's entry to the board's main function.

mod information;

pub use information::BootInformation;

/// The boot CPU after the early start: what the board's main function begins with.
#[cfg(target_os = "none")]
pub struct Boot {
    /// Physical address of the device tree, as the boot loader gave it.
    pub device_tree: u64,
}
