//! Volumes that hold anything: everything fails or works, but nothing panics or never ends.

use super::{CARD, Mounted, VARIANTS, image};
use crate::block::simulated::{Random, SimulatedDisk};
use crate::vfs::extended::Existing;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use std::format;
use std::sync::Arc;
use std::vec::Vec;

/// A volume with something of everything.
fn full(options: &[&str]) -> Vec<u8> {
    let mounted = Mounted::of(SimulatedDisk::new(image(4 << 10, options))).unwrap();
    let tree = &mounted.tree;
    tree.directory("/m/d").unwrap();
    for index in 0..60 {
        tree.write(&format!("/m/d/file-{index}"), &[index as u8; 3000])
            .unwrap();
    }
    for index in (0..60).step_by(2) {
        tree.remove(&format!("/m/d/file-{index}"), Removal::File)
            .unwrap();
    }
    tree.write("/m/large", &super::pattern(200_000, 1)).unwrap();
    tree.link("/m/link", &"x".repeat(200)).unwrap();
    let inode = tree.find("/m/large").unwrap().inode().clone();
    for (name, length) in [(&b"user.a"[..], 10), (b"user.b", 600)] {
        let value = std::vec![7; length];
        inode
            .operations()
            .set_extended(&inode, name, &value, Existing::Allowed)
            .unwrap();
    }
    drop(inode);
    mounted.unmount()
}

/// Uses everything there is; failures are of no interest.
fn use_all(disk: &Arc<SimulatedDisk>) {
    let Ok(mounted) = Mounted::of(disk.clone()) else {
        return;
    };
    let tree = &mounted.tree;
    let paths = [
        "/m/large",
        "/m/link",
        "/m/d/file-1",
        "/m/d/file-31",
        "/m/lost+found",
    ];
    for path in paths {
        let _ = tree.find(path).map(|location| {
            let inode = location.inode();
            let _ = inode.operations().get_extended(inode, b"user.b");
            let _ = inode
                .operations()
                .set_extended(inode, b"user.c", &[1; 300], Existing::Allowed);
        });
        let _ = tree.read(path);
    }
    for directory in ["/m", "/m/d"] {
        let mut seen = 0;
        let _ = tree.find(directory).map(|location| {
            let inode = location.inode();
            inode.operations().read_directory(inode, 0, &mut |_| {
                seen += 1;
                true
            })
        });
        assert!(seen < 1_000_000);
    }
    let _ = tree.write("/m/new", &[1; 50_000]);
    let _ = tree.write("/m/large", &[2; 100_000]);
    let _ = tree.directory("/m/d/new");
    let _ = tree.hard_link("/m/large", "/m/d/hard");
    let _ = tree.rename("/m/d/file-3", "/m/moved", Replacement::Allowed);
    let _ = tree.remove("/m/large", Removal::File);
    let _ = tree.remove("/m/d/file-1", Removal::File);
    let location = tree.find("/m");
    let _ = location.map(|location| location.inode().super_block().operations().sync());
    tree.unmount("/m").unwrap();
}

#[test]
fn damaged_volumes_are_survived() {
    let mut random = Random(1);
    for options in [CARD, VARIANTS[3]] {
        let good = full(options);
        // Bytes that aren't zero say something.
        let places: Vec<usize> = (1024..good.len())
            .filter(|&place| good[place] != 0)
            .collect();
        let near = places.iter().filter(|&&place| place < 1 << 20).count() as u64;
        for _ in 0..250 {
            let mut medium = good.clone();
            for _ in 0..=random.below(6) {
                let place = places[random.below(near) as usize];
                medium[place] = random.below(256) as u8;
            }
            use_all(&SimulatedDisk::new(medium));
        }
    }
}
