//! Who waits on which word: buckets by the key's hash.

use super::key::Key;
use crate::errno::Result;
use crate::heap::MakeRoom;
use crate::sched::{self, State};
use crate::task::ThreadRef;
use alloc::vec::Vec;
use core::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use core::sync::atomic::{AtomicU32, fence};
use hal::sync::{SpinLock, SpinLockGuard};

/// How many buckets; a power of two.
const BUCKETS: usize = 256;

/// A thread that waits.
struct Waiter {
    key: Key,
    /// Only wakes whose bits meet these count (FUTEX_WAIT_BITSET).
    mask: u32,
    thread: ThreadRef,
}

struct Bucket {
    /// How many wait here, for wakers that needn't lock then.
    count: AtomicU32,
    waiters: SpinLock<Vec<Waiter>>,
}

static TABLE: [Bucket; BUCKETS] = [const {
    Bucket {
        count: AtomicU32::new(0),
        waiters: SpinLock::new(Vec::new()),
    }
}; BUCKETS];

/// A thread's place in the table.
pub struct Place {
    /// The bucket it waits in, or one of the marks below. Written under the bucket's lock.
    state: AtomicU32,
}

/// The thread was woken, or never waited.
const AWAKE: u32 = u32::MAX;

impl Place {
    /// Not waiting.
    pub const fn new() -> Self {
        Place {
            state: AtomicU32::new(AWAKE),
        }
    }

    /// Whether a waker has taken the thread out.
    pub fn is_awake(&self) -> bool {
        self.state.load(Acquire) == AWAKE
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn bucket_of(key: &Key) -> usize {
    key.hash() % BUCKETS
}

/// Enters a thread as waiting on `key` if `check`, which runs with the bucket locked, agrees.
///
/// # Errors
/// What `check` gives; `ENOMEM`.
pub fn enter(
    thread: ThreadRef,
    key: Key,
    mask: u32,
    check: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let index = bucket_of(&key);
    let bucket = &TABLE[index];
    // Counted before the word is looked at: a waker that changed it earlier is seen, a later one sees the count.
    bucket.count.fetch_add(1, Relaxed);
    fence(SeqCst);
    let mut waiters = bucket.waiters.lock();
    let entered = check().and_then(|()| waiters.make_room(1));
    if entered.is_ok() {
        thread.futex_place().state.store(index as u32, Release);
        waiters.push(Waiter { key, mask, thread });
    } else {
        bucket.count.fetch_sub(1, Relaxed);
    }
    entered
}

/// Takes a thread out that gives up waiting; false if a waker has done so before: the wake counts then.
pub fn leave(thread: &ThreadRef) -> bool {
    loop {
        let index = thread.futex_place().state.load(Acquire);
        if index == AWAKE {
            return false;
        }
        let bucket = &TABLE[index as usize % BUCKETS];
        let mut waiters = bucket.waiters.lock();
        // It may have been requeued meanwhile.
        if thread.futex_place().state.load(Acquire) != index {
            continue;
        }
        let position = waiters
            .iter()
            .position(|waiter| alloc::sync::Arc::ptr_eq(&waiter.thread, thread));
        let removed = position.map(|position| waiters.remove(position));
        bucket.count.fetch_sub(1, Relaxed);
        thread.futex_place().state.store(AWAKE, Release);
        drop(waiters);
        drop(removed);
        return true;
    }
}

/// Wakes up to `limit` threads that wait on `key` with one of the bits of `mask`, those who wait longest first; gives
/// how many.
pub fn wake(key: &Key, limit: usize, mask: u32) -> usize {
    let bucket = &TABLE[bucket_of(key)];
    fence(SeqCst);
    if bucket.count.load(Relaxed) == 0 {
        return 0;
    }
    let mut waiters = bucket.waiters.lock();
    wake_in(bucket, &mut waiters, key, limit, mask)
}

fn wake_in(
    bucket: &Bucket,
    waiters: &mut Vec<Waiter>,
    key: &Key,
    limit: usize,
    mask: u32,
) -> usize {
    let (mut index, mut woken) = (0, 0);
    while woken < limit {
        let Some(waiter) = waiters.get(index) else {
            break;
        };
        if waiter.key != *key || waiter.mask & mask == 0 {
            index += 1;
            continue;
        }
        let waiter = waiters.remove(index);
        bucket.count.fetch_sub(1, Relaxed);
        waiter.thread.futex_place().state.store(AWAKE, Release);
        fence(SeqCst);
        sched::wake(&waiter.thread, State::ANY_SLEEP);
        woken += 1;
    }
    woken
}

/// Locks the buckets of two keys, in the order of their indices.
fn lock_two(
    one: usize,
    other: usize,
) -> (
    SpinLockGuard<'static, Vec<Waiter>>,
    Option<SpinLockGuard<'static, Vec<Waiter>>>,
) {
    if one == other {
        return (TABLE[one].waiters.lock(), None);
    }
    if one < other {
        let first = TABLE[one].waiters.lock();
        (first, Some(TABLE[other].waiters.lock()))
    } else {
        let second = TABLE[other].waiters.lock();
        (TABLE[one].waiters.lock(), Some(second))
    }
}

/// Wakes up to `wake_limit` that wait on `from`, and makes up to `move_limit` of the others wait on `to` instead, if
/// `check`, which runs with both locked, agrees; gives how many were woken and moved.
///
/// # Errors
/// What `check` gives; `ENOMEM`.
pub fn requeue(
    from: &Key,
    to: &Key,
    wake_limit: usize,
    move_limit: usize,
    check: impl FnOnce() -> Result<()>,
) -> Result<(usize, usize)> {
    let (source, target) = (bucket_of(from), bucket_of(to));
    let (mut waiters, mut others) = lock_two(source, target);
    check()?;
    let woken = wake_in(&TABLE[source], &mut waiters, from, wake_limit, u32::MAX);
    if from == to {
        return Ok((woken, 0));
    }
    let mut moved = 0;
    let mut index = 0;
    while moved < move_limit {
        let Some(waiter) = waiters.get_mut(index) else {
            break;
        };
        if waiter.key != *from {
            index += 1;
            continue;
        }
        match &mut others {
            None => {
                waiter.key = *to;
                index += 1;
            }
            Some(others) => {
                others.make_room(1)?;
                let mut waiter = waiters.remove(index);
                waiter.key = *to;
                TABLE[source].count.fetch_sub(1, Relaxed);
                TABLE[target].count.fetch_add(1, Relaxed);
                waiter
                    .thread
                    .futex_place()
                    .state
                    .store(target as u32, Release);
                others.push(waiter);
            }
        }
        moved += 1;
    }
    Ok((woken, moved))
}

/// Runs `change` with the buckets of both keys locked, then wakes on the first, and on the second if it said so.
///
/// # Errors
/// What `change` gives.
pub fn wake_both(
    first: &Key,
    second: &Key,
    first_limit: usize,
    second_limit: usize,
    change: impl FnOnce() -> Result<bool>,
) -> Result<usize> {
    let (one, other) = (bucket_of(first), bucket_of(second));
    let (mut waiters, mut others) = lock_two(one, other);
    let also = change()?;
    let mut woken = wake_in(&TABLE[one], &mut waiters, first, first_limit, u32::MAX);
    if also {
        let second_waiters = others
            .as_mut()
            .map_or(&mut *waiters, |others| &mut **others);
        woken += wake_in(
            &TABLE[other],
            second_waiters,
            second,
            second_limit,
            u32::MAX,
        );
    }
    Ok(woken)
}
