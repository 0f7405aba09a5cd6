//! statfs, fstatfs (statfs(2)).

use super::{WORKING_DIRECTORY, at, fault};
use crate::Result;
use crate::syscall::Arguments;
use crate::task::Current;
use crate::vfs::location::Location;
use crate::vfs::mount::MountFlags;
use crate::vfs::name::NAME_MAX;
use crate::vfs::super_block::Statistics;
use crate::vfs::walk::{self, WalkFlags};
use hal::user::{self, UserAddr};
use zerocopy::{Immutable, IntoBytes};

/// `struct statfs` (asm-generic/statfs.h, 64 bits).
#[derive(Clone, Copy, Default, IntoBytes, Immutable)]
#[repr(C)]
struct StatFs {
    magic: u64,
    block_size: u64,
    blocks: u64,
    free_blocks: u64,
    available_blocks: u64,
    inodes: u64,
    free_inodes: u64,
    id: [u32; 2],
    name_length: u64,
    fragment_size: u64,
    flags: u64,
    spare: [u64; 4],
}

/// `ANON_INODE_FS_MAGIC`: what files without a place report.
const ANONYMOUS_MAGIC: u64 = 0x0904_1934;
/// `ST_VALID`: the flags are filled in.
const VALID: u64 = 0x20;
/// Pairs of a mount flag and its `ST_*` bit where the two differ.
const MOVED: [(MountFlags, u64); 4] = [
    (MountFlags::NO_ACCESS_TIME, 0x400),
    (MountFlags::NO_DIRECTORY_ACCESS_TIME, 0x800),
    (MountFlags::RELATIVE_ACCESS_TIME, 0x1000),
    (MountFlags::NO_SYMBOLIC_LINKS, 0x2000),
];

fn describe(location: Option<&Location>) -> StatFs {
    let statistics = match location {
        Some(location) => location.inode().super_block().operations().statistics(),
        None => Statistics {
            magic: ANONYMOUS_MAGIC,
            block_size: 4096,
            ..Statistics::default()
        },
    };
    let mut result = StatFs {
        magic: statistics.magic,
        block_size: statistics.block_size,
        blocks: statistics.blocks,
        free_blocks: statistics.free_blocks,
        available_blocks: statistics.free_blocks,
        inodes: statistics.inodes,
        free_inodes: statistics.free_inodes,
        name_length: NAME_MAX as u64,
        fragment_size: statistics.block_size,
        flags: VALID,
        ..StatFs::default()
    };
    if let Some(location) = location {
        result.id = [location.inode().super_block().device().encode(), 0];
        let flags = location.mount.flags();
        result.flags |= u64::from(flags.bits() & 0xf);
        result.flags |= u64::from(location.is_read_only());
        for (flag, bit) in MOVED {
            if flags.contains(flag) {
                result.flags |= bit;
            }
        }
    }
    result
}

/// statfs(path, statfs).
pub fn statfs(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let result = at(
        current,
        WORKING_DIRECTORY,
        UserAddr(arguments.u64(0)),
        |view, start, path| {
            Ok(describe(Some(&walk::resolve(
                view,
                start,
                path,
                WalkFlags::FOLLOW,
            )?)))
        },
    )?;
    user::write_value(UserAddr(arguments.u64(1)), &result).map_err(fault)?;
    Ok(0)
}

/// fstatfs(descriptor, statfs).
pub fn fstatfs(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let file = current.file(arguments.fd(0))?;
    user::write_value(UserAddr(arguments.u64(1)), &describe(file.location())).map_err(fault)?;
    Ok(0)
}
