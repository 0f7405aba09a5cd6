//! Making pipes and opening FIFOs.

use super::PipeEnd;
use crate::vfs::attributes::Attributes;
use crate::vfs::file::File;
use crate::vfs::file_operations::FileOperations;
use crate::vfs::flags::OpenFlags;
use crate::vfs::inode::{Inode, InodeOperations};
use crate::vfs::internal;
use crate::vfs::kind::FileKind;
use crate::vfs::location::Location;
use crate::vfs::path_node::PathNode;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::sync::atomic::Ordering::Relaxed;

/// The inode of a pipe without a name. Opening it through /proc/N/fd opens one of its ends again.
struct PipeInode;

impl InodeOperations for PipeInode {
    fn open(
        &self,
        inode: &Arc<Inode>,
        _location: &Location,
        flags: OpenFlags,
    ) -> Result<Box<dyn FileOperations>> {
        open_fifo(inode, flags)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A new pipe's open ends, the reading one first (pipe2(2)).
///
/// # Errors
/// `ENOMEM`.
pub fn create_pair(owner: u32, group: u32, flags: OpenFlags) -> Result<(Arc<File>, Arc<File>)> {
    hal::frame::headroom()?;
    let mount = internal::pipe_mount()?;
    let super_block = mount.super_block();
    let attributes = Attributes::new(FileKind::Fifo, 0o600, owner, group);
    let inode = Arc::new(Inode::new(
        super_block,
        super_block.next_inode_number(),
        attributes,
        Box::new(PipeInode),
    ));
    let pipe = inode.pipe().clone();
    let location = Location {
        mount,
        node: PathNode::new_root(inode, b""),
    };
    let read_flags = flags;
    let write_flags = flags | OpenFlags::WRITE_ONLY;
    let reader = File::new(
        location.clone(),
        Box::new(PipeEnd::new(pipe.clone(), read_flags)),
        read_flags,
    );
    let writer = File::new(
        location,
        Box::new(PipeEnd::new(pipe, write_flags)),
        write_flags,
    );
    Ok((reader, writer))
}

/// Opens a FIFO: waits for somebody at the other end unless told not to (fifo(7)).
///
/// # Errors
/// `ENXIO` for writing without waiting while nobody reads; a restart code.
pub fn open_fifo(inode: &Arc<Inode>, flags: OpenFlags) -> Result<Box<dyn FileOperations>> {
    let pipe = inode.pipe();
    let non_blocking = flags.contains(OpenFlags::NON_BLOCKING);
    let seen_readers = pipe.reader_opens.load(Relaxed);
    let seen_writers = pipe.writer_opens.load(Relaxed);
    if flags.can_write() && !flags.can_read() && non_blocking && pipe.readers.load(Relaxed) == 0 {
        return Err(Errno::ENXIO);
    }
    let end = PipeEnd::new(pipe.clone(), flags);
    if flags.can_read() && !flags.can_write() && !non_blocking {
        pipe.opened.wait_interruptible(|| {
            (pipe.writers.load(Relaxed) > 0 || pipe.writer_opens.load(Relaxed) != seen_writers)
                .then_some(())
        })?;
    }
    if flags.can_write() && !flags.can_read() && !non_blocking {
        pipe.opened.wait_interruptible(|| {
            (pipe.readers.load(Relaxed) > 0 || pipe.reader_opens.load(Relaxed) != seen_readers)
                .then_some(())
        })?;
    }
    Ok(Box::new(end))
}
