//! Commits, checkpoints, failures.

use super::*;
use crate::vfs::page_cache::write_back::Reclaimable;

#[test]
fn what_is_committed_survives_a_loss_of_power() {
    for features in feature_sets() {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        fill_and_commit(&journal, HOME, 1).unwrap();
        fill(&journal, &journal.begin(1).unwrap(), HOME + 1, 2).unwrap();
        // Nothing is home yet, and what wasn't committed is nowhere.
        let medium = disk.after_power_loss(|| false);
        assert_eq!((byte(&medium, HOME), byte(&medium, HOME + 1)), (0, 0));
        let medium = replayed(&disk);
        assert_eq!((byte(&medium, HOME), byte(&medium, HOME + 1)), (1, 0));
    }
}

#[test]
fn a_commit_takes_few_requests_and_two_flushes() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    fill_and_commit(&journal, HOME, 1).unwrap();
    let before = disk.counts();
    let handle = journal.begin(20).unwrap();
    for number in HOME..HOME + 20 {
        journal.new_block(number).unwrap();
        fill(&journal, &handle, number, 1).unwrap();
    }
    drop(handle);
    journal.commit().unwrap();
    let after = disk.counts();
    // A descriptor and 20 blocks of 2 sectors by 8 segments, and the commit block.
    assert_eq!(after.0 - before.0, 44);
    assert_eq!((after.1 - before.1, after.2 - before.2), (4, 2));
}

#[test]
fn a_commit_with_nothing_to_do_flushes() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    journal.commit().unwrap();
    assert_eq!(disk.counts().2, 1);
    assert_eq!(disk.counts().0, 0);
}

#[test]
fn shutting_down_writes_home_and_leaves_an_empty_journal() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    fill_and_commit(&journal, HOME, 1).unwrap();
    fill(&journal, &journal.begin(1).unwrap(), HOME + 1, 2).unwrap();
    journal.shut_down().unwrap();
    let medium = disk.after_power_loss(|| false);
    assert_eq!((byte(&medium, HOME), byte(&medium, HOME + 1)), (1, 2));
    let disk = SimulatedDisk::new(medium);
    assert!(!open(&disk).unwrap().replayed());
    // It goes on.
    fill_and_commit(&journal, HOME, 3).unwrap();
    journal.shut_down().unwrap();
    journal.shut_down().unwrap();
}

#[test]
fn blocks_that_look_like_the_journals_own_are_themselves() {
    for features in feature_sets() {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        let block = journal.block(HOME).unwrap();
        let handle = journal.begin(1).unwrap();
        let content = [
            MAGIC.to_be_bytes(),
            2_u32.to_be_bytes(),
            8_u32.to_be_bytes(),
        ]
        .concat();
        handle
            .modify(&block, |bytes| bytes[..12].copy_from_slice(&content))
            .unwrap();
        drop(handle);
        journal.commit().unwrap();
        let at = HOME as usize * BLOCK;
        assert_eq!(replayed(&disk)[at..at + 12], content);
        journal.shut_down().unwrap();
        assert_eq!(disk.after_power_loss(|| false)[at..at + 12], content);
    }
}

#[test]
fn a_log_that_is_full_is_written_home_and_used_again() {
    for features in [0, format::CHECKSUM_3 | format::WIDE] {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        for round in 0..100_u64 {
            let handle = journal.begin(40).unwrap();
            for number in 0..40 {
                fill(
                    &journal,
                    &handle,
                    HOME + (round * 7 + number) % 300,
                    round as u8,
                )
                .unwrap();
            }
            drop(handle);
            journal.commit().unwrap();
            if round % 10 == 3 {
                let medium = replayed(&disk);
                let last = HOME + (round * 7 + 39) % 300;
                assert_eq!(byte(&medium, last), round as u8);
            }
        }
        let medium = replayed(&disk);
        journal.shut_down().unwrap();
        let home = HOME as usize * BLOCK..;
        assert!(disk.after_power_loss(|| false)[home.clone()] == medium[home]);
    }
}

#[test]
fn a_transaction_that_would_outgrow_the_log_is_committed_before() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    let first = journal.begin(1).unwrap().transaction();
    assert_eq!(
        journal.begin(journal.capacity() + 1).err(),
        Some(Errno::ENOSPC)
    );
    for number in 0..journal.capacity() {
        fill(
            &journal,
            &journal.begin(2).unwrap(),
            HOME + u64::from(number),
            1,
        )
        .unwrap();
    }
    assert!(journal.committed() >= first);
}

