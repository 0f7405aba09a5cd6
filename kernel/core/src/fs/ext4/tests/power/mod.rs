//! Losses of power at any moment of a workload, with any of the writes lost that weren't synced: what was synced is there
//! after the next mount, other things are as they were at some moment, and e2fsck finds nothing wrong. It says the same
//! when e2fsck replays the journal.

mod judge;
mod workload;

use super::{CARD, ImageFile, Mounted, VARIANTS, check};
use crate::block::simulated::{Random, SimulatedDisk};
use judge::judge;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::string::String;
use std::vec::Vec;
use workload::Workload;

/// How many losses are tried in a test.
fn losses() -> usize {
    let given = std::env::var("GANTRY_POWER_LOSSES").ok();
    given.map_or(15, |text: String| text.parse().unwrap())
}

/// Says what was tried if it fails.
fn explained(what: &str, run: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
        std::eprintln!("{what}");
        resume_unwind(panic);
    }
}

/// What e2fsck makes of it.
fn repaired(medium: &[u8]) -> Vec<u8> {
    let file = ImageFile::new();
    fs::write(&file.0, medium).unwrap();
    // As it does at the start of a system: replays, frees orphans, and gives up at anything else.
    let (_, text) = file.run("e2fsck", &["-p"]);
    assert!(!text.contains("UNEXPECTED INCONSISTENCY"), "{text}");
    let medium = fs::read(&file.0).unwrap();
    check(&medium);
    medium
}

fn lose_power(kibibytes: u64, options: &[&str], seed: u64) {
    let mounted = Mounted::new(kibibytes, options);
    mounted.sync();
    mounted.disk.record();
    let mut workload = Workload::new(&mounted, seed);
    for _ in 0..150 {
        workload.step();
    }
    let steps = workload.steps;
    let recording = mounted.disk.recorded();
    for round in 0..losses() as u64 {
        let mut random = Random(seed << 32 | round);
        let moment = random.below(recording.length() as u64 + 1) as usize;
        let kept = random.below(5);
        let medium = recording.after_power_loss(moment, || random.below(4) < kept);
        explained(
            &std::format!("mke2fs {options:?}, seed {seed}, round {round}, moment {moment}"),
            || {
                let after = Mounted::of(SimulatedDisk::new(medium.clone())).unwrap();
                judge(&after, &steps, moment);
                // It goes on.
                after.tree.write("/m/more", &[1; 10_000]).unwrap();
                after.unmount();
                if round % 4 == 0 {
                    let theirs = Mounted::of(SimulatedDisk::new(repaired(&medium))).unwrap();
                    judge(&theirs, &steps, moment);
                    theirs.unmount();
                }
            },
        );
    }
}

#[test]
fn a_card_survives_losses_of_power() {
    for seed in 1..4 {
        lose_power(16 << 10, CARD, seed);
    }
}

#[test]
fn a_volume_of_small_blocks_survives_losses_of_power() {
    for seed in 1..4 {
        lose_power(8 << 10, VARIANTS[3], seed);
    }
}
