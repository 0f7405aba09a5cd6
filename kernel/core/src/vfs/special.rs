//! Opening inodes that aren't regular files.

use super::device::{self, DeviceKind};
use super::directory_file::DirectoryFile;
use super::file_operations::FileOperations;
use super::flags::OpenFlags;
use super::inode::Inode;
use super::kind::FileKind;
use super::location::Location;
use super::mount::MountFlags;
use crate::task::Thread;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;

/// What an opened directory, device, FIFO or socket does, on any file system.
///
/// # Errors
/// `ENXIO` for a socket or a device without driver; `EACCES` for a device on a mount without devices; `ELOOP` for a
/// symbolic link; what the device says.
pub fn open(
    inode: &Arc<Inode>,
    location: &Location,
    flags: OpenFlags,
) -> Result<Box<dyn FileOperations>> {
    match inode.kind() {
        FileKind::Directory => Ok(Box::new(DirectoryFile)),
        FileKind::CharacterDevice => open_device(DeviceKind::Character, inode, location, flags),
        FileKind::BlockDevice => open_device(DeviceKind::Block, inode, location, flags),
        FileKind::Fifo => crate::vfs::pipe::open_fifo(inode, flags),
        FileKind::Socket => Err(Errno::ENXIO),
        FileKind::SymbolicLink => Err(Errno::ELOOP),
        FileKind::Regular => Err(Errno::EINVAL),
    }
}

fn open_device(
    kind: DeviceKind,
    inode: &Arc<Inode>,
    location: &Location,
    flags: OpenFlags,
) -> Result<Box<dyn FileOperations>> {
    if location.mount.flags().contains(MountFlags::NO_DEVICES) {
        return Err(Errno::EACCES);
    }
    if let Some(current) = hal::task::try_current::<Thread>() {
        crate::context::jail::refuse_device(
            &current,
            kind == DeviceKind::Block,
            (inode.device().major, inode.device().minor),
        )?;
    }
    device::find(kind, inode.device())?.open(inode.device(), location, flags)
}
