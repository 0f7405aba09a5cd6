//! QEMU's firmware configuration device, and the screen that is set up through it (QEMU, docs/specs/fw_cfg.rst).

#[cfg(any(test, target_os = "none"))]
mod directory;
#[cfg(target_os = "none")]
mod ramfb;
#[cfg(target_os = "none")]
mod registers;

#[cfg(target_os = "none")]
pub use ramfb::frame_buffer;
