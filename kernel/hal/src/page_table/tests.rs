//! The page table against a plain map of what it should hold.

use super::*;
use crate::frame::tests::Random;
use crate::frame::{Frame, OutOfMemory};
use std::collections::BTreeMap;
use std::vec::Vec;

const READ: Protection = Protection {
    read: true,
    write: false,
    execute: false,
};
const READ_WRITE: Protection = Protection {
    read: true,
    write: true,
    execute: false,
};
const NONE: Protection = Protection {
    read: false,
    write: false,
    execute: false,
};
const PAGE: u64 = 4096;

fn stamped(stamp: u64) -> Frame {
    let frame = Frame::zeroed().unwrap();
    frame.write(0, &stamp.to_ne_bytes());
    frame
}

fn stamp(frame: &Frame) -> u64 {
    let mut bytes = [0; 8];
    frame.read(0, &mut bytes);
    u64::from_ne_bytes(bytes)
}

/// Writes as a program does: `false` if it gets a fault that isn't mended.
fn write(table: &mut UserPageTable, address: u64, value: u64) -> bool {
    if table
        .lookup(address)
        .is_some_and(|mapping| mapping.copy_on_write)
    {
        assert!(table.resolve_copy_on_write(address).unwrap());
    }
    table.lookup(address).is_some_and(|mapping| {
        if mapping.writable {
            mapping.frame.write(0, &value.to_ne_bytes());
        }
        mapping.writable
    })
}

#[test]
fn a_page_is_mapped_found_and_unmapped() {
    let mut table = UserPageTable::new().unwrap();
    let frame = stamped(5);
    let watcher = frame.clone();
    assert!(table.lookup(0x40_0000).is_none());
    table.map(0x40_0123, frame, READ, Sharing::Private).unwrap();
    let mapping = table.lookup(0x40_0fff).unwrap();
    assert_eq!(stamp(&mapping.frame), 5);
    assert!(mapping.readable && !mapping.writable && !mapping.copy_on_write && !mapping.dirty);
    assert!(table.lookup(0x40_1000).is_none());
    assert_eq!(table.resident_pages(), 1);
    table.unmap_range(0x40_0000, 0x40_1000);
    assert!(table.lookup(0x40_0000).is_none());
    assert!(watcher.is_unique());
    assert_eq!(table.resident_pages(), 0);
}

#[test]
fn addresses_beyond_user_space_are_refused() {
    let mut table = UserPageTable::new().unwrap();
    assert_eq!(
        table.map(1 << 48, stamped(1), READ, Sharing::Private),
        Err(OutOfMemory)
    );
    table
        .map((1 << 48) - 1, stamped(1), READ, Sharing::Private)
        .unwrap();
    assert!(table.lookup((1 << 48) - PAGE).is_some());
    assert!(table.lookup(u64::MAX).is_none());
    table.unmap_range((1 << 48) - PAGE, u64::MAX);
    assert_eq!(table.resident_pages(), 0);
}

#[test]
fn a_private_page_with_other_owners_is_copied_on_write() {
    let mut table = UserPageTable::new().unwrap();
    let cached = stamped(5);
    table
        .map(0, cached.clone(), READ_WRITE, Sharing::Private)
        .unwrap();
    assert!(table.lookup(0).unwrap().copy_on_write);
    assert!(write(&mut table, 0, 6));
    assert_eq!(stamp(&cached), 5);
    assert_eq!(stamp(&table.lookup(0).unwrap().frame), 6);
    assert!(cached.is_unique());
    assert_eq!(table.resolve_copy_on_write(0), Ok(false));
    assert_eq!(table.resolve_copy_on_write(PAGE), Ok(false));
}

#[test]
fn a_shared_page_is_written_in_place() {
    let mut table = UserPageTable::new().unwrap();
    let cached = stamped(5);
    table.map(0, cached.clone(), READ, Sharing::Shared).unwrap();
    assert!(!write(&mut table, 0, 6));
    assert!(!table.lookup(0).unwrap().dirty);
    table.protect_range(0, PAGE, READ_WRITE);
    assert!(write(&mut table, 0, 6));
    table.protect_range(0, PAGE, READ);
    assert!(table.lookup(0).unwrap().dirty);
    assert_eq!(stamp(&cached), 6);
}

