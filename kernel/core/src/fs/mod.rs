//! File systems.

pub mod devtmpfs;
pub mod initramfs;
pub mod ramfs;
