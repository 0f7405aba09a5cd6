//! File systems.

#[cfg(test)]
pub(crate) mod damage;
pub mod devpts;
pub mod devtmpfs;
pub mod erofs;
pub mod ext4;
pub mod fat;
pub mod initramfs;
pub mod overlay;
pub mod procfs;
pub mod ramfs;
