//! The common part of poll and select: look, register, sleep, look again.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use crate::errno::{Errno, Result};
use crate::sched::{Interruption, WaitQueue, Waiter};
use crate::vfs::PollRegistration;

/// Sleeps on behalf of one call; any of its files can wake it.
struct CallWaiter {
    woken: AtomicBool,
    queue: WaitQueue,
}

impl Waiter for CallWaiter {
    fn wake(&self) {
        self.woken.store(true, Ordering::Release);
        self.queue.wake_all();
    }
}

/// Calls `scan` until it finds something or `deadline` (ns since boot) passes; `Some(0)` looks once. `scan` registers
/// with every file it looks at when it is given a registration.
///
/// # Errors
/// A restart code: a signal came first. What `scan` returns. ENOMEM.
pub fn wait_for<R>(
    deadline: Option<u64>,
    mut scan: impl FnMut(Option<&mut PollRegistration>) -> Result<Option<R>>,
) -> Result<Option<R>> {
    if let Some(found) = scan(None)? {
        return Ok(Some(found));
    }
    if deadline == Some(0) {
        return Ok(None);
    }
    hal::frame::headroom()?;
    let waiter = Arc::new(CallWaiter {
        woken: AtomicBool::new(false),
        queue: WaitQueue::new(),
    });
    let mut registration = PollRegistration::new(waiter.clone());
    if let Some(found) = scan(Some(&mut registration))? {
        return Ok(Some(found));
    }
    if registration.has_failed() {
        return Err(Errno::ENOMEM);
    }
    loop {
        let woken = waiter.queue.wait_deadline(
            || waiter.woken.swap(false, Ordering::AcqRel).then_some(()),
            deadline,
            Interruption::Signal,
        );
        // What became ready counts, even if a signal came as well.
        if let Some(found) = scan(None)? {
            return Ok(Some(found));
        }
        if woken?.is_none() {
            return Ok(None);
        }
    }
}
