//! Replaying logs, good and bad ones.

use super::*;
use crate::block::simulated::Random;

/// A disk with three committed transactions in the log, the last of which makes HOME 3.
fn with_transactions(features: u32) -> Vec<u8> {
    let disk = SimulatedDisk::new(image(features));
    let journal = open(&disk).unwrap();
    for number in 1..=3 {
        fill_and_commit(&journal, HOME, number).unwrap();
    }
    disk.after_power_loss(|| false)
}

#[test]
fn a_freed_block_is_not_replayed() {
    for features in feature_sets() {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        for number in [HOME, HOME + 1, HOME + 2] {
            fill_and_commit(&journal, number, 1).unwrap();
        }
        let handle = journal.begin(2).unwrap();
        let id = handle.transaction();
        handle.forget(HOME).unwrap();
        handle.forget(HOME + 1).unwrap();
        // In use again as metadata.
        fill(&journal, &handle, HOME + 1, 2).unwrap();
        drop(handle);
        assert_eq!(byte(&replayed(&disk), HOME), 1);
        journal.commit().unwrap();
        assert!(journal.committed() >= id);
        // HOME may hold data now.
        let medium = replayed(&disk);
        let bytes = [0, 1, 2].map(|number| byte(&medium, HOME + number));
        assert_eq!(bytes, [0, 2, 1]);
        journal.shut_down().unwrap();
        let medium = disk.after_power_loss(|| false);
        let bytes = [0, 1, 2].map(|number| byte(&medium, HOME + number));
        assert_eq!(bytes, [0, 2, 1]);
    }
}

#[test]
fn a_revoked_block_that_is_used_again_is_replayed() {
    for features in feature_sets() {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        fill_and_commit(&journal, HOME, 1).unwrap();
        journal.begin(0).unwrap().forget(HOME).unwrap();
        journal.commit().unwrap();
        let block = journal.new_block(HOME).unwrap();
        journal
            .begin(1)
            .unwrap()
            .modify(&block, |bytes| bytes[0] = 4)
            .unwrap();
        journal.commit().unwrap();
        assert_eq!(byte(&replayed(&disk), HOME), 4);
    }
}

#[test]
fn many_revocations_take_several_blocks() {
    for features in feature_sets() {
        let disk = SimulatedDisk::new(image(features));
        let journal = open(&disk).unwrap();
        for first in [0, 100, 200] {
            let handle = journal.begin(100).unwrap();
            for number in first..first + 100 {
                fill(&journal, &handle, HOME + number, 1).unwrap();
            }
            drop(handle);
            journal.commit().unwrap();
        }
        let handle = journal.begin(1).unwrap();
        for number in 0..300 {
            handle.forget(HOME + number).unwrap();
        }
        fill(&journal, &handle, HOME + 300, 1).unwrap();
        drop(handle);
        journal.commit().unwrap();
        let medium = replayed(&disk);
        assert!((0..300).all(|number| byte(&medium, HOME + number) == 0));
        assert_eq!(byte(&medium, HOME + 300), 1);
    }
}

#[test]
fn a_replay_is_done_once() {
    let disk = SimulatedDisk::new(with_transactions(0));
    assert!(open(&disk).unwrap().replayed());
    assert!(!open(&disk).unwrap().replayed());
}

#[test]
fn a_device_that_takes_no_writes_is_not_replayed() {
    let medium = with_transactions(0);
    let disk = SimulatedDisk::with_geometry(medium, |geometry| geometry.read_only = true);
    assert_eq!(open(&disk).err(), Some(Errno::EROFS));
}

#[test]
fn a_transaction_that_is_cut_off_is_not_replayed() {
    for features in feature_sets() {
        let medium = with_transactions(features);
        // Each transaction is a descriptor, a block and a commit block.
        let commit = (PLACE[0].start as usize + 1 + 8) * BLOCK;
        let mut cut = medium.clone();
        cut[commit..commit + BLOCK].fill(0);
        let disk = SimulatedDisk::new(cut);
        open(&disk).unwrap();
        assert_eq!(byte(&disk.after_power_loss(|| false), HOME), 2);
        if features & (format::CHECKSUM_2 | format::CHECKSUM_3) == 0 {
            continue;
        }
        // A commit block of which only a part was written.
        let mut cut = medium.clone();
        cut[commit + 600] = 1;
        let disk = SimulatedDisk::new(cut);
        open(&disk).unwrap();
        assert_eq!(byte(&disk.after_power_loss(|| false), HOME), 2);
        // A damaged transaction in the middle isn't passed over.
        for damaged in [commit - 5 * BLOCK + 20, commit - 3 * BLOCK + 600] {
            let mut bad = medium.clone();
            bad[damaged] ^= 1;
            let error = open(&SimulatedDisk::new(bad)).err();
            assert!([Some(Errno::EUCLEAN), Some(Errno::EBADMSG)].contains(&error));
        }
        // A damaged block neither.
        let mut bad = medium;
        bad[commit - BLOCK + 77] ^= 1;
        assert_eq!(open(&SimulatedDisk::new(bad)).err(), Some(Errno::EBADMSG));
    }
}

