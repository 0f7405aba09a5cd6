//! Volumes with errors: whatever is on one, calls fail or succeed, and come back.

use super::*;
use crate::Errno;
use crate::fs::damage::{CONTENT, survive};

/// A volume with something in it.
fn filled(layout: (&str, usize)) -> Vec<u8> {
    let mounted = Mounted::new(made(layout)).unwrap();
    let tree = &mounted.tree;
    for directory in ["/m/one", "/m/one/two", "/m/a longer name"] {
        tree.directory(directory).unwrap();
        for number in 0..12 {
            let path = format!("{directory}/file number {number}");
            tree.write(&path, &std::vec![CONTENT; number * 1500])
                .unwrap();
        }
    }
    mounted.finish()
}

fn survive_damage(layout: (&str, usize)) {
    survive(layout.0, filled(layout), |disk| {
        Ok(Mounted::of(disk, Options::default())?.tree)
    });
}

#[test]
fn a_damaged_volume_of_fat12_is_survived() {
    survive_damage(LAYOUTS[0]);
}

#[test]
fn a_damaged_volume_of_fat16_is_survived() {
    survive_damage(LAYOUTS[1]);
}

#[test]
fn a_damaged_volume_of_fat32_is_survived() {
    survive_damage(LAYOUTS[2]);
}

#[test]
fn a_chain_that_bites_its_tail_gives_an_error_and_stops_writing() {
    let mounted = Mounted::new(made(LAYOUTS[1])).unwrap();
    mounted.tree.write("/m/FILE", &pattern(100_000, 1)).unwrap();
    let mut image = mounted.finish();
    // Cluster 3 follows 4.
    let table = 4 * 512;
    assert_eq!(image[table + 8..table + 10], [5, 0]);
    image[table + 8] = 3;
    image[table + 8 + 16384] = 3;
    let mounted = Mounted::new(image).unwrap();
    let tree = &mounted.tree;
    let file = tree.find("/m/FILE").unwrap();
    assert_eq!(
        crate::vfs::change::truncate(file.inode(), 200_000),
        Err(Errno::EIO)
    );
    assert_eq!(tree.write("/m/OTHER", b"x"), Err(Errno::EROFS));
    assert_eq!(tree.list("/m"), ["FILE"]);
}

#[test]
fn a_directory_in_itself_is_refused() {
    let mounted = Mounted::new(made(LAYOUTS[2])).unwrap();
    mounted.tree.directory("/m/DIR").unwrap();
    let mut image = mounted.finish();
    let root = (32 + 2 * u32::from_le_bytes(image[36..40].try_into().unwrap()) as usize) * 512;
    assert_eq!(image[root..root + 3], *b"DIR");
    image[root + 26..root + 28].copy_from_slice(&[2, 0]);
    let mounted = Mounted::new(image).unwrap();
    assert_eq!(mounted.tree.find("/m/DIR").err(), Some(Errno::EIO));
}

#[test]
fn a_disk_that_fails_gives_errors() {
    let image = filled(LAYOUTS[2]);
    let mounted = Mounted::new(image).unwrap();
    mounted.tree.list("/m/one");
    mounted.disk.fail(|faults| faults.removed = true);
    assert_eq!(mounted.tree.read("/m/one/file number 5"), Err(Errno::EIO));
    assert!(mounted.tree.write("/m/one/new", &pattern(5000, 1)).is_ok());
    let root = mounted.tree.find("/m").unwrap();
    assert_eq!(
        root.inode().super_block().operations().sync(),
        Err(Errno::EIO)
    );
}
