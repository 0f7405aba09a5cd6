//! proc: processes and the system as text (proc(5)).
//!
//! What is shown depends on the reader alone: processes of the reader's list under the list's numbers, paths
//! below the reader's root. So nothing here is remembered by the name cache, and a descriptor that wandered
//! into another list shows nothing of this one.
//!
//! * [`directory`], [`text`]: fixed entries, and files whose text is made when read.
//! * [`device_tree`]: the board as the boot loader described it.
//! * [`root`]: /proc itself. [`process`]: /proc/N. [`system`]: the rest.

mod device_tree;
pub mod directory;
pub mod process;
pub mod root;
mod shown;
pub mod system;
pub mod text;

use alloc::boxed::Box;

use crate::vfs::file_system::{self, FileSystemType, MountRequest};
use crate::vfs::path_node::PathNode;
use crate::vfs::super_block::{Statistics, SuperBlockOperations};
use crate::vfs::{ActiveSuperBlock, SuperBlock};
use crate::{Errno, Result};

/// `PROC_SUPER_MAGIC` (linux/magic.h).
const MAGIC: u64 = 0x9fa0;

struct ProcFs;

impl FileSystemType for ProcFs {
    fn name(&self) -> &'static str {
        "proc"
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        // Whoever asks for less to be shown must not believe that it is so.
        if !request.options.is_empty() {
            return Err(Errno::EINVAL);
        }
        SuperBlock::create(Box::new(ProcSuperBlock), request.source, |super_block| {
            Ok(PathNode::new_root(root::inode(super_block), b""))
        })
    }
}

struct ProcSuperBlock;

impl SuperBlockOperations for ProcSuperBlock {
    fn type_name(&self) -> &'static str {
        "proc"
    }

    fn shows_system(&self) -> bool {
        true
    }

    fn statistics(&self) -> Statistics {
        Statistics {
            magic: MAGIC,
            block_size: 4096,
            ..Statistics::default()
        }
    }
}

/// Makes the type known to mount(2).
pub fn register() {
    file_system::register(&ProcFs);
}
