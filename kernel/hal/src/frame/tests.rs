//! The allocator against what it promises.

use super::buddy::{Buddy, MAX_ORDER};
use super::*;
use std::collections::BTreeMap;
use std::vec::Vec;

/// Numbers that look random and are the same in each run (SplitMix64).
pub(crate) struct Random(pub u64);

impl Random {
    pub(crate) fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % below
    }
}

#[test]
fn buddy_gives_disjoint_aligned_blocks_and_merges_all_again() {
    let memory = FrameBlock::allocate(MAX_ORDER).unwrap();
    let first = (memory.physical_address() >> FRAME_SHIFT) as u32;
    let mut buddy = Buddy::new();
    // SAFETY: the block is ours.
    unsafe { buddy.release(first, MAX_ORDER) };
    let mut held: BTreeMap<u32, usize> = BTreeMap::new();
    let mut random = Random(1);
    for step in 0..20_000 {
        let order = random.next(6) as usize;
        let grow = if step / 2000 % 2 == 0 { 3 } else { 1 };
        if random.next(4) < grow {
            let expected_free =
                (1 << MAX_ORDER) - held.values().map(|order| 1u64 << order).sum::<u64>();
            assert_eq!(buddy.free_frames(), expected_free);
            if let Some(block) = buddy.allocate(order) {
                assert!(block.is_multiple_of(1 << order));
                assert!(block >= first && block + (1 << order) <= first + (1 << MAX_ORDER));
                if let Some((before, size)) = held.range(..=block).next_back() {
                    assert!(before + (1 << size) <= block);
                }
                if let Some((after, _)) = held.range(block..).next() {
                    assert!(block + (1 << order) <= *after);
                }
                held.insert(block, order);
            } else {
                assert!(expected_free < (1 << MAX_ORDER));
            }
        } else if !held.is_empty() {
            let index = random.next(held.len() as u64) as usize;
            let (&block, &order) = held.iter().nth(index).unwrap();
            held.remove(&block);
            // SAFETY: the block was allocated and is no longer used.
            unsafe { buddy.release(block, order) };
        }
    }
    for (block, order) in held {
        // SAFETY: the block was allocated and is no longer used.
        unsafe { buddy.release(block, order) };
    }
    assert_eq!(buddy.allocate(MAX_ORDER), Some(first));
    assert_eq!(buddy.free_frames(), 0);
    assert_eq!(buddy.allocate(0), None);
}

#[test]
fn memory_that_all_devices_reach_is_given_out_last() {
    let ordinary = FrameBlock::allocate(3).unwrap();
    assert!(ordinary.physical_address() >= machine::BOUNDARY);
    let reached = FrameBlock::allocate_below(3, machine::BOUNDARY).unwrap();
    assert!(reached.physical_address() + reached.size() as u64 <= machine::BOUNDARY);
    let further = FrameBlock::allocate_below(0, machine::BOUNDARY + 0x123_4567).unwrap();
    assert!(further.physical_address() < machine::BOUNDARY);
    assert!(FrameBlock::allocate_below(0, u64::MAX).is_ok());
    let nothing = FrameBlock::allocate_below(0, machine::BOUNDARY - 1);
    assert_eq!(nothing.err(), Some(OutOfMemory));
}

#[test]
fn owners_are_counted() {
    let frame = Frame::zeroed().unwrap();
    assert!(frame.is_unique());
    let second = frame.clone();
    assert!(!frame.is_unique());
    assert_eq!(second.owners(), 2);
    drop(frame);
    assert!(second.is_unique());
}

#[test]
fn content_is_read_and_written() {
    let frame = Frame::zeroed().unwrap();
    frame.write(10, b"abc");
    let mut bytes = [1; 5];
    frame.read(9, &mut bytes);
    assert_eq!(&bytes, b"\0abc\0");
    let copy = Frame::copy_of(&frame).unwrap();
    copy.fill_zero(11, 1);
    copy.read(9, &mut bytes);
    assert_eq!(&bytes, b"\0a\0c\0");
    frame.copy_part(0, &copy, 10, 3);
    frame.read(0, &mut bytes[..3]);
    assert_eq!(&bytes[..3], b"a\0c");
}

#[test]
#[should_panic(expected = "a range beyond its page")]
fn an_access_beyond_the_page_is_refused() {
    Frame::zeroed().unwrap().write(4095, b"ab");
}

#[test]
fn frames_are_distinct_across_threads() {
    let threads: Vec<_> = (0..4)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut random = Random(seed);
                let mut held: Vec<(Frame, u64)> = Vec::new();
                for stamp in 0..5_000u64 {
                    if random.next(3) > 0 && held.len() < 300 {
                        let frame = Frame::zeroed().unwrap();
                        let mut bytes = [1; 8];
                        frame.read(4088, &mut bytes);
                        assert_eq!(bytes, [0; 8]);
                        let stamp = stamp << 8 | seed;
                        frame.write(4088, &stamp.to_ne_bytes());
                        held.push((frame, stamp));
                    } else if !held.is_empty() {
                        let (frame, stamp) =
                            held.swap_remove(random.next(held.len() as u64) as usize);
                        let mut bytes = [0; 8];
                        frame.read(4088, &mut bytes);
                        assert_eq!(u64::from_ne_bytes(bytes), stamp);
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn the_initial_ram_disk_becomes_free_memory_page_by_page() {
    // A block that plays the disk's memory: leaked, then owned by the disk page by page.
    let block = FrameBlock::allocate(2).unwrap();
    let start = block.physical_address();
    block.leak();
    // SAFETY: the block is ours to give away.
    unsafe { set_initrd(start + 0x10..start + 0x3000 + 5) };
    let mut disk = take_initrd().unwrap();
    assert!(take_initrd().is_none());
    assert_eq!(disk.len(), 0x2ff5);
    assert_eq!(disk.bytes().unwrap().len(), 0x2ff5);
    assert!(disk.frame_at(0).is_none());
    let page = disk.frame_at(0xff0).unwrap();
    assert!(disk.frame_at(0x2ff0).is_none(), "the last page isn't whole");
    assert!(disk.bytes().is_none());
    page.write(0, b"x");
    let mut byte = [0];
    assert!(disk.read(0xff0, &mut byte));
    assert_eq!(&byte, b"x");
    assert!(!disk.read(0x2ff5, &mut byte));
    assert_eq!(page.owners(), 2);
    drop(disk);
    assert!(page.is_unique());
}