#[test]
fn unknown_features_and_bad_super_blocks_are_refused() {
    let start = PLACE[0].start as usize * BLOCK;
    let error = |change: &dyn Fn(&mut [u8])| {
        let mut medium = image(0);
        change(&mut medium[start..start + BLOCK]);
        open(&SimulatedDisk::new(medium)).err()
    };
    let word = |at: usize, value: u32| {
        error(&|bytes| bytes[at..at + 4].copy_from_slice(&value.to_be_bytes()))
    };
    assert_eq!(error(&|_| {}), None);
    // Magic, version, block size, length, first block, start.
    for (at, value) in [
        (0, 0),
        (4, 1),
        (12, 4096),
        (16, 601),
        (16, 0),
        (20, 0),
        (20, 600),
        (28, 600),
        (28, u32::MAX),
    ] {
        assert_eq!(word(at, value), Some(Errno::EUCLEAN), "{at} {value}");
    }
    for (at, value) in [(4, 3), (16, 100), (40, 0x40), (40, 0x18), (44, 1)] {
        assert_eq!(word(at, value), Some(Errno::EINVAL), "{at} {value}");
    }
    // Fast commits are of no matter in an empty journal.
    assert_eq!(word(40, 0x20), None);
    let disk = SimulatedDisk::new(image(0));
    let places = [(0, BLOCKS + 1), (5, 5), (u64::MAX - 1, u64::MAX)];
    let places = places.map(|(start, end)| vec![Range { start, end }]);
    for place in [Vec::new()].iter().chain(&places) {
        let error = Journal::open(disk.volume(), BLOCK, place.clone(), false).err();
        assert_eq!(error, Some(Errno::EUCLEAN));
    }
}

#[test]
fn garbage_in_the_log_is_an_error_at_worst() {
    for seed in 0..2_000 {
        let mut random = Random(seed);
        let features = feature_sets().nth(random.below(6) as usize).unwrap();
        let mut medium = with_transactions(features);
        let start = PLACE[0].start as usize * BLOCK;
        for _ in 0..=random.below(8) {
            // The headers, the tags, the super block.
            let block = random.below(11) as usize;
            let at = start + block * BLOCK + random.below(64) as usize;
            medium[at] = random.next() as u8;
        }
        let before = medium.clone();
        let disk = SimulatedDisk::new(medium);
        let result = open(&disk);
        let after = disk.after_power_loss(|| true);
        if let Err(error) = result {
            let expected = [Errno::EUCLEAN, Errno::EBADMSG, Errno::EINVAL];
            assert!(expected.contains(&error), "seed {seed}: {error:?}");
        }
        // Of the journal itself only the super block is written.
        for range in PLACE {
            let bytes = (range.start as usize + 1) * BLOCK..range.end as usize * BLOCK;
            assert!(before[bytes.clone()] == after[bytes], "seed {seed}");
        }
    }
}

#[test]
fn a_log_without_end_is_read_once() {
    // Every block of the log revokes something in the same transaction.
    let mut medium = image(0);
    let start = PLACE[0].start as usize * BLOCK;
    medium[start + 28..start + 32].copy_from_slice(&1_u32.to_be_bytes());
    for range in PLACE {
        for block in range.filter(|&block| block != PLACE[0].start) {
            let words = [MAGIC, 5, 7, 1024];
            for (index, word) in words.iter().enumerate() {
                let at = block as usize * BLOCK + index * 4;
                medium[at..at + 4].copy_from_slice(&word.to_be_bytes());
            }
        }
    }
    let disk = SimulatedDisk::new(medium);
    open(&disk).unwrap();
    assert!(disk.counts().1 < 100);
}
