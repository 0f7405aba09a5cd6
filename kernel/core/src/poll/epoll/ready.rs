//! The ready list of an epoll instance.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use hal::sync::IrqSpinLock;

use super::interest::Interest;
use crate::errno::Result;
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;

/// Interests whose files may be ready, in the order in which they became so.
pub(super) struct ReadyList {
    list: IrqSpinLock<VecDeque<Arc<Interest>>>,
    /// Those who wait for the list to fill: epoll_wait(2), and instances that contain this one.
    pub(super) waiting: Arc<WaitQueue>,
}

impl ReadyList {
    pub(super) fn new() -> ReadyList {
        ReadyList {
            list: IrqSpinLock::new(VecDeque::new()),
            waiting: Arc::new(WaitQueue::new()),
        }
    }

    /// Sets room for `count` interests aside.
    ///
    /// # Errors
    /// ENOMEM.
    pub(super) fn reserve(&self, count: usize) -> Result<()> {
        if self.list.lock().capacity() >= count {
            return Ok(());
        }
        // Allocated outside the lock, which masks interrupts.
        let mut larger = VecDeque::new();
        larger.make_room(count.saturating_mul(2))?;
        let old = {
            let mut list = self.list.lock();
            if list.capacity() >= larger.capacity() {
                return Ok(());
            }
            larger.extend(list.drain(..));
            core::mem::replace(&mut *list, larger)
        };
        drop(old);
        Ok(())
    }

    /// Appends an interest that isn't on the list. Callable from interrupts.
    pub(super) fn push(&self, interest: Arc<Interest>) {
        self.list.lock().push_back(interest);
    }

    /// Takes the first, and says how many are behind it.
    #[inline]
    pub(super) fn pop(&self) -> Option<(Arc<Interest>, usize)> {
        let mut list = self.list.lock();
        let first = list.pop_front()?;
        Some((first, list.len()))
    }

    /// Takes the first of the next `rest`; those that were put back meanwhile come after them.
    pub(super) fn pop_of(&self, rest: usize) -> Option<(Arc<Interest>, usize)> {
        let (first, left) = self.pop()?;
        Some((first, left.min(rest - 1)))
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.list.lock().len()
    }

    /// Takes one interest off the list, wherever it is.
    pub(super) fn remove(&self, interest: &Arc<Interest>) {
        let removed = {
            let mut list = self.list.lock();
            let position = list.iter().position(|other| Arc::ptr_eq(other, interest));
            position.and_then(|position| list.remove(position))
        };
        drop(removed);
    }

    /// Empties the list.
    pub(super) fn clear(&self) {
        while let Some(interest) = self.pop() {
            drop(interest);
        }
    }
}