#[test]
fn the_shared_zero_page_stays_zero() {
    let mut table = UserPageTable::new().unwrap();
    table
        .map(
            0,
            Frame::shared_zero().unwrap(),
            READ_WRITE,
            Sharing::Private,
        )
        .unwrap();
    table
        .map(
            PAGE,
            Frame::shared_zero().unwrap(),
            READ_WRITE,
            Sharing::Private,
        )
        .unwrap();
    assert!(write(&mut table, 0, 1));
    assert_eq!(stamp(&table.lookup(PAGE).unwrap().frame), 0);
    assert_eq!(stamp(&Frame::shared_zero().unwrap()), 0);
}

#[test]
fn a_page_without_access_keeps_its_content() {
    let mut table = UserPageTable::new().unwrap();
    table
        .map(0, stamped(5), READ_WRITE, Sharing::Private)
        .unwrap();
    table.protect_range(0, PAGE, NONE);
    let mapping = table.lookup(0).unwrap();
    assert!(
        !mapping.readable && !mapping.writable && !mapping.executable && !mapping.copy_on_write
    );
    table.protect_range(0, PAGE, READ_WRITE);
    assert!(write(&mut table, 0, 6));
}

#[test]
fn fork_shares_until_one_side_writes() {
    let mut parent = UserPageTable::new().unwrap();
    let mut child = UserPageTable::new().unwrap();
    parent
        .map(0, stamped(1), READ_WRITE, Sharing::Private)
        .unwrap();
    parent
        .map(1 << 40, stamped(2), READ_WRITE, Sharing::Shared)
        .unwrap();
    let mut fork = parent.begin_fork(&mut child);
    fork.copy_range(0, PAGE, ForkMode::CopyOnWrite).unwrap();
    fork.copy_range(1 << 40, 1 << 41, ForkMode::Share).unwrap();
    drop(fork);
    assert_eq!(child.resident_pages(), 2);
    assert!(write(&mut parent, 0, 10));
    assert!(write(&mut parent, 1 << 40, 20));
    assert_eq!(stamp(&child.lookup(0).unwrap().frame), 1);
    assert_eq!(stamp(&child.lookup(1 << 40).unwrap().frame), 20);
    // The child is the last owner: no copy is made.
    let number = child.lookup(0).unwrap().frame.number();
    assert!(write(&mut child, 0, 11));
    assert_eq!(child.lookup(0).unwrap().frame.number(), number);
    assert_eq!(stamp(&parent.lookup(0).unwrap().frame), 10);
}

#[test]
fn dropping_an_address_space_gives_its_frames_up() {
    let frame = stamped(1);
    let mut table = UserPageTable::new().unwrap();
    for position in 0..1000 {
        table
            .map(
                position * 0x1234_5000,
                frame.clone(),
                READ,
                Sharing::Private,
            )
            .unwrap();
    }
    assert_eq!(frame.owners(), 1001);
    let activation = table.activation();
    drop(table);
    assert!(frame.is_unique());
    let here = crate::sync::InterruptGuard::new();
    activation.activate(&here);
    activate_none(&here);
}

