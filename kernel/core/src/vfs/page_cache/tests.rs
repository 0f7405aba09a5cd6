//! Caches with a store.

use super::{PAGE_SIZE, PageCache, PageStore, write_back};
use crate::memory::MemoryObject;
use crate::vfs::transfer::{Destination, Source};
use crate::{Errno, Result};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use hal::frame::Frame;
use hal::sync::SpinLock;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

/// A store of some pages, each filled with its index to begin with.
struct Store {
    pages: SpinLock<Vec<Vec<u8>>>,
    fails: AtomicBool,
    bad: AtomicU64,
    reads: AtomicU64,
    /// Where reading stops, twice.
    stop: Option<Barrier>,
}

struct Handle(Arc<Store>);

impl PageStore for Handle {
    fn read_pages(&self, first: u64, frames: &[Frame]) -> Result<()> {
        self.0.reads.fetch_add(1, Relaxed);
        if let Some(stop) = &self.0.stop {
            stop.wait();
            stop.wait();
        }
        let pages = self.0.pages.lock();
        for (index, frame) in (first..).zip(frames) {
            if index == self.0.bad.load(Relaxed) {
                return Err(Errno::EIO);
            }
            frame.write(0, &pages[index as usize]);
        }
        Ok(())
    }

    fn write_pages(&self, pages: &[(u64, Frame)]) -> Result<()> {
        if self.0.fails.load(Relaxed) {
            return Err(Errno::EIO);
        }
        assert!(pages.is_sorted_by_key(|(index, _)| *index));
        let mut stored = self.0.pages.lock();
        for (index, frame) in pages {
            frame.read(0, &mut stored[*index as usize]);
        }
        Ok(())
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }
}

fn cache(count: u64) -> (Arc<PageCache>, Arc<Store>) {
    cache_that_stops(count, None)
}

fn cache_that_stops(count: u64, stop: Option<Barrier>) -> (Arc<PageCache>, Arc<Store>) {
    let store = Arc::new(Store {
        pages: SpinLock::new(
            (0..count)
                .map(|index| vec![index as u8; PAGE_SIZE])
                .collect(),
        ),
        fails: AtomicBool::new(false),
        bad: AtomicU64::new(u64::MAX),
        reads: AtomicU64::new(0),
        stop,
    });
    let cache = PageCache::with_store(count * PAGE_SIZE as u64, Box::new(Handle(store.clone())));
    (cache.unwrap(), store)
}

fn write(cache: &PageCache, position: usize, bytes: &[u8]) {
    let written = cache.write(&mut Source::kernel(bytes), position as u64);
    assert_eq!(written, Ok(bytes.len()));
}

fn read(cache: &PageCache, position: usize, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    cache.read(&mut Destination::kernel(&mut bytes), position as u64)?;
    Ok(bytes)
}

#[test]
fn a_write_to_a_part_of_a_page_keeps_the_rest() {
    let (cache, store) = cache(4);
    write(&cache, 2 * PAGE_SIZE + 10, b"changed");
    assert_eq!((cache.dirty(), store.pages.lock()[2][10]), (1, 2));
    assert_eq!(cache.write_back(), Ok(()));
    let pages = store.pages.lock();
    assert_eq!(&pages[2][9..18], b"\x02changed\x02");
    assert_eq!((cache.dirty(), pages[1][0]), (0, 1));
}

#[test]
fn a_page_that_is_overwritten_is_not_loaded() {
    let (cache, store) = cache(4);
    write(&cache, PAGE_SIZE, &[9; PAGE_SIZE]);
    assert_eq!(store.reads.load(Relaxed), 0);
    assert_eq!(read(&cache, PAGE_SIZE, PAGE_SIZE), Ok(vec![9; PAGE_SIZE]));
}

#[test]
fn reading_in_order_loads_many_pages_at_once() {
    let (cache, store) = cache(128);
    for index in 0..128 {
        assert_eq!(read(&cache, index * PAGE_SIZE, 1).unwrap(), [index as u8]);
    }
    assert_eq!(store.reads.load(Relaxed), 2);
}

