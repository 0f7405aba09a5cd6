//! Losses of power at any moment, with any of the writes lost that weren't synced. FAT has no journal: what can be promised
//! is that a file is there which was synced, and is left alone since; that the volume can be used; and that fsck.vfat
//! mends it.

use super::*;
use crate::block::simulated::Random;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;

/// Files that are synced.
const FILES: u64 = 12;

/// How many losses are tried in a test.
fn losses() -> u64 {
    let given = std::env::var("GANTRY_POWER_LOSSES").ok();
    given.map_or(15, |text| text.parse().unwrap())
}

/// Makes a file and has it and its name on the medium.
fn store(tree: &TestTree, path: &str, content: &[u8]) {
    tree.write(path, content).unwrap();
    for path in [path, "/m"] {
        let flags = if path == "/m" {
            OpenFlags::READ_ONLY
        } else {
            OpenFlags::READ_WRITE
        };
        let file = tree.open(path, flags).unwrap();
        file.operations().sync(&file, false).unwrap();
    }
}

/// Does this and that with other files.
fn disturb(tree: &TestTree, random: &mut Random) {
    for _ in 0..random.below(8) {
        let path = format!("/m/other {}", random.below(6));
        let other = format!("/m/other {}", random.below(6));
        let size = random.below(20_000) as usize;
        let _ = match random.below(4) {
            0 | 1 => tree.write(&path, &pattern(size, random.0 as u32)),
            2 => tree.remove(&path, Removal::File),
            _ => tree.rename(&path, &other, Replacement::Allowed),
        };
    }
}

fn lose_power(layout: (&str, usize), seed: u64) {
    let mounted = Mounted::new(made(layout)).unwrap();
    let root = mounted.tree.find("/m").unwrap().inode().clone();
    root.super_block().operations().sync().unwrap();
    mounted.disk.record();
    let mut random = Random(seed);
    // When each file was on the medium.
    let mut stored: Vec<(usize, String, Vec<u8>)> = Vec::new();
    for number in 0..FILES {
        disturb(&mounted.tree, &mut random);
        let path = format!("/m/stored file {number}");
        let content = pattern(random.below(30_000) as usize, number as u32);
        store(&mounted.tree, &path, &content);
        stored.push((mounted.disk.position(), path, content));
    }
    let recording = mounted.disk.recorded();
    for round in 0..losses() {
        let mut random = Random(seed << 32 | round);
        let moment = random.below(recording.length() as u64 + 1) as usize;
        let kept = random.below(5);
        let medium = recording.after_power_loss(moment, || random.below(4) < kept);
        let context = format!("{layout:?}, seed {seed}, round {round}, moment {moment}");
        let after = Mounted::new(medium.clone()).unwrap();
        for (position, path, content) in &stored {
            if *position <= moment {
                let found = after.tree.read(path);
                assert!(found.as_ref() == Ok(content), "{context}: {path}");
            }
        }
        // It can be used, as far as it goes.
        disturb(&after.tree, &mut random);
        let _ = after.tree.unmount("/m");
        // The first run mends it, the second finds nothing more.
        let file = ImageFile::new(&medium);
        file.run_to("fsck.vfat", &["-a", "FILE"], 1);
        file.run_to("fsck.vfat", &["-n", "FILE"], 0);
        Mounted::new(file.content()).unwrap().finish();
    }
}

#[test]
fn fat16_survives_losses_of_power() {
    for seed in 1..3 {
        lose_power(LAYOUTS[1], seed);
    }
}

#[test]
fn fat32_survives_losses_of_power() {
    for seed in 1..3 {
        lose_power(LAYOUTS[2], seed);
    }
}
