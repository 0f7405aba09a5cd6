//! Volumes with errors: whatever is on one, calls fail or succeed, and come back.

use super::*;
use crate::Errno;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;

/// Random numbers, the same each time (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// A volume with something in it.
fn filled(layout: (&str, usize)) -> Vec<u8> {
    let mounted = Mounted::new(made(layout)).unwrap();
    let tree = &mounted.tree;
    for directory in ["/m/one", "/m/one/two", "/m/a longer name"] {
        tree.directory(directory).unwrap();
        for number in 0..12 {
            let path = format!("{directory}/file number {number}");
            tree.write(&path, &pattern(number * 1500, number as u32))
                .unwrap();
        }
    }
    mounted.finish()
}

/// Uses all that there is.
fn use_all(tree: &TestTree, path: &str, depth: usize) {
    let Ok(file) = tree.open(path, crate::vfs::flags::OpenFlags::READ_ONLY) else {
        return;
    };
    let mut names = Vec::new();
    let mut position = 2;
    let _ = file
        .operations()
        .read_directory(&file, &mut position, &mut |entry| {
            names.push(String::from_utf8_lossy(entry.name).into_owned());
            names.len() < 60
        });
    for (index, name) in names.iter().enumerate() {
        let path = format!("{path}/{name}");
        let Ok(found) = tree.find(&path) else {
            continue;
        };
        if found.inode().is_directory() {
            if depth < 4 {
                use_all(tree, &path, depth + 1);
            }
            let _ = tree.remove(&path, Removal::Directory);
            continue;
        }
        if found.inode().size() < 1 << 20 {
            let _ = tree.read(&path);
        }
        match index % 4 {
            0 => tree.write(&path, b"something else"),
            1 => tree.remove(&path, Removal::File),
            2 => tree.rename(&path, "/m/moved here", Replacement::Allowed),
            _ => crate::vfs::change::truncate(found.inode(), 10_000),
        }
        .unwrap_or_default();
    }
    let _ = tree.write(&format!("{path}/a new name for a file"), &pattern(9000, 1));
    let _ = tree.directory(&format!("{path}/a new directory"));
}

fn allowed(error: Errno) -> bool {
    matches!(error, Errno::EINVAL | Errno::EIO | Errno::EUCLEAN)
}

/// Where the structures of a volume are: boot sector, table, directories.
fn structures(image: &[u8]) -> std::ops::Range<usize> {
    let reserved = usize::from(u16::from_le_bytes([image[14], image[15]]));
    let fat = match u16::from_le_bytes([image[22], image[23]]) {
        0 => u32::from_le_bytes(image[36..40].try_into().unwrap()) as usize,
        size => size.into(),
    };
    let sector = usize::from(u16::from_le_bytes([image[11], image[12]]));
    let table = reserved * sector..(reserved + 2 * fat) * sector;
    table.start..table.end + (1 << 17)
}

#[test]
fn damage_is_survived() {
    let mut random = Random(0x1234_5678_9abc_def1);
    let rounds = 100;
    for layout in &LAYOUTS[..3] {
        let image = filled(*layout);
        let structures = structures(&image);
        for round in 0..rounds {
            let mut image = image.clone();
            for _ in 0..=random.below(6) {
                let at = match random.below(5) {
                    0 => random.below(512),
                    // The beginning of the table, of which most is used.
                    1 => structures.start + random.below(512),
                    _ => structures.start + random.below(structures.len()),
                };
                match random.below(3) {
                    0 => image[at] ^= 1 << random.below(8),
                    1 => image[at] = random.below(256) as u8,
                    // Another place of the structures, as a chain or a directory that bites its tail has it.
                    _ => {
                        let from = structures.start + random.below(structures.len() - 32);
                        let at = at.min(image.len() - 32) & !31;
                        image.copy_within(from & !31..(from & !31) + 32, at);
                    }
                }
            }
            match Mounted::new(image) {
                Err(error) => assert!(allowed(error), "{layout:?} {round}: {error:?}"),
                Ok(mounted) => {
                    use_all(&mounted.tree, "/m", 0);
                    let _ = mounted.tree.unmount("/m");
                }
            }
        }
    }
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
