//! Damaged images: errors, never a panic, never a walk without end.

use super::*;
use crate::Errno;
use crate::vfs::extended;
use crate::vfs::flags::OpenFlags;
use crate::vfs::kind::FileKind;
use crate::vfs::transfer::Destination;
use crate::vfs::walk::{self, WalkFlags};
use std::format;
use std::string::String;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Where structures are in the images; what is elsewhere is content.
const STRUCTURES: usize = 24 * 1024;
/// Entries that are looked at in one directory: a damaged one may repeat its entries as often as it says it has some.
const ENTRIES: usize = 16;

fn damage(image: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(8) {
        let at = match random.below(4) {
            0 => 1024 + random.below(128),
            // Inodes and entries are all that isn't zero here.
            _ => loop {
                let at = random.below(STRUCTURES.min(image.len()));
                if image[at & !31..(at | 31) + 1].iter().any(|&byte| byte != 0) {
                    break at;
                }
            },
        };
        image[at] = match random.below(4) {
            0 => 0,
            1 => 0xff,
            2 => image[at] ^ (1 << random.below(8)),
            _ => random.below(256) as u8,
        };
    }
    // Whoever damages on purpose leaves no trace: no checksum.
    image[1024..1028].copy_from_slice(&super::super::format::MAGIC.to_le_bytes());
    image[1024 + 8] &= !1;
}

/// Whether this is how a damaged image may answer.
fn is_fair(error: Errno) -> bool {
    matches!(
        error,
        Errno::EUCLEAN
            | Errno::EIO
            | Errno::EINVAL
            | Errno::EOPNOTSUPP
            | Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::ELOOP
            | Errno::ENXIO
            | Errno::EACCES
            | Errno::ENODATA
            | Errno::E2BIG
    )
}

fn fair<T>(result: Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            assert!(is_fair(error), "{error:?}");
            None
        }
    }
}

/// Looks at a file in every way; how many there were.
fn visit(tree: &TestTree, path: &str, depth: usize) -> usize {
    let found = walk::resolve(&tree.view(), None, path.as_bytes(), WalkFlags::empty());
    let Some(location) = fair(found) else {
        return 1;
    };
    if let Some(names) = fair(extended::list(&tree.credentials, &location)) {
        for name in names
            .split(|&byte| byte == 0)
            .filter(|name| !name.is_empty())
        {
            // Names are as damaged as the rest.
            let _ = extended::get(&tree.credentials, &location, name);
        }
    }
    match location.inode().kind() {
        FileKind::Regular => {
            let Some(file) = fair(tree.open(path, OpenFlags::READ_ONLY)) else {
                return 1;
            };
            let size = location.inode().size();
            for position in [0, 4000, size / 2, size.saturating_sub(3000)] {
                let mut bytes = [0; 6000];
                fair(file.read_at(&mut Destination::kernel(&mut bytes), position));
            }
            1
        }
        FileKind::Directory if depth < 8 => {
            let Some(file) = fair(tree.open(path, OpenFlags::READ_ONLY)) else {
                return 1;
            };
            let mut names: Vec<String> = Vec::new();
            fair(
                file.operations()
                    .read_directory(&file, &mut 2, &mut |entry| {
                        names.push(String::from_utf8_lossy(entry.name).into_owned());
                        names.len() < ENTRIES
                    }),
            );
            1 + names
                .iter()
                .map(|name| visit(tree, &format!("{path}/{name}"), depth + 1))
                .sum::<usize>()
        }
        _ => 1,
    }
}

#[test]
fn damaged_images_give_errors_and_nothing_worse() {
    let images = [COMPACT, EXTENDED].map(unpacked);
    let mut random = Random(11);
    let (mut mounted, mut visited) = (0, 0);
    for round in 0..6000 {
        let mut image = images[round % 2].clone();
        damage(&mut image, &mut random);
        if random.below(20) == 0 {
            image.truncate(random.below(image.len()));
        }
        let tree = with_image(&image);
        if fair(mount(&tree)).is_some() {
            mounted += 1;
            visited += visit(&tree, "/m", 0);
        }
    }
    // Most damage leaves most of an image: this looked at something.
    assert!(
        mounted > 2000 && visited > 15 * mounted,
        "{mounted} {visited}"
    );
}

#[test]
fn an_image_may_change_while_it_is_mounted() {
    let whole = unpacked(COMPACT);
    let mut random = Random(3);
    for _ in 0..300 {
        let tree = with_image(&whole);
        mount(&tree).unwrap();
        let mut image = whole.clone();
        damage(&mut image, &mut random);
        if random.below(4) == 0 {
            image.truncate(random.below(image.len()));
        }
        tree.write("/image", &image).unwrap();
        visit(&tree, "/m", 0);
    }
}
