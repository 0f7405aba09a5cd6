//! Locks on files: POSIX and open-file-description record locks (fcntl(2)) and flock(2).
//!
//! All locks of an inode are in one list under a spin lock; conflicts wait in one queue.

use super::file::File;
use crate::heap::MakeRoom;
use crate::sched::WaitQueue;
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, Ordering::Relaxed};
use hal::sync::{Once, SpinLock};

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockOwner {
    /// A process, by host number: POSIX locks, gone when it closes any descriptor of the file.
    Process(u32),
    /// An open file, by its address: `F_OFD_SETLK`.
    File(usize),
    /// An open file's flock(2) lock, which is apart from record locks.
    Whole(usize),
}

impl LockOwner {
    /// An open file as the owner of record locks.
    pub fn of_file(file: &File) -> Self {
        Self::File(core::ptr::from_ref(file).addr())
    }

    /// An open file as the owner of a flock(2) lock.
    pub fn whole(file: &File) -> Self {
        Self::Whole(core::ptr::from_ref(file).addr())
    }

    /// flock(2) locks and record locks don't see each other.
    fn is_flock(self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

/// A lock on a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RangeLock {
    /// Who holds it.
    pub owner: LockOwner,
    /// Nobody else may hold any lock on the range.
    pub exclusive: bool,
    /// First byte.
    pub start: u64,
    /// The byte after the last one; `u64::MAX` for "to the end, wherever that is".
    pub end: u64,
    /// The process that asked for it, as `F_GETLK` reports it, by host number.
    pub process: u32,
}

impl RangeLock {
    fn overlaps(&self, other: &Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn conflicts(&self, other: &Self) -> bool {
        self.owner != other.owner
            && self.owner.is_flock() == other.owner.is_flock()
            && (self.exclusive || other.exclusive)
            && self.overlaps(other)
    }
}

#[derive(Default)]
struct LockList {
    locks: SpinLock<Vec<RangeLock>>,
    waiting: WaitQueue,
}

/// The locks of an inode; costs a pointer until the first one is taken.
pub struct FileLocks {
    list: Once<Box<LockList>>,
    used: AtomicBool,
}

/// The list without what `owner` holds in the range, with pieces on both sides kept.
fn without(locks: &[RangeLock], owner: LockOwner, start: u64, end: u64) -> Result<Vec<RangeLock>> {
    let mut rest = Vec::new();
    // A lock that is cut in the middle becomes two.
    rest.make_room(locks.len() + 2)?;
    for lock in locks {
        if lock.owner != owner || lock.end <= start || lock.start >= end {
            rest.push(*lock);
            continue;
        }
        if lock.start < start {
            rest.push(RangeLock {
                end: start,
                ..*lock
            });
        }
        if lock.end > end {
            rest.push(RangeLock {
                start: end,
                ..*lock
            });
        }
    }
    Ok(rest)
}

/// Adds a lock, joined with neighbours of the same owner and kind.
fn add(locks: &mut Vec<RangeLock>, lock: RangeLock) {
    let mut lock = lock;
    locks.retain(|other| {
        let joins = other.owner == lock.owner
            && other.exclusive == lock.exclusive
            && other.start <= lock.end
            && lock.start <= other.end;
        if joins {
            lock.start = lock.start.min(other.start);
            lock.end = lock.end.max(other.end);
        }
        !joins
    });
    locks.push(lock);
}

impl FileLocks {
    /// No locks.
    pub const fn new() -> Self {
        Self {
            list: Once::new(),
            used: AtomicBool::new(false),
        }
    }

    /// Whether a lock was ever taken.
    #[inline]
    pub fn are_used(&self) -> bool {
        self.used.load(Relaxed)
    }

    fn list(&self) -> &LockList {
        self.used.store(true, Relaxed);
        self.list.call_once(Box::default)
    }

