//! Walks against changes from several threads.

use crate::Errno;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;
use crate::vfs::test_tree::TestTree;
use crate::vfs::walk::WalkFlags;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Runs `change` in one thread while others walk until it is done.
fn race(
    tree: &Arc<TestTree>,
    walkers: usize,
    walk: impl Fn(&TestTree) + Send + Sync + Copy + 'static,
    change: impl FnOnce(&TestTree),
) {
    let done = Arc::new(AtomicBool::new(false));
    let threads: std::vec::Vec<_> = (0..walkers)
        .map(|_| {
            let (tree, done) = (tree.clone(), done.clone());
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    walk(&tree);
                }
            })
        })
        .collect();
    change(tree);
    done.store(true, Ordering::Relaxed);
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_renamed_directory_is_always_at_one_of_its_names() {
    let tree = Arc::new(TestTree::new());
    tree.directory("/a").unwrap();
    tree.directory("/b").unwrap();
    tree.directory("/a/x").unwrap();
    tree.file("/a/x/f").unwrap();
    let walk = |tree: &TestTree| {
        for path in ["/a/x/f", "/b/y/f"] {
            match tree.find(path) {
                Ok(found) => assert!(!found.inode().is_directory()),
                Err(error) => assert_eq!(error, Errno::ENOENT),
            }
        }
        // Up from inside leads to the root whichever parent it has.
        if let Ok(inside) = tree.find("/a/x") {
            let top = tree
                .find_from(&inside, "../..", WalkFlags::empty())
                .unwrap();
            assert!(top.is_same(&tree.table.root()));
        }
    };
    race(&tree, 3, walk, |tree| {
        for _ in 0..2_000 {
            tree.rename("/a/x", "/b/y", Replacement::Allowed).unwrap();
            tree.rename("/b/y", "/a/x", Replacement::Refused).unwrap();
        }
    });
}

#[test]
fn exchanged_names_are_never_missing() {
    let tree = Arc::new(TestTree::new());
    tree.directory("/d").unwrap();
    tree.file("/d/one").unwrap();
    tree.directory("/two").unwrap();
    let walk = |tree: &TestTree| {
        assert!(tree.find("/d/one").is_ok());
        assert!(tree.find("/two").is_ok());
    };
    race(&tree, 3, walk, |tree| {
        for _ in 0..2_000 {
            tree.rename("/d/one", "/two", Replacement::Exchange)
                .unwrap();
        }
    });
}

#[test]
fn walks_meet_mounting_and_removal() {
    let tree = Arc::new(TestTree::new());
    tree.directory("/d").unwrap();
    let walk = |tree: &TestTree| {
        for path in ["/d/x/y", "/d/x/..", "/d/../d/x"] {
            if let Err(error) = tree.find(path) {
                assert_eq!(error, Errno::ENOENT);
            }
        }
    };
    race(&tree, 3, walk, |tree| {
        for _ in 0..500 {
            tree.directory("/d/x").unwrap();
            tree.mount("/d/x").unwrap();
            tree.directory("/d/x/y").unwrap();
            while let Err(error) = tree.unmount("/d/x") {
                assert_eq!(error, Errno::EBUSY);
            }
            tree.remove("/d/x", Removal::Directory).unwrap();
        }
    });
    assert_eq!(tree.table.len(), 1);
}