#[test]
fn a_run_maps_what_is_absent() {
    let mut table = UserPageTable::new().unwrap();
    let cached: Vec<Frame> = (0..20).map(stamped).collect();
    table
        .map(2 * PAGE, stamped(100), READ, Sharing::Private)
        .unwrap();
    let mut run = table.begin_run(0, READ_WRITE, Sharing::Private).unwrap();
    for (position, frame) in cached.iter().enumerate() {
        run.map_if_absent(position as u64 * PAGE, frame.clone());
    }
    run.map_if_absent(0x20_0000, cached[0].clone());
    drop(run);
    assert_eq!(table.resident_pages(), 20);
    assert_eq!(stamp(&table.lookup(2 * PAGE).unwrap().frame), 100);
    assert!(table.lookup(0x20_0000).is_none());
    assert!(write(&mut table, 19 * PAGE, 7));
    assert_eq!(stamp(&cached[19]), 19);
    table.unmap_range(0, 20 * PAGE);
    assert_eq!(table.resident_pages(), 0);
    assert!(cached.iter().all(Frame::is_unique));
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Model {
    stamp: u64,
    protection: Protection,
}

#[test]
fn random_operations_agree_with_a_model() {
    let mut random = Random(3);
    let mut spaces: Vec<(UserPageTable, BTreeMap<u64, Model>)> = Vec::new();
    spaces.push((UserPageTable::new().unwrap(), BTreeMap::new()));
    // Addresses in a few clusters, so that ranges meet tables of every level.
    let address = |random: &mut Random| {
        let base =
            [0, 0x1f_f000, 0x3fff_f000, 0x7f_ffff_f000, 0xffff_ffff_0000][random.next(5) as usize];
        base + random.next(12) * PAGE
    };
    for step in 1..30_000u64 {
        let which = random.next(spaces.len() as u64) as usize;
        let count = spaces.len();
        let (table, model) = &mut spaces[which];
        let start = address(&mut random);
        let end = if random.next(4) == 0 {
            address(&mut random).max(start + PAGE)
        } else {
            start + random.next(8) * PAGE
        };
        let protection = [READ, READ_WRITE, NONE][random.next(3) as usize];
        match random.next(20) {
            0..8 => {
                table
                    .map(start, stamped(step), protection, Sharing::Private)
                    .unwrap();
                model.insert(
                    start,
                    Model {
                        stamp: step,
                        protection,
                    },
                );
            }
            8..10 => {
                table.unmap_range(start, end);
                model.retain(|page, _| !(start..end).contains(page));
            }
            10..12 => {
                table.protect_range(start, end, protection);
                for (_, entry) in model.range_mut(start..end.max(start)) {
                    entry.protection = protection;
                }
            }
            12..17 => {
                let written = write(table, start, step);
                assert_eq!(
                    written,
                    model
                        .get(&start)
                        .is_some_and(|entry| entry.protection.write)
                );
                if written {
                    model.get_mut(&start).unwrap().stamp = step;
                }
            }
            17 if count < 4 => {
                let mut child = UserPageTable::new().unwrap();
                table
                    .fork_range(&mut child, start, end, ForkMode::CopyOnWrite)
                    .unwrap();
                let copied = model
                    .range(start..end.max(start))
                    .map(|(page, entry)| (*page, *entry))
                    .collect();
                spaces.push((child, copied));
            }
            18 if count > 1 => {
                spaces.swap_remove(which);
            }
            19 => {
                let target = address(&mut random);
                let length = (random.next(4) + 1) * PAGE;
                let apart = target >= start + length || start >= target + length;
                if apart && start.max(target) + length <= 1 << 48 {
                    table.move_range(start, target, length).unwrap();
                    model.retain(|page, _| !(target..target + length).contains(page));
                    let moved: Vec<_> = model
                        .range(start..start + length)
                        .map(|(page, entry)| (*page, *entry))
                        .collect();
                    for (page, entry) in moved {
                        model.remove(&page);
                        model.insert(page - start + target, entry);
                    }
                }
            }
            _ => {}
        }
        if step % 50 == 0 {
            for (table, model) in &spaces {
                assert_eq!(table.resident_pages(), model.len() as u64);
                for (page, entry) in model {
                    let mapping = table.lookup(*page).unwrap();
                    assert_eq!(stamp(&mapping.frame), entry.stamp);
                    assert_eq!(mapping.readable, entry.protection.read);
                    assert_eq!(
                        mapping.writable || mapping.copy_on_write,
                        entry.protection.write
                    );
                }
            }
        }
    }
}
