//! File systems.

pub mod devtmpfs;
pub mod initramfs;
pub mod procfs;
pub mod ramfs;
