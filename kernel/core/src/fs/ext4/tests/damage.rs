//! Volumes with errors.

use super::{CARD, Mounted, VARIANTS, image};
use crate::block::simulated::SimulatedDisk;
use crate::fs::damage::{CONTENT, survive};
use crate::vfs::change;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use std::format;
use std::vec::Vec;

/// A volume with everything in it: what was written last is only in the journal, if it has one.
fn filled(kibibytes: u64, options: &[&str]) -> Vec<u8> {
    let mounted = Mounted::of(SimulatedDisk::new(image(kibibytes, options))).unwrap();
    let tree = &mounted.tree;
    for directory in ["/m/one", "/m/one/two", "/m/many"] {
        tree.directory(directory).unwrap();
        for number in 0..6 {
            let path = format!("{directory}/file number {number}");
            tree.write(&path, &std::vec![CONTENT; number * 1500])
                .unwrap();
        }
    }
    for number in 0..60 {
        tree.file(&format!(
            "/m/many/a name that is so long that a block is soon full {number}"
        ))
        .unwrap();
    }
    // So many pieces that the tree of extents is deep.
    tree.write("/m/pieces", b"").unwrap();
    let pieces = tree.open("/m/pieces", OpenFlags::READ_WRITE).unwrap();
    for number in 0..400 {
        let mut position = number * 8192;
        let mut source = crate::vfs::transfer::Source::kernel(&[CONTENT; 4096]);
        pieces
            .operations()
            .write(&pieces, &mut source, &mut position)
            .unwrap();
    }
    tree.write("/m/sparse", b"x").unwrap();
    change::truncate(tree.find("/m/sparse").unwrap().inode(), 1 << 30).unwrap();
    tree.link("/m/short", "one/two").unwrap();
    tree.link("/m/long", &"x".repeat(300)).unwrap();
    tree.hard_link("/m/sparse", "/m/one/sparse").unwrap();
    for (path, size) in [("/m/one", 20), ("/m/sparse", 600)] {
        let inode = tree.find(path).unwrap().inode().clone();
        let existing = crate::vfs::extended::Existing::Allowed;
        let value = std::vec![1; size];
        inode
            .operations()
            .set_extended(&inode, b"user.attribute", &value, existing)
            .unwrap();
    }
    // Orphans.
    tree.write("/m/gone", &[CONTENT; 30_000]).unwrap();
    let _gone = tree.open("/m/gone", OpenFlags::READ_WRITE).unwrap();
    tree.remove("/m/gone", Removal::File).unwrap();
    mounted.sync();
    mounted.disk.after_power_loss(|| true)
}

fn survive_damage(name: &str, kibibytes: u64, options: &[&str]) {
    survive(name, filled(kibibytes, options), |disk| {
        Ok(Mounted::of(disk)?.tree)
    });
}

#[test]
fn a_damaged_card_is_survived() {
    survive_damage("card", 16 << 10, CARD);
}

#[test]
fn a_damaged_volume_of_small_blocks_is_survived() {
    survive_damage("small blocks", 8 << 10, VARIANTS[3]);
}

#[test]
fn a_damaged_volume_without_a_journal_is_survived() {
    survive_damage("no journal", 8 << 10, VARIANTS[2]);
}
