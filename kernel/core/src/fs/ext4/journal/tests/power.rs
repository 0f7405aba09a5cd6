//! Losses of power at every moment.

use super::*;
use crate::block::simulated::Random;
use crate::fs::ext4::journal::medium::Medium;
use std::collections::{BTreeMap, BTreeSet};

/// Blocks that the workload changes.
const CHANGED: u64 = 60;

/// What data holds in rounds.
const DATA: u8 = 100;

/// After a loss of power at any moment, with any of the unsynced writes lost, there are the changes of all transactions up
/// to one, and none of those behind it; and what was committed is among the former.
#[test]
fn transactions_happen_as_a_whole_or_not_at_all() {
    for features in feature_sets() {
        let seed = u64::from(features);
        let mut random = Random(seed);
        let disk = SimulatedDisk::new(image(features));
        disk.record();
        let journal = open(&disk).unwrap();
        let medium = Medium::new(disk.volume(), BLOCK).unwrap();
        let slots = medium.slots(1).unwrap();
        // Of each transaction the blocks as it leaves them, and when it was committed.
        let mut states = vec![(0, BTreeMap::new())];
        let mut blocks: BTreeMap<u64, u8> = BTreeMap::new();
        for round in 1..=40_u8 {
            let handle = journal.begin(CHANGED as u32).unwrap();
            let mut freed = BTreeSet::new();
            for _ in 0..random.below(CHANGED) {
                let number = HOME + random.below(CHANGED);
                if random.below(5) == 0 {
                    handle.forget(number).unwrap();
                    blocks.remove(&number);
                    freed.insert(number);
                } else {
                    fill(&journal, &handle, number, round).unwrap();
                    blocks.insert(number, round);
                    freed.remove(&number);
                }
            }
            drop(handle);
            if round == 30 {
                journal.shut_down().unwrap();
            } else {
                journal.commit().unwrap();
            }
            states.push((disk.position(), blocks.clone()));
            // What was freed becomes data, which doesn't go through the journal.
            slots[0].write(&[DATA + round; BLOCK]);
            medium
                .write(freed.iter().map(|&number| (number, &slots[0])))
                .unwrap();
            medium.flush().unwrap();
            blocks.extend(freed.iter().map(|&number| (number, DATA + round)));
            states.push((disk.position(), blocks.clone()));
        }
        let recording = disk.recorded();
        for end in (0..=recording.length()).step_by(3) {
            let medium = recording.after_power_loss(end, || random.below(3) > 0);
            let disk = SimulatedDisk::new(medium);
            let context = std::format!("features {features:#x}, event {end}, seed {seed}");
            open(&disk).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            let medium = disk.after_power_loss(|| false);
            let committed = states.iter().rposition(|(at, _)| *at <= end).unwrap();
            let is_state = |(_, blocks): &(usize, BTreeMap<u64, u8>)| {
                blocks
                    .iter()
                    .all(|(&number, &value)| byte(&medium, number) == value)
            };
            let possible = &states[committed..(committed + 2).min(states.len())];
            assert!(possible.iter().any(is_state), "{context}");
        }
    }
}