#[test]
fn more_blocks_than_announced_abort_when_there_is_no_room() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    let other = journal.begin(journal.capacity() - 2).unwrap();
    let handle = journal.begin(1).unwrap();
    fill(&journal, &handle, HOME, 1).unwrap();
    // One is there still.
    fill(&journal, &handle, HOME + 1, 1).unwrap();
    assert_eq!(fill(&journal, &handle, HOME + 2, 1), Err(Errno::EROFS));
    drop((handle, other));
    assert_eq!(journal.begin(1).err(), Some(Errno::EROFS));
    assert_eq!(journal.commit(), Err(Errno::EIO));
    assert_eq!(byte(&replayed(&disk), HOME), 0);
}

#[test]
fn a_failed_write_aborts() {
    for (flush_fails, bad_sectors) in [(true, vec![]), (false, vec![205]), (false, vec![202])] {
        let disk = SimulatedDisk::new(image(0));
        let journal = open(&disk).unwrap();
        fill_and_commit(&journal, HOME, 1).unwrap();
        disk.fail(|faults| {
            faults.flush_fails = flush_fails;
            // The second transaction's blocks come there.
            faults.bad_sectors = bad_sectors.iter().map(|sector| sector + 6).collect();
        });
        let handle = journal.begin(1).unwrap();
        fill(&journal, &handle, HOME, 2).unwrap();
        drop(handle);
        assert_eq!(journal.commit(), Err(Errno::EIO));
        assert_eq!(journal.begin(1).err(), Some(Errno::EROFS));
        assert_eq!(journal.commit(), Err(Errno::EIO));
        assert_eq!(journal.shut_down(), Err(Errno::EIO));
        // It can be read.
        assert_eq!(journal.block(HOME).unwrap().read(|bytes| bytes[0]), 2);
        disk.fail(|faults| *faults = Default::default());
        assert_eq!(byte(&replayed(&disk), HOME), 1);
    }
}

#[test]
fn a_volume_without_a_journal_is_written_by_commits() {
    let disk = SimulatedDisk::new(vec![0; BLOCKS as usize * BLOCK]);
    let journal = Journal::none(disk.volume(), BLOCK, false).unwrap();
    let handle = journal.begin(3).unwrap();
    let id = handle.transaction();
    fill(&journal, &handle, HOME, 1).unwrap();
    fill(&journal, &handle, HOME + 1, 1).unwrap();
    handle.forget(HOME + 1).unwrap();
    drop(handle);
    assert!(journal.committed() < id);
    journal.commit().unwrap();
    assert!(journal.committed() >= id);
    let medium = disk.after_power_loss(|| false);
    assert_eq!((byte(&medium, HOME), byte(&medium, HOME + 1)), (1, 0));
    journal.shut_down().unwrap();
}

#[test]
fn nothing_is_changed_through_a_journal_for_reading() {
    let disk = SimulatedDisk::new(image(0));
    let journal = Journal::open(disk.volume(), BLOCK, PLACE.to_vec(), true).unwrap();
    assert_eq!(journal.begin(1).err(), Some(Errno::EROFS));
    journal.commit().unwrap();
    journal.shut_down().unwrap();
    assert_eq!(disk.counts().0, 0);
}

#[test]
fn only_clean_blocks_that_nobody_has_are_dropped() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    let drop_all = || {
        // At the first pass all were used.
        journal.drop_clean(0, u64::MAX);
        journal.drop_clean(0, u64::MAX).0
    };
    let held = journal.block(HOME).unwrap();
    for number in 1..10 {
        journal.block(HOME + number).unwrap();
    }
    fill_and_commit(&journal, HOME + 10, 9).unwrap();
    fill(&journal, &journal.begin(1).unwrap(), HOME + 11, 8).unwrap();
    assert_eq!((drop_all(), drop_all()), (9, 0));
    let first = |number| journal.block(number).unwrap().read(|bytes| bytes[0]);
    assert_eq!((first(HOME + 10), first(HOME + 11)), (9, 8));
    drop(held);
    journal.shut_down().unwrap();
    assert_eq!(drop_all(), 3);
    assert_eq!((first(HOME + 10), first(HOME + 11)), (9, 8));
}

#[test]
fn blocks_beyond_the_volume_are_refused() {
    let disk = SimulatedDisk::new(image(0));
    let journal = open(&disk).unwrap();
    for number in [BLOCKS, u64::MAX / 1024, u64::MAX] {
        assert_eq!(journal.block(number).err(), Some(Errno::EUCLEAN));
        assert_eq!(journal.new_block(number).err(), Some(Errno::EUCLEAN));
    }
    disk.fail(|faults| faults.bad_sectors.push(HOME * 2));
    assert_eq!(journal.block(HOME).err(), Some(Errno::EIO));
    disk.fail(|faults| faults.bad_sectors.clear());
    journal.block(HOME).unwrap();
}
