//! From the source argument of mount(2) to a volume.

use super::Volume;
use super::file::BlockFile;
use crate::vfs::file_system::MountRequest;
use crate::vfs::flags::OpenFlags;
use crate::vfs::fs_context::View;
use crate::vfs::kind::FileKind;
use crate::vfs::open;
use crate::vfs::walk::{self, WalkFlags};
use crate::{Errno, Result};
use alloc::sync::Arc;

/// The volume whose device node the source names. Whoever mounts must be able to open it.
///
/// # Errors
/// `ENOTBLK` for what isn't a block device; `EACCES` for one that can't be written, unless it is mounted to be read;
/// those of open(2).
pub fn volume(request: &MountRequest<'_>) -> Result<Arc<Volume>> {
    let current = request.current.ok_or(Errno::EINVAL)?;
    let fs = current.fs();
    let credentials = current.credentials();
    let view = View {
        fs: &fs,
        credentials: &credentials,
    };
    let location = walk::resolve(&view, None, request.source, WalkFlags::FOLLOW)?;
    if location.inode().kind() != FileKind::BlockDevice {
        return Err(Errno::ENOTBLK);
    }
    let access = if request.read_only {
        OpenFlags::READ_ONLY
    } else {
        OpenFlags::READ_WRITE
    };
    let file = open::open_found(&view, location, access)?;
    let opened: Option<&BlockFile> = file.operations().as_any().downcast_ref();
    let volume = opened.ok_or(Errno::ENOTBLK)?.volume().clone();
    if volume.geometry().read_only && !request.read_only {
        return Err(Errno::EACCES);
    }
    Ok(volume)
}
