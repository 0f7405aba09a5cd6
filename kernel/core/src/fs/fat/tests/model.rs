//! Random operations, compared with what they would do to a map from folded names to contents.

use super::*;
use crate::block::simulated::Random;
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::transfer::Source;
use std::collections::BTreeMap;

const NAMES: [&str; 8] = [
    "a",
    "READY",
    "Long name with spaces.txt",
    "long name with dots...",
    "grün",
    "X.Y",
    "mixed.Case",
    "zz",
];

/// A spelling of a name.
fn spelled(random: &mut Random, name: &str) -> String {
    match random.below(3) {
        0 => name.to_uppercase(),
        1 => name.to_lowercase(),
        _ => name.into(),
    }
}

fn folded(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

struct Model {
    /// What a directory has, by folded name: how it is spelled, and its content.
    directories: [BTreeMap<String, (String, Vec<u8>)>; 3],
}

const DIRECTORIES: [&str; 3] = ["/m", "/m/one", "/m/one/Two"];

fn sync(tree: &TestTree) {
    let root = tree.find("/m").unwrap();
    root.inode().super_block().operations().sync().unwrap();
}

impl Model {
    fn step(&mut self, random: &mut Random, tree: &TestTree) {
        let mut place = || {
            let directory = random.below(3) as usize;
            let name = NAMES[random.below(NAMES.len() as u64) as usize];
            let name = spelled(random, name);
            let path = format!("{}/{name}", DIRECTORIES[directory]);
            (directory, folded(&name), name, path)
        };
        let (directory, key, name, path) = place();
        let (to_directory, to_key, to_name, to_path) = place();
        let shown = |name: &str| String::from(name.trim_end_matches('.'));
        match random.below(6) {
            0 => {
                let content = pattern(random.below(20_000) as usize, random.0 as u32);
                tree.write(&path, &content).unwrap();
                self.directories[directory]
                    .entry(key)
                    .or_insert((shown(&name), Vec::new()))
                    .1 = content;
            }
            1 => {
                let found = self.directories[directory].remove(&key);
                assert_eq!(
                    tree.remove(&path, Removal::File).is_ok(),
                    found.is_some(),
                    "{path}"
                );
            }
            2 => {
                let is_same = (directory, &key) == (to_directory, &to_key);
                let done = tree.rename(&path, &to_path, Replacement::Allowed);
                assert_eq!(done.is_ok(), self.directories[directory].contains_key(&key));
                if is_same || done.is_err() {
                    return;
                }
                let (_, content) = self.directories[directory].remove(&key).unwrap();
                self.directories[to_directory]
                    .entry(to_key)
                    .or_insert((shown(&to_name), Vec::new()))
                    .1 = content;
            }
            3 | 4 => {
                let Ok(file) = tree.open(&path, OpenFlags::READ_WRITE) else {
                    return;
                };
                let (_, content) = self.directories[directory].get_mut(&key).unwrap();
                let size = random.below(30_000) as usize;
                if random.below(2) == 0 {
                    crate::vfs::change::truncate(file.inode().unwrap(), size as u64).unwrap();
                    content.resize(size, 0);
                } else {
                    let new = pattern(random.below(5000) as usize + 1, random.0 as u32);
                    content.resize(content.len().max(size + new.len()), 0);
                    content[size..size + new.len()].copy_from_slice(&new);
                    assert_eq!(
                        file.write_at(&mut Source::kernel(&new), size as u64),
                        Ok(new.len())
                    );
                }
            }
            _ => sync(tree),
        }
    }

    fn compare(&self, tree: &TestTree) {
        for (directory, entries) in DIRECTORIES.iter().zip(&self.directories) {
            let mut names: Vec<_> = entries.values().map(|(name, _)| name.clone()).collect();
            match *directory {
                "/m" => names.push("one".into()),
                "/m/one" => names.push("Two".into()),
                _ => {}
            }
            names.sort();
            assert_eq!(tree.list(directory), names, "{directory}");
            for (name, content) in entries.values() {
                let found = tree.read(&format!("{directory}/{name}")).unwrap();
                assert!(found == *content, "{directory}/{name}");
            }
        }
    }
}

#[test]
fn random_operations_do_what_a_map_does() {
    for (index, layout) in LAYOUTS.into_iter().enumerate() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 + index as u64);
        let mut model = Model {
            directories: [const { BTreeMap::new() }; 3],
        };
        let mut image = made(layout);
        for _ in 0..3 {
            let mounted = Mounted::new(image).unwrap();
            let tree = &mounted.tree;
            let _ = tree.directory("/m/one");
            let _ = tree.directory("/m/one/Two");
            for step in 0..400 {
                model.step(&mut random, tree);
                model.compare(tree);
                if step % 8 == 0 {
                    // What was synced is there after a loss of power.
                    sync(tree);
                    let image = mounted.disk.after_power_loss(|| false);
                    model.compare(&Mounted::new(image).unwrap().tree);
                }
            }
            image = mounted.finish();
            ImageFile::new(&image).check();
            let mounted = Mounted::new(image).unwrap();
            model.compare(&mounted.tree);
            image = mounted.finish();
        }
    }
}