#[test]
fn a_bad_page_fails_no_other() {
    let (cache, store) = cache(16);
    store.bad.store(3, Relaxed);
    for index in (0..16).filter(|&index| index != 3) {
        assert_eq!(read(&cache, index * PAGE_SIZE, 1).unwrap(), [index as u8]);
    }
    assert_eq!(read(&cache, 3 * PAGE_SIZE, 1), Err(Errno::EIO));
}

#[test]
fn each_open_file_learns_once_that_writing_failed() {
    let (cache, store) = cache(4);
    let (one, other) = (cache.seen(), cache.seen());
    store.fails.store(true, Relaxed);
    write(&cache, 0, b"lost");
    assert_eq!(cache.write_back(), Err(Errno::EIO));
    store.fails.store(false, Relaxed);
    assert_eq!(cache.sync(&one), Err(Errno::EIO));
    assert_eq!(cache.sync(&one), Ok(()));
    assert_eq!(cache.sync(&other), Err(Errno::EIO));
    assert_eq!(cache.sync(&cache.seen()), Ok(()));
}

#[test]
fn clean_pages_are_dropped_and_dirty_ones_kept() {
    let (cache, store) = cache(8);
    read(&cache, 0, 8 * PAGE_SIZE).unwrap();
    write(&cache, PAGE_SIZE, b"dirty");
    let used = cache.page(2, false).unwrap();
    cache.drop_all_clean();
    assert_eq!(cache.resident(), 2);
    drop(used);
    assert_eq!(read(&cache, PAGE_SIZE, 5).unwrap(), b"dirty");
    assert_eq!(read(&cache, 7 * PAGE_SIZE, 1).unwrap(), [7]);
    assert_eq!(store.pages.lock()[1][0], 1);
    // Without the page it is loaded again, with what was written back.
    cache.write_back().unwrap();
    cache.drop_all_clean();
    assert_eq!(cache.resident(), 0);
    assert_eq!(read(&cache, PAGE_SIZE, 6).unwrap(), b"dirty\x01");
}

#[test]
fn memory_is_given_back_by_all_caches() {
    let (one, _store) = cache(4);
    read(&one, 0, 4 * PAGE_SIZE).unwrap();
    // Other tests have caches too, which may give theirs first.
    while one.resident() > 0 {
        assert!(write_back::drop_clean(1000) > 0 || one.resident() == 0);
    }
}

#[test]
fn a_mapped_page_that_is_written_becomes_dirty() {
    let (cache, store) = cache(2);
    drop(cache.page(0, false).unwrap());
    assert_eq!(cache.dirty(), 0);
    cache.page(0, true).unwrap().write(5, b"mapped");
    assert_eq!(cache.dirty(), 1);
    cache.write_back().unwrap();
    assert_eq!(&store.pages.lock()[0][5..11], b"mapped");
    assert_eq!(cache.page(2, false).err(), Some(Errno::ENXIO));
}

#[test]
fn what_is_cut_off_is_not_written() {
    let (cache, store) = cache(4);
    write(&cache, 0, &[9; 4 * PAGE_SIZE]);
    cache.set_size(PAGE_SIZE as u64 + 100).unwrap();
    assert_eq!(cache.dirty(), 2);
    cache.write_back().unwrap();
    let pages = store.pages.lock();
    assert_eq!((pages[0][0], pages[1][99], pages[1][100]), (9, 9, 0));
    assert_eq!((pages[2][0], pages[3][0]), (2, 3));
}

#[test]
fn what_is_cut_off_while_it_is_loaded_does_not_stay() {
    let (cache, store) = cache_that_stops(4, Some(Barrier::new(2)));
    let stop = store.stop.as_ref().unwrap();
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&cache, 3 * PAGE_SIZE, 1));
        stop.wait();
        let cutter = scope.spawn(|| cache.set_size(PAGE_SIZE as u64));
        // Time enough for the cutter, if it doesn't wait for the reader.
        thread::sleep(Duration::from_millis(100));
        stop.wait();
        reader.join().unwrap().unwrap();
        cutter.join().unwrap().unwrap();
    });
    assert_eq!(cache.resident(), 0);
    assert_eq!(cache.obtain(3), Err(Errno::ENXIO));
}
