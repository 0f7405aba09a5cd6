//! Requests to a block device (Linux: include/uapi/linux/fs.h, block/ioctl.c).

use super::{SECTOR, Volume};
use crate::task::{Capability, Current};
use crate::vfs::PageCache;
use crate::{Errno, Result};
use alloc::sync::Arc;
use hal::user::{self, UserAddr};
use zerocopy::{Immutable, IntoBytes};

const BLKROGET: u32 = 0x125e;
const BLKGETSIZE: u32 = 0x1260;
const BLKFLSBUF: u32 = 0x1261;
const BLKSSZGET: u32 = 0x1268;
const BLKPBSZGET: u32 = 0x127b;
/// `_IOR(0x12, 112, size_t)`, but an `int` is written.
const BLKBSZGET: u32 = 0x8008_1270;
/// `_IOR(0x12, 114, size_t)`.
const BLKGETSIZE64: u32 = 0x8008_1272;

/// Bytes of the blocks in which device files are kept in memory.
const PAGE: i32 = 4096;

/// Carries out a request.
///
/// # Errors
/// `ENOTTY` for one that is unknown; `EFAULT`; `EACCES` for BLKFLSBUF without CAP_SYS_ADMIN; what writing says.
pub fn carry_out(
    volume: &Arc<Volume>,
    cache: &PageCache,
    current: &Current,
    request: u32,
    argument: u64,
) -> Result<usize> {
    let geometry = volume.geometry();
    match request {
        BLKROGET => give(argument, &i32::from(geometry.read_only)),
        BLKGETSIZE => give(argument, &volume.sectors()),
        BLKGETSIZE64 => give(argument, &(volume.sectors() * SECTOR)),
        BLKSSZGET | BLKPBSZGET => give(argument, &geometry.block_size),
        BLKBSZGET => give(argument, &PAGE),
        BLKFLSBUF => {
            if !current.is_capable(Capability::SysAdmin) {
                return Err(Errno::EACCES);
            }
            cache.write_back()?;
            cache.drop_all_clean();
            Ok(0)
        }
        _ => Err(Errno::ENOTTY),
    }
}

fn give<T: IntoBytes + Immutable>(argument: u64, value: &T) -> Result<usize> {
    user::write_value(UserAddr(argument), value)?;
    Ok(0)
}
