//! Epoll instances in epoll instances: no cycles, and not too deep.

use super::instance::Epoll;
use crate::errno::{Errno, Result};
use crate::sched::{Mutex, MutexGuard};

/// How many instances may be wrapped around each other (EP_MAX_NESTS of Linux's fs/eventpoll.c, plus one).
const DEEPEST: usize = 5;

/// Held while one instance is added to another, so that two additions can't close a cycle together.
static NESTING: Mutex<()> = Mutex::new(());

/// Checks that `outer` may take `inner` in. Keep what it returns until that is done.
///
/// # Errors
/// ELOOP.
pub(super) fn check(outer: &Epoll, inner: &Epoll) -> Result<MutexGuard<'static, ()>> {
    let guard = NESTING.lock();
    let depth = depth_without(inner, outer, 1)?;
    if depth >= DEEPEST {
        return Err(Errno::ELOOP);
    }
    Ok(guard)
}

/// How many levels of instances there are in `epoll`, itself included; ELOOP if `forbidden` is among them.
fn depth_without(epoll: &Epoll, forbidden: &Epoll, level: usize) -> Result<usize> {
    if core::ptr::eq(epoll, forbidden) || level > DEEPEST {
        return Err(Errno::ELOOP);
    }
    let mut deepest = 1;
    // Nested instances only: no lock of one is taken twice, since there is no cycle yet.
    for interest in epoll.interests.lock().values() {
        if let Some(file) = interest.file.upgrade()
            && let Ok(inner) = Epoll::of(&file)
        {
            deepest = deepest.max(1 + depth_without(inner, forbidden, level + 1)?);
        }
    }
    Ok(deepest)
}
