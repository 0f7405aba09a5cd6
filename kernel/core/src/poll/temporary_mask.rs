//! The signal mask that ppoll, pselect6 and epoll_pwait set for the time of the wait.

use hal::user::{self, UserAddr};

use crate::errno::{Errno, Result};
use crate::signal::SignalSet;
use crate::signal::deliver::set_blocked;
use crate::task::Current;

/// A mask set for a wait; none if the caller gave none. To be ended when the wait is over.
#[must_use]
pub(super) struct TemporaryMask {
    before: Option<SignalSet>,
}

impl TemporaryMask {
    /// Sets the mask at `address`, if it isn't null.
    ///
    /// # Errors
    /// EFAULT; EINVAL: `size` isn't a mask's.
    #[inline]
    pub(super) fn set(current: &Current, address: u64, size: usize) -> Result<TemporaryMask> {
        let before = if address == 0 {
            None
        } else {
            Some(replace(current, address, size)?)
        };
        Ok(TemporaryMask { before })
    }

    /// Takes the mask back after the wait. If a signal ended that, delivery does it: when the handler has run, or when
    /// there is none to run.
    #[inline]
    pub(super) fn end<R>(self, current: &Current, outcome: &Result<R>) {
        if let Some(before) = self.before {
            let interrupted =
                matches!(outcome, Err(error) if error.is_restart() || *error == Errno::EINTR);
            if !interrupted && current.signals().take_saved_mask().is_some() {
                set_blocked(current, before);
            }
        }
    }
}

#[inline(never)]
fn replace(current: &Current, address: u64, size: usize) -> Result<SignalSet> {
    if size != size_of::<u64>() {
        return Err(Errno::EINVAL);
    }
    let mask = SignalSet(user::read_value::<u64>(UserAddr(address))?).blockable();
    let before = current.signals().blocked();
    current.signals().save_mask(before);
    set_blocked(current, mask);
    Ok(before)
}