    /// Takes a lock, replacing what its owner holds in the range; waits for conflicting ones if told to.
    ///
    /// # Errors
    /// `EAGAIN` on a conflict without waiting; `ENOMEM`; a restart code when a signal comes.
    pub fn take(&self, lock: RangeLock, wait: bool) -> Result<()> {
        let list = self.list();
        let attempt = || {
            let mut locks = list.locks.lock();
            if locks.iter().any(|other| lock.conflicts(other)) {
                return None;
            }
            Some(
                without(&locks, lock.owner, lock.start, lock.end).map(|mut rest| {
                    add(&mut rest, lock);
                    *locks = rest;
                }),
            )
        };
        let taken = match attempt() {
            Some(result) => result,
            None if wait => list.waiting.wait_interruptible(attempt)?,
            None => return Err(Errno::EAGAIN),
        };
        // An exclusive lock that became a shared one may let others go on.
        list.waiting.wake_all();
        taken
    }

    /// Gives back what `owner` holds in a range.
    ///
    /// # Errors
    /// `ENOMEM` when a lock would have to be cut in two.
    pub fn release(&self, owner: LockOwner, start: u64, end: u64) -> Result<()> {
        if !self.used.load(Relaxed) {
            return Ok(());
        }
        let list = self.list();
        let mut locks = list.locks.lock();
        let rest = without(&locks, owner, start, end)?;
        *locks = rest;
        drop(locks);
        list.waiting.wake_all();
        Ok(())
    }

    /// Gives back all that `owner` holds.
    pub fn release_owner(&self, owner: LockOwner) {
        if !self.used.load(Relaxed) {
            return;
        }
        let list = self.list();
        list.locks.lock().retain(|lock| lock.owner != owner);
        list.waiting.wake_all();
    }

    /// Gives back all that an open file holds; it is being closed for good.
    pub fn release_file(&self, file: &File) {
        if !self.used.load(Relaxed) {
            return;
        }
        self.release_owner(LockOwner::of_file(file));
        self.release_owner(LockOwner::whole(file));
    }

    /// The first lock that keeps `lock` from being taken.
    pub fn conflict(&self, lock: &RangeLock) -> Option<RangeLock> {
        if !self.used.load(Relaxed) {
            return None;
        }
        self.list()
            .locks
            .lock()
            .iter()
            .find(|other| lock.conflicts(other))
            .copied()
    }
}

impl Default for FileLocks {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(owner: u32, exclusive: bool, start: u64, end: u64) -> RangeLock {
        RangeLock {
            owner: LockOwner::Process(owner),
            exclusive,
            start,
            end,
            process: owner,
        }
    }

    #[test]
    fn exclusive_locks_conflict_and_shared_ones_do_not() {
        let locks = FileLocks::new();
        locks.take(lock(1, false, 0, 10), false).unwrap();
        locks.take(lock(2, false, 5, 15), false).unwrap();
        assert_eq!(locks.take(lock(2, true, 5, 15), false), Err(Errno::EAGAIN));
        assert_eq!(
            locks.conflict(&lock(3, true, 12, 13)),
            Some(lock(2, false, 5, 15))
        );
        locks.take(lock(3, true, 20, 30), false).unwrap();
    }

    #[test]
    fn releasing_the_middle_leaves_both_ends() {
        let locks = FileLocks::new();
        locks.take(lock(1, true, 0, 30), false).unwrap();
        locks.release(LockOwner::Process(1), 10, 20).unwrap();
        assert_eq!(
            locks.conflict(&lock(2, false, 0, 5)),
            Some(lock(1, true, 0, 10))
        );
        assert_eq!(locks.conflict(&lock(2, false, 10, 20)), None);
        assert_eq!(
            locks.conflict(&lock(2, false, 25, 26)),
            Some(lock(1, true, 20, 30))
        );
    }

    #[test]
    fn neighbours_of_one_owner_join() {
        let mut list = Vec::new();
        add(&mut list, lock(1, true, 0, 10));
        add(&mut list, lock(1, true, 10, 20));
        assert_eq!(list, [lock(1, true, 0, 20)]);
    }
}
