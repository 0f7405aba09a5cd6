//! personality(2).

use crate::errno::{Errno, Result};
use crate::syscall::Arguments;
use crate::task::Current;
use core::sync::atomic::Ordering::Relaxed;

/// The argument that only asks.
const QUERY: u32 = u32::MAX;

/// The part that names an execution domain; the rest are flags.
const DOMAIN_MASK: u32 = 0xff;
/// The domain of 32-bit programs (`PER_LINUX32`).
const LINUX_32: u32 = 8;

/// Addresses of a new program's mappings are not chosen at random (`ADDR_NO_RANDOMIZE`).
pub const FIXED_ADDRESSES: u32 = 0x0004_0000;

/// What a program that gains privileges doesn't take over (`PER_CLEAR_ON_SETID`): ADDR_NO_RANDOMIZE, MMAP_PAGE_ZERO,
/// ADDR_COMPAT_LAYOUT, READ_IMPLIES_EXEC.
pub const CLEARED_FOR_SECURITY: u32 = FIXED_ADDRESSES | 0x0010_0000 | 0x0020_0000 | 0x0040_0000;

/// personality(2): of the flags ADDR_NO_RANDOMIZE has an effect, at exec; the others are kept and inherited, for the
/// programs of other systems that they are about don't run here. Nor do 32-bit programs.
///
/// # Errors
/// `EINVAL` for the domain of 32-bit programs.
pub fn personality(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let personality = current.process().personality();
    let old = match arguments.u32(0) {
        QUERY => personality.load(Relaxed),
        new if new & DOMAIN_MASK == LINUX_32 => return Err(Errno::EINVAL),
        new => personality.swap(new, Relaxed),
    };
    Ok(old as usize)
}
