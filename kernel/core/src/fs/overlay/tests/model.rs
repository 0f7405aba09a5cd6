//! Random changes of an overlay have the results that they have on a plain file system.

use super::*;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::{Errno, Result};
use std::format;

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    /// A path of up to three names out of few, so that they meet often.
    fn path(&mut self) -> String {
        let mut path = String::new();
        for _ in 0..=self.below(3) {
            path += ["/a", "/b", "/c", "/d"][self.below(4) as usize];
        }
        path
    }
}

/// Everything in a tree: path, kind, content.
fn dump(tree: &TestTree, path: &str, into: &mut Vec<String>, top: &str) {
    for name in tree.list(path) {
        let path = format!("{path}/{name}");
        let location = tree.find(&path).unwrap();
        let shown = path.strip_prefix(top).unwrap();
        if location.inode().is_directory() {
            into.push(format!("{shown}/"));
            dump(tree, &path, into, top);
        } else {
            into.push(format!("{shown} = {}", text(tree, &path)));
        }
    }
}

pub fn all(tree: &TestTree, top: &str) -> Vec<String> {
    let mut lines = Vec::new();
    dump(tree, top, &mut lines, top);
    lines
}

#[derive(Debug)]
pub enum Change {
    Write(String),
    Append(String),
    Directory(String),
    RemoveFile(String),
    RemoveDirectory(String),
    Rename(String, String, Replacement),
    Link(String, String),
}

fn change(random: &mut Random) -> Change {
    let (one, other) = (random.path(), random.path());
    match random.below(14) {
        0..=2 => Change::Write(one),
        3 => Change::Append(one),
        4 | 5 => Change::Directory(one),
        6 | 7 => Change::RemoveFile(one),
        8 => Change::RemoveDirectory(one),
        9 | 10 => Change::Rename(one, other, Replacement::Allowed),
        11 => Change::Rename(one, other, Replacement::Exchange),
        12 => Change::Rename(one, other, Replacement::Refused),
        _ => Change::Link(one, other),
    }
}

pub fn apply(tree: &TestTree, top: &str, change: &Change, round: u64) -> Result<()> {
    let at = |path: &str| format!("{top}{path}");
    match change {
        Change::Write(path) => tree.write(&at(path), format!("{round}").as_bytes()),
        Change::Append(path) => {
            let file = tree.open(&at(path), OpenFlags::WRITE_ONLY | OpenFlags::APPEND)?;
            file.write(&mut crate::vfs::Source::kernel(b"+")).map(drop)
        }
        Change::Directory(path) => tree.directory(&at(path)).map(drop),
        Change::RemoveFile(path) => tree.remove(&at(path), Removal::File),
        Change::RemoveDirectory(path) => tree.remove(&at(path), Removal::Directory),
        Change::Rename(from, to, how) => tree.rename(&at(from), &at(to), *how),
        Change::Link(from, to) => tree.hard_link(&at(from), &at(to)),
    }
}

#[test]
fn an_overlay_behaves_like_a_plain_file_system() {
    let rounds = 400;
    for seed in 0..60 {
        let mut random = Random(seed);
        let tree = layers();
        tree.directory("/plain").unwrap();
        // Layers out of random changes, each seen through the overlay of those below it.
        for round in 0..30 {
            let change = change(&mut random);
            let top = if round < 20 { "/lower" } else { "/low" };
            // What can't be done isn't.
            let _ = apply(&tree, top, &change, round);
        }
        tree.overlay("/m", WRITABLE).unwrap();
        for line in all(&tree, "/m") {
            fill(&tree, &[&format!("/plain{line}")]);
        }
        let below = (all(&tree, "/lower"), all(&tree, "/low"));
        for round in 0..rounds {
            let change = change(&mut random);
            let on_overlay = apply(&tree, "/m", &change, round);
            if on_overlay == Err(Errno::EXDEV) {
                // A directory of a lower layer.
                continue;
            }
            let on_plain = apply(&tree, "/plain", &change, round);
            assert_eq!(on_overlay, on_plain, "seed {seed} round {round}");
            if round % 20 == 0 {
                assert_eq!(
                    all(&tree, "/m"),
                    all(&tree, "/plain"),
                    "seed {seed} round {round}"
                );
            }
            if round % 100 == 99 {
                tree.unmount("/m").unwrap();
                tree.overlay("/m", WRITABLE).unwrap();
            }
        }
        assert_eq!(all(&tree, "/m"), all(&tree, "/plain"), "seed {seed}");
        assert_eq!(
            (all(&tree, "/lower"), all(&tree, "/low")),
            below,
            "seed {seed}"
        );
        assert!(tree.list("/work/work").is_empty(), "seed {seed}");
    }
}
