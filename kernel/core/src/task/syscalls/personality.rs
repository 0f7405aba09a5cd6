//! personality(2).

use crate::errno::Result;
use crate::syscall::Arguments;
use crate::task::Current;
use core::sync::atomic::Ordering::Relaxed;

/// The argument that only asks.
const QUERY: u32 = u32::MAX;

/// personality(2): the number is kept; nothing here depends on it.
pub fn personality(current: &Current, arguments: &mut Arguments) -> Result<usize> {
    let personality = current.process().personality();
    let old = match arguments.u32(0) {
        QUERY => personality.load(Relaxed),
        new => personality.swap(new, Relaxed),
    };
    Ok(old as usize)
}
