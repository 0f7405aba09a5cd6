//! All caches with stores together: writing back in the background and at sync(2), and giving memory back.
//!
//! Dirty pages are written some seconds after they were changed, at once by whoever writes when they take a tenth of
//! memory. Clean pages are dropped when a new page would take the last eighth of memory, and before a process is ended
//! for want of it; each cache in turn, in the order of its pages.

use super::PageCache;
use crate::Result;
use crate::heap::MakeRoom;
use crate::sched::{Mutex, WaitQueue, sleep_until};
use crate::vfs::super_block::SuperBlock;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use hal::frame;
use hal::sync::SpinLock;

/// How long (ns) a page may be dirty before it is written (Linux's dirty_writeback_centisecs).
const INTERVAL: u64 = 5_000_000_000;
/// Of memory, this part may be dirty.
const DIRTY_PART: u64 = 10;
/// Of memory, this part is left free by the cache.
const FREE_PART: u64 = 8;
/// Pages that are dropped at once.
const DROP: u64 = 64;

/// Dirty pages of all caches.
static DIRTY: AtomicU64 = AtomicU64::new(0);
/// Something else than pages has changed in a file system since they were all written.
static CHANGED: AtomicBool = AtomicBool::new(false);
/// Where the background thread waits for the first change.
static WORK: WaitQueue = WaitQueue::new();
static CACHES: SpinLock<Vec<Weak<dyn Reclaimable>>> = SpinLock::new(Vec::new());
/// Whose turn it is to give pages back: the cache, and the page in it.
static TURN: Mutex<(usize, u64)> = Mutex::new((0, 0));

/// A cache of what is on a disk.
pub trait Reclaimable: Send + Sync {
    /// Pages of memory that it has.
    fn resident(&self) -> u64;

    /// Drops up to `count` clean pages that nobody uses, from a place on; returns how many, and where to go on, if there
    /// is more. Never waits.
    fn drop_clean(&self, from: u64, count: u64) -> (u64, Option<u64>);

    /// Writes back what is dirty, unless somebody else sees to that. May sleep.
    ///
    /// # Errors
    /// What couldn't be written; who asks for it to be on the medium is told as well.
    fn write_back(&self) -> Result<()>;
}

/// Makes a cache known.
///
/// # Errors
/// `ENOMEM`.
pub fn enter(cache: Weak<dyn Reclaimable>) -> Result<()> {
    let mut caches = CACHES.lock();
    if caches.len() == caches.capacity() {
        caches.retain(|cache| cache.strong_count() > 0);
        caches.make_room(1)?;
    }
    caches.push(cache);
    Ok(())
}

/// One more page is dirty.
pub(super) fn note_dirty() {
    if DIRTY.fetch_add(1, Relaxed) == 0 {
        WORK.wake_all();
    }
}

/// Something has changed that a file system on a device keeps in memory until its `sync`, which is called some seconds
/// later.
pub fn note_change() {
    if !CHANGED.swap(true, Relaxed) {
        WORK.wake_all();
    }
}

/// One page less is dirty.
pub(super) fn note_clean() {
    DIRTY.fetch_sub(1, Relaxed);
}

/// Dirty pages of all caches.
pub fn dirty_pages() -> u64 {
    DIRTY.load(Relaxed)
}

/// Pages of all caches.
pub fn cached_pages() -> u64 {
    let mut total = 0;
    let mut next = 0;
    while let Some(cache) = live(&mut next) {
        total += cache.resident();
    }
    total
}

/// The next living cache from index `next` on.
fn live(next: &mut usize) -> Option<Arc<dyn Reclaimable>> {
    let caches = CACHES.lock();
    loop {
        let cache = caches.get(*next)?;
        *next += 1;
        if let Some(cache) = cache.upgrade() {
            return Some(cache);
        }
    }
}

/// Who writes to a cache writes it back when too much of memory is dirty.
pub(super) fn throttle(cache: &PageCache) {
    if dirty_pages() > frame::total() / DIRTY_PART {
        // Files that are open for writing are told of a failure by fsync.
        let _ = cache.write_back();
    }
}

/// Drops clean pages if memory is short; called before some are loaded, with no cache locked.
pub fn leave_memory() {
    if frame::free() < frame::total() / FREE_PART {
        drop_clean(DROP);
    }
}

/// Drops up to `count` clean pages; returns how many.
pub fn drop_clean(count: u64) -> u64 {
    // Somebody who is at it makes room for all.
    let Some(mut turn) = TURN.try_lock() else {
        return 0;
    };
    let mut dropped = 0;
    let caches = CACHES.lock().len();
    // The first one's beginning comes last, after all others.
    for _ in 0..=caches {
        let cache = {
            let caches = CACHES.lock();
            if turn.0 >= caches.len() {
                *turn = (0, 0);
            }
            caches.get(turn.0).and_then(Weak::upgrade)
        };
        let (gone, next) =
            cache.map_or((0, None), |cache| cache.drop_clean(turn.1, count - dropped));
        dropped += gone;
        *turn = match next {
            Some(page) => (turn.0, page),
            None => (turn.0 + 1, 0),
        };
        if next.is_some() {
            break;
        }
    }
    dropped
}

/// Writes all caches and what file systems keep in memory besides; what fails is told by fsync.
pub fn write_all() {
    CHANGED.store(false, Relaxed);
    let mut next = 0;
    while let Some(cache) = live(&mut next) {
        let _ = cache.write_back();
    }
    SuperBlock::sync_all();
}

/// The background thread.
pub fn run() {
    loop {
        WORK.wait_until(|| (dirty_pages() > 0 || CHANGED.load(Relaxed)).then_some(()));
        // Without memory for the timer it is written now.
        let _ = sleep_until(hal::time::now() + INTERVAL);
        write_all();
    }
}
