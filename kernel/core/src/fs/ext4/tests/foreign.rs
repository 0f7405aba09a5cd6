//! Volumes as Linux's tools leave them: filled, with hashed directories, and with features that can only be read.

use super::{ImageFile, Mounted, check, pattern};
use crate::Errno;
use crate::block::simulated::SimulatedDisk;
use crate::fs::ext4::super_block::mount;
use crate::vfs::namespace::Removal;
use crate::vfs::test_tree::TestTree;
use std::format;
use std::fs;
use std::vec::Vec;

/// Names in the directory that is hashed.
const NAMES: usize = 1500;

/// A volume that mke2fs fills from a folder, and e2fsck gives hashed directories.
fn filled(options: &[&str]) -> Vec<u8> {
    let folder = ImageFile::new();
    let path = folder.0.with_extension("d");
    fs::create_dir_all(path.join("many")).unwrap();
    for index in 0..NAMES {
        fs::write(path.join(format!("many/name-{index}")), b"").unwrap();
    }
    fs::write(path.join("large"), pattern(300_000, 5)).unwrap();
    std::os::unix::fs::symlink("large", path.join("link")).unwrap();
    let file = ImageFile::new();
    fs::File::create(&file.0)
        .unwrap()
        .set_len(16 << 20)
        .unwrap();
    let from = path.to_str().unwrap();
    let mut arguments = std::vec!["-q", "-F", "-b", "1024", "-d", from];
    arguments.extend(options);
    let (done, text) = file.run("mke2fs", &arguments);
    assert!(done, "{text}");
    file.run("e2fsck", &["-f", "-y", "-D"]);
    fs::remove_dir_all(path).unwrap();
    let medium = fs::read(&file.0).unwrap();
    check(&medium);
    medium
}

fn look(tree: &TestTree) {
    assert_eq!(tree.list("/m"), ["large", "link", "lost+found", "many"]);
    assert_eq!(tree.list("/m/many").len(), NAMES);
    assert!(tree.read("/m/link").unwrap() == pattern(300_000, 5));
    for index in [0, 1, NAMES / 2, NAMES - 1] {
        assert_eq!(tree.read(&format!("/m/many/name-{index}")).unwrap(), b"");
    }
}

#[test]
fn a_hashed_directory_is_read_and_changed() {
    let options = [
        "-O",
        "none,has_journal,extent,filetype,sparse_super,dir_index",
    ];
    let medium = filled(&options);
    assert!(super::debugfs(&medium, "htree_dump /many").contains("Root node dump"));
    let mounted = Mounted::of(SimulatedDisk::new(medium)).unwrap();
    look(&mounted.tree);
    let tree = &mounted.tree;
    tree.file("/m/many/new").unwrap();
    for index in 0..NAMES / 2 {
        tree.remove(&format!("/m/many/name-{index}"), Removal::File)
            .unwrap();
    }
    let mounted = mounted.again();
    assert_eq!(mounted.tree.list("/m/many").len(), NAMES - NAMES / 2 + 1);
    mounted.unmount();
}

#[test]
fn a_volume_with_checksums_is_only_read() {
    let medium = filled(&[
        "-O",
        "none,has_journal,extent,filetype,sparse_super,metadata_csum,metadata_csum_seed,64bit,flex_bg,dir_index",
    ]);
    let disk = SimulatedDisk::new(medium.clone());
    assert_eq!(mount(disk.volume(), b"", false).err(), Some(Errno::EROFS));
    let super_block = mount(disk.volume(), b"", true).unwrap();
    super_block.set_read_only(true);
    let tree = TestTree::new();
    tree.directory("/m").unwrap();
    tree.attach(super_block, &tree.find("/m").unwrap()).unwrap();
    look(&tree);
    assert_eq!(tree.file("/m/new").err(), Some(Errno::EROFS));
    tree.unmount("/m").unwrap();
    assert!(disk.after_power_loss(|| true) == medium);
}

#[test]
fn what_is_no_ext4_is_refused() {
    let error = |medium: Vec<u8>| mount(SimulatedDisk::new(medium).volume(), b"", false).err();
    assert_eq!(error(std::vec![0; 1 << 20]), Some(Errno::EINVAL));
    let whole = super::image(4 << 10, super::CARD);
    // A volume that has lost its end; a feature that nobody knows; ext2.
    assert_eq!(error(whole[..3 << 20].to_vec()), Some(Errno::EINVAL));
    let mut unknown = whole;
    unknown[1024 + 0x60 + 3] = 0x40;
    assert_eq!(error(unknown), Some(Errno::EINVAL));
    assert_eq!(
        error(super::image(4 << 10, &["-O", "none"])),
        Some(Errno::EINVAL)
    );
}
