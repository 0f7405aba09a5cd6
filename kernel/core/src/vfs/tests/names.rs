//! Making, linking, removing and moving names.

use crate::Errno;
use crate::vfs::kind::{FileKind, SET_GROUP_ID, STICKY};
use crate::vfs::namespace::{self, Creation, Removal};
use crate::vfs::rename::Replacement;
use crate::vfs::test_tree::TestTree;
use crate::vfs::walk::{self, WalkFlags};
use std::format;
use std::string::String;
use std::sync::Arc;
use std::vec::Vec;

fn links(tree: &TestTree, path: &str) -> u32 {
    tree.find(path).unwrap().inode().attributes.links()
}

#[test]
fn links_are_counted() {
    let tree = TestTree::new();
    tree.directory("/d").unwrap();
    assert_eq!((links(&tree, "/"), links(&tree, "/d")), (3, 2));
    tree.directory("/d/e").unwrap();
    tree.file("/f").unwrap();
    tree.hard_link("/f", "/d/g").unwrap();
    assert_eq!((links(&tree, "/d"), links(&tree, "/f")), (3, 2));
    let inode = tree.find("/f").unwrap().inode().clone();
    tree.remove("/f", Removal::File).unwrap();
    tree.remove("/d/g", Removal::File).unwrap();
    tree.remove("/d/e", Removal::Directory).unwrap();
    assert_eq!((inode.attributes.links(), links(&tree, "/d")), (0, 2));
    assert_eq!(tree.hard_link("/d", "/x"), Err(Errno::EPERM));
}

#[test]
fn names_are_taken_once() {
    let tree = TestTree::new();
    tree.file("/x").unwrap();
    assert_eq!(tree.file("/x").err(), Some(Errno::EEXIST));
    assert_eq!(tree.directory("/x/").err(), Some(Errno::EEXIST));
    assert_eq!(tree.directory("/").err(), Some(Errno::EEXIST));
    assert_eq!(tree.directory("/.").err(), Some(Errno::EEXIST));
    assert_eq!(tree.file("/y/").err(), Some(Errno::ENOENT));
    assert!(tree.directory("/z/").is_ok());
}

#[test]
fn removal_minds_what_it_removes() {
    let tree = TestTree::new();
    tree.directory("/d").unwrap();
    tree.file("/d/f").unwrap();
    assert_eq!(tree.remove("/d", Removal::File), Err(Errno::EISDIR));
    assert_eq!(tree.remove("/d", Removal::Directory), Err(Errno::ENOTEMPTY));
    assert_eq!(tree.remove("/d/f", Removal::Directory), Err(Errno::ENOTDIR));
    assert_eq!(tree.remove("/d/f/", Removal::File), Err(Errno::ENOTDIR));
    assert_eq!(tree.remove("/missing", Removal::File), Err(Errno::ENOENT));
    assert_eq!(tree.remove("/d/.", Removal::Directory), Err(Errno::EINVAL));
    assert_eq!(
        tree.remove("/d/..", Removal::Directory),
        Err(Errno::ENOTEMPTY)
    );
    assert_eq!(tree.remove("/", Removal::Directory), Err(Errno::EBUSY));
    tree.mount("/d").unwrap();
    assert_eq!(tree.remove("/d", Removal::Directory), Err(Errno::EBUSY));
}

#[test]
fn the_sticky_bit_protects_others_files() {
    let tree = TestTree::new();
    tree.directory("/tmp")
        .unwrap()
        .inode()
        .attributes
        .set_permissions(0o777 | STICKY);
    let (one, two) = (tree.as_user(1), tree.as_user(2));
    one.file("/tmp/x").unwrap();
    assert_eq!(two.remove("/tmp/x", Removal::File), Err(Errno::EPERM));
    assert_eq!(
        two.rename("/tmp/x", "/tmp/y", Replacement::Allowed),
        Err(Errno::EPERM)
    );
    assert_eq!(one.remove("/tmp/x", Removal::File), Ok(()));
    assert_eq!(one.file("/x").err(), Some(Errno::EACCES));
}

#[test]
fn a_set_group_id_directory_hands_its_group_on() {
    let tree = TestTree::new();
    let directory = tree.directory("/d").unwrap();
    directory.inode().attributes.set_ownership(0, 50);
    directory
        .inode()
        .attributes
        .set_permissions(0o777 | SET_GROUP_ID);
    let user = tree.as_user(9);
    assert_eq!(user.file("/d/f").unwrap().inode().attributes.group(), 50);
    let sub = user.directory("/d/s").unwrap();
    assert_eq!(
        (
            sub.inode().attributes.group(),
            sub.inode().attributes.permissions()
        ),
        (50, 0o755 | SET_GROUP_ID)
    );
}

