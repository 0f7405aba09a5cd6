//! ext4 (Linux: Documentation/filesystems/ext4): a file system on disks, with extents and a journal.
//!
//! * [`format`]: the structures on the disk. [`geometry`]: how a volume is divided. [`super_block`]: mounting, syncing,
//!   unmounting. [`instance`]: what all inodes of a volume share.
//! * [`journal`]: what makes changes of metadata atomic, and the cache of metadata blocks. [`update`]: one such change.
//! * [`allocation`]: free blocks and inodes. [`extents`]: where the blocks of a file are. [`orphans`]: what is to be freed.
//! * [`inode`], [`node`]: inodes in use, and what is in memory of them. [`content`]: regular files. [`directory`]: names in
//!   directories. [`names`], [`rename`]: making, removing and moving them. [`attributes`]: extended attributes.
//!
//! Pages that are written to are promised room, and get blocks when they are written back: data first, then, in one change,
//! the extents that lead to it. So a file never shows another one's old content, whenever the power goes (Linux's
//! `data=ordered` with delayed allocation).
//!
//! A disk may hold anything: each number is checked where it is used, and what makes no sense gives `EUCLEAN`, one line in
//! the log, and an instance that is read-only from then on. A feature that isn't known is refused (`EINVAL`), or only lets
//! the volume be read.
//!
//! # Locks
//! Outermost first: a directory's or file's lock for changes (the VFS has it), a page cache's writing back; a node's
//! `attributes`, its `layout`; a handle of the journal; a node's `names`, its `extents`; a group's lock, the list of orphans; then
//! spin locks: a block's content, the maps of inodes. Nothing is committed inside a handle.

mod allocation;
mod attributes;
mod checksum;
mod content;
mod directory;
mod extents;
mod format;
mod geometry;
mod inode;
mod instance;
mod journal;
mod names;
mod node;
mod orphans;
mod rename;
mod super_block;
#[cfg(test)]
mod tests;
mod update;

use crate::block::mounting;
use crate::vfs::file_system::{FileSystemType, MountRequest};
use crate::vfs::super_block::{ActiveSuperBlock, SuperBlock};
use crate::{Errno, Result};
use super_block::NAME;

/// How it behaves at a wrong structure.
const SHOWN_OPTIONS: &[u8] = b",errors=remount-ro";

/// Options of Linux's that say what is so here anyway.
const IGNORED: [&[u8]; 7] = [
    b"errors=remount-ro",
    b"data=ordered",
    b"barrier",
    b"barrier=1",
    b"delalloc",
    b"nodiscard",
    b"user_xattr",
];

fn check_options(options: &[u8]) -> Result<()> {
    let mut options = options.split(|&byte| byte == b',');
    if options.all(|option| option.is_empty() || IGNORED.contains(&option)) {
        Ok(())
    } else {
        Err(Errno::EINVAL)
    }
}

struct Ext4;

impl FileSystemType for Ext4 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn needs_device(&self) -> bool {
        true
    }

    fn create(&self, request: &MountRequest<'_>) -> Result<ActiveSuperBlock> {
        check_options(request.options)?;
        let volume = mounting::volume(request)?;
        let number = volume.number();
        let source = request.source;
        SuperBlock::on_device(number, NAME, request.read_only, || {
            super_block::mount(volume, source, request.read_only)
        })
    }
}

/// The type "ext4".
pub static EXT4: &dyn FileSystemType = &Ext4;
