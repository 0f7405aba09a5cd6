//! The virtual file system: names, mounts, open files and the page cache.
//!
//! * [`inode`], [`attributes`], [`super_block`]: files and the file systems that hold them.
//! * [`path_node`], [`children`], [`name`]: the tree of names over inodes. [`walk`]: from a path to a place.
//! * [`mount`], [`mount_table`], [`location`], [`fs_context`]: what is where, and for whom. [`mount_copy`],
//!   [`unmount`], [`mount_restrict`]: changes of it; [`mount_lock`]: what can't be changed; [`mask`]: what hides.
//! * [`file`], [`file_operations`], [`fd_table`], [`transfer`], [`poll`], [`record_lock`]: open files.
//! * [`page_cache`], [`page_index`]: content of regular files. [`extended`]: attributes that programs name themselves.
//! * [`device`]: drivers by number. [`syscalls`]: the system calls on files.
//!
//! # Lock order
//! 1. a file's position;
//! 2. a super block's `renames`, then the `change` locks of directories (ancestors first, else by address), then of the
//!    file that is removed or replaced;
//! 3. [`path_node::NAMES`]: no sleeping and no user memory in its sections, and nothing that could be the last
//!    reference to a node, a mount or a super block is dropped there;
//! 4. spin locks: descriptor tables, page indices, record locks, the device registry. Leaves, each alone.
//!
//! Locks of group 1 and 2 sleep and may be held while user memory is touched, so the address space's lock comes after
//! them; the page cache serves faults with a leaf lock alone.

pub mod attributes;
pub mod change;
pub mod children;
pub mod device;
pub mod directory_file;
pub mod extended;
pub mod fd_table;
pub mod file;
pub mod file_operations;
pub mod file_system;
pub mod flags;
pub mod fs_context;
pub mod inode;
pub mod internal;
pub mod kind;
pub mod limits;
pub mod location;
mod mask;
pub mod mount;
pub mod mount_copy;
mod mount_lock;
pub mod mount_restrict;
pub mod mount_table;
pub mod mount_text;
pub mod name;
pub mod name_eviction;
pub mod namespace;
pub mod open;
pub mod page_cache;
pub mod page_index;
pub mod path_node;
pub mod path_text;
pub mod permission;
pub mod pipe;
pub mod poll;
pub mod record_lock;
pub mod regular_file;
pub mod rename;
pub mod signals;
pub mod special;
pub mod stored_file;
pub mod super_block;
pub mod syscalls;
#[cfg(test)]
pub(crate) mod test_tree;
#[cfg(test)]
mod tests;
pub mod transfer;
pub mod unmount;
pub mod walk;
pub mod write_access;

pub use attributes::Attributes;
pub use device::Device;
pub use fd_table::FdTable;
pub use file::File;
pub use file_operations::{FileOperations, Positions, Whence};
pub use flags::OpenFlags;
pub use fs_context::{FsContext, View};
pub use inode::{Inode, InodeOperations};
pub use kind::{DeviceNumber, FileKind};
pub use location::Location;
pub use mount::{Mount, MountFlags};
pub use mount_table::MountTable;
pub use page_cache::PageCache;
pub use path_node::PathNode;
pub use poll::{PollEvents, PollRegistration};
pub use super_block::{ActiveSuperBlock, SuperBlock};
pub use transfer::{Destination, IoVector, Source};
pub use write_access::Executable;