#[test]
fn the_umask_applies() {
    let tree = TestTree::new();
    tree.fs.set_umask(0o077);
    let parent = walk::resolve_parent(&tree.view(), None, b"/f", WalkFlags::empty()).unwrap();
    let file = namespace::create(
        &tree.view(),
        &parent,
        &Creation::plain(FileKind::Regular, 0o666),
    )
    .unwrap();
    assert_eq!(file.inode().attributes.permissions(), 0o600);
}

#[test]
fn renaming_follows_the_rules() {
    let tree = TestTree::new();
    for directory in ["/a", "/a/b", "/c"] {
        tree.directory(directory).unwrap();
    }
    tree.file("/f").unwrap();
    tree.file("/g").unwrap();
    let rename = |from: &str, to: &str| tree.rename(from, to, Replacement::Allowed);
    assert_eq!(rename("/a", "/a/b/x"), Err(Errno::EINVAL));
    assert_eq!(rename("/a/b", "/a"), Err(Errno::ENOTEMPTY));
    assert_eq!(rename("/c", "/f"), Err(Errno::ENOTDIR));
    assert_eq!(rename("/f", "/c"), Err(Errno::EISDIR));
    assert_eq!(rename("/c", "/a"), Err(Errno::ENOTEMPTY));
    assert_eq!(rename("/missing", "/x"), Err(Errno::ENOENT));
    assert_eq!(rename("/f", "/x/"), Err(Errno::ENOTDIR));
    assert_eq!(rename("/c/.", "/x"), Err(Errno::EBUSY));
    let f = tree.find("/f").unwrap();
    assert_eq!(rename("/f", "/g"), Ok(()));
    assert!(Arc::ptr_eq(tree.find("/g").unwrap().inode(), f.inode()));
    assert_eq!(tree.path_of(&f), "/g");
    assert_eq!(rename("/a/b", "/c"), Ok(()));
    assert_eq!(
        (links(&tree, "/"), links(&tree, "/a"), tree.list("/")),
        (4, 2, ["a", "c", "g"].map(String::from).to_vec())
    );
    assert_eq!(rename("/c", "/c"), Ok(()));
    tree.hard_link("/g", "/h").unwrap();
    assert_eq!(rename("/g", "/h"), Ok(()));
    assert_eq!(links(&tree, "/g"), 2);
}

#[test]
fn renaming_with_flags() {
    let tree = TestTree::new();
    tree.directory("/d").unwrap();
    tree.directory("/d/s").unwrap();
    tree.file("/f").unwrap();
    assert_eq!(
        tree.rename("/f", "/d", Replacement::Refused),
        Err(Errno::EEXIST)
    );
    assert_eq!(
        tree.rename("/f", "/x", Replacement::Exchange),
        Err(Errno::ENOENT)
    );
    assert_eq!(tree.rename("/f", "/d/s", Replacement::Exchange), Ok(()));
    assert!(tree.find("/f").unwrap().inode().is_directory());
    assert!(!tree.find("/d/s").unwrap().inode().is_directory());
    assert_eq!((links(&tree, "/"), links(&tree, "/d")), (4, 2));
    assert!(tree.find("/f/..").unwrap().is_same(&tree.table.root()));
    assert_eq!(
        tree.rename("/d", "/d/s", Replacement::Exchange),
        Err(Errno::EINVAL)
    );
}

#[test]
fn reading_a_directory_goes_on_where_it_was() {
    let tree = TestTree::new();
    tree.directory("/d").unwrap();
    for number in 0..100 {
        tree.file(&format!("/d/{number:03}")).unwrap();
    }
    let location = tree.find("/d").unwrap();
    let mut seen: Vec<String> = Vec::new();
    let mut position = 0;
    loop {
        let mut taken = 0;
        crate::vfs::directory_file::read(&location, &mut position, &mut |entry| {
            if taken == 7 {
                return false;
            }
            taken += 1;
            seen.push(String::from_utf8(entry.name.to_vec()).unwrap());
            true
        })
        .unwrap();
        if taken == 0 {
            break;
        }
        // What was read is removed while reading goes on, as rm -r does.
        for name in seen.iter().filter(|name| !name.starts_with('.')) {
            let _ = tree.remove(&format!("/d/{name}"), Removal::File);
        }
    }
    seen.sort();
    assert_eq!(seen.len(), 102);
    seen.dedup();
    assert_eq!(seen.len(), 102);
    assert!(tree.list("/d").is_empty());
}

#[test]
fn removed_chains_of_directories_go_without_recursion() {
    let tree = TestTree::new();
    let mut working = tree.table.root();
    for _ in 0..50_000 {
        tree.fs.set_working_directory(working);
        working = tree.directory("d").unwrap();
    }
    let bottom = working.clone();
    loop {
        let above = tree.find_from(&working, "..", WalkFlags::empty()).unwrap();
        if above.is_same(&working) {
            break;
        }
        tree.fs.set_working_directory(above.clone());
        tree.remove("d", Removal::Directory).unwrap();
        working = above;
    }
    drop(bottom);
    assert!(tree.list("/").is_empty());
}
