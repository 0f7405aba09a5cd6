//! Names and what they are of.

use super::{CARD, Mounted, VARIANTS, debugfs};
use crate::Errno;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::name_eviction;
use crate::vfs::namespace::{self, Creation, Removal};
use crate::vfs::path_node::NAMES;
use crate::vfs::rename::Replacement;
use crate::vfs::walk::{self, WalkFlags};
use std::format;
use std::string::String;
use std::sync::Arc;

#[test]
fn a_directory_holds_many_names() {
    for options in [CARD, VARIANTS[3]] {
        let mounted = Mounted::new(32 << 10, options);
        mounted.tree.directory("/m/d").unwrap();
        let count = 2000;
        for index in 0..count {
            mounted.tree.file(&format!("/m/d/name-{index}")).unwrap();
        }
        let mounted = mounted.again();
        assert_eq!(mounted.tree.list("/m/d").len(), count);
        for index in (0..count).step_by(2) {
            mounted
                .tree
                .remove(&format!("/m/d/name-{index}"), Removal::File)
                .unwrap();
        }
        assert_eq!(
            mounted.tree.remove("/m/d", Removal::Directory),
            Err(Errno::ENOTEMPTY)
        );
        let mounted = mounted.again();
        assert_eq!(mounted.tree.list("/m/d").len(), count / 2);
        for index in (1..count).step_by(2) {
            mounted
                .tree
                .remove(&format!("/m/d/name-{index}"), Removal::File)
                .unwrap();
        }
        mounted.tree.remove("/m/d", Removal::Directory).unwrap();
        mounted.unmount();
    }
}

#[test]
fn all_kinds_of_files_come_back() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        let tree = &mounted.tree;
        let long = "x".repeat(900);
        tree.link("/m/short", "target").unwrap();
        tree.link("/m/long", &long).unwrap();
        let make = |path: &str, kind, device| {
            let creation = Creation {
                kind,
                permissions: 0o640,
                device,
                target: &[],
            };
            let parent =
                walk::resolve_parent(&tree.view(), None, path.as_bytes(), WalkFlags::empty());
            namespace::create(&tree.view(), &parent.unwrap(), &creation).unwrap();
        };
        let devices = [(0, 0), (1, 3), (250, 255), (500, 70_000)];
        for (index, (major, minor)) in devices.into_iter().enumerate() {
            let device = DeviceNumber::new(major, minor);
            make(
                &format!("/m/char{index}"),
                FileKind::CharacterDevice,
                device,
            );
            make(&format!("/m/block{index}"), FileKind::BlockDevice, device);
        }
        make("/m/fifo", FileKind::Fifo, DeviceNumber::NONE);
        make("/m/socket", FileKind::Socket, DeviceNumber::NONE);
        let mounted = mounted.again();
        let find = |path: &str| {
            let start = mounted.tree.find("/").unwrap();
            mounted
                .tree
                .find_from(&start, path, WalkFlags::empty())
                .unwrap()
        };
        assert_eq!(find("/m/short").inode().target(), Some(&b"target"[..]));
        assert_eq!(find("/m/long").inode().target(), Some(long.as_bytes()));
        for (index, (major, minor)) in devices.into_iter().enumerate() {
            let node = find(&format!("/m/char{index}"));
            assert_eq!(node.inode().device(), DeviceNumber::new(major, minor));
            assert_eq!(node.inode().kind(), FileKind::CharacterDevice);
            assert_eq!(
                find(&format!("/m/block{index}")).inode().kind(),
                FileKind::BlockDevice
            );
        }
        assert_eq!(find("/m/fifo").inode().kind(), FileKind::Fifo);
        assert_eq!(find("/m/socket").inode().attributes.permissions(), 0o640);
        for path in ["/m/long", "/m/short", "/m/fifo", "/m/char1"] {
            mounted.tree.remove(path, Removal::File).unwrap();
        }
        mounted.unmount();
    }
}

#[test]
fn links_are_counted() {
    let mounted = Mounted::new(16 << 10, CARD);
    let tree = &mounted.tree;
    tree.write("/m/one", b"content").unwrap();
    for index in 0..300 {
        tree.hard_link("/m/one", &format!("/m/link-{index}"))
            .unwrap();
    }
    for index in 0..50 {
        tree.directory(&format!("/m/directory-{index}")).unwrap();
    }
    let mounted = mounted.again();
    let links = |path: &str| mounted.tree.find(path).unwrap().inode().attributes.links();
    assert_eq!((links("/m/link-7"), links("/m")), (301, 53));
    mounted.tree.remove("/m/one", Removal::File).unwrap();
    for index in 1..300 {
        mounted
            .tree
            .remove(&format!("/m/link-{index}"), Removal::File)
            .unwrap();
    }
    assert_eq!(mounted.tree.read("/m/link-0").unwrap(), b"content");
    mounted.unmount();
}

#[test]
fn names_move() {
    for options in VARIANTS {
        let mounted = Mounted::new(16 << 10, options);
        let tree = &mounted.tree;
        for path in ["/m/a", "/m/b", "/m/a/sub", "/m/a/sub/deep", "/m/empty"] {
            tree.directory(path).unwrap();
        }
        for path in ["/m/a/file", "/m/b/file", "/m/b/other"] {
            tree.write(path, path.as_bytes()).unwrap();
        }
        let allowed = Replacement::Allowed;
        // Within a directory; to another one; over a file; a directory to another one; over an empty directory.
        tree.rename("/m/a/file", "/m/a/a-much-longer-name-than-before", allowed)
            .unwrap();
        tree.rename("/m/a/a-much-longer-name-than-before", "/m/b/new", allowed)
            .unwrap();
        tree.rename("/m/b/new", "/m/b/file", allowed).unwrap();
        tree.rename("/m/a/sub", "/m/b/sub", allowed).unwrap();
        tree.rename("/m/b/sub/deep", "/m/empty", allowed).unwrap();
        assert_eq!(
            tree.rename("/m/b", "/m/a", Replacement::Refused),
            Err(Errno::EEXIST)
        );
        assert_eq!(
            tree.rename("/m/empty", "/m/b", allowed),
            Err(Errno::ENOTEMPTY)
        );
        // A file for a directory, in different directories.
        tree.rename("/m/b/other", "/m/a", Replacement::Exchange)
            .unwrap();
        let mounted = mounted.again();
        let tree = &mounted.tree;
        assert_eq!(tree.list("/m"), ["a", "b", "empty", "lost+found"]);
        assert_eq!(tree.list("/m/b"), ["file", "other", "sub"]);
        assert_eq!(tree.read("/m/b/file").unwrap(), b"/m/a/file");
        assert_eq!(tree.read("/m/a").unwrap(), b"/m/b/other");
        assert!(tree.find("/m/b/other").unwrap().inode().is_directory());
        mounted.unmount();
    }
}

#[test]
fn what_is_open_and_has_no_name_stays_until_it_is_closed() {
    let mounted = Mounted::new(16 << 10, CARD);
    let tree = &mounted.tree;
    tree.write("/m/f", &[7; 100_000]).unwrap();
    tree.write("/m/g", &[8; 100_000]).unwrap();
    let files = ["/m/f", "/m/g"].map(|path| {
        tree.open(path, crate::vfs::flags::OpenFlags::READ_WRITE)
            .unwrap()
    });
    tree.remove("/m/f", Removal::File).unwrap();
    tree.remove("/m/g", Removal::File).unwrap();
    mounted.sync();
    // After a loss of power the next mount frees them.
    let medium = mounted.disk.after_power_loss(|| false);
    let other = Mounted::of(crate::block::simulated::SimulatedDisk::new(medium)).unwrap();
    assert_eq!(other.tree.list("/m"), ["lost+found"]);
    other.unmount();
    let mut content = [0; 10];
    let mut destination = crate::vfs::transfer::Destination::kernel(&mut content);
    files[0]
        .operations()
        .read(&files[0], &mut destination, &mut 0)
        .unwrap();
    assert_eq!(content, [7; 10]);
    drop(files);
    let medium = mounted.unmount();
    let text: String = debugfs(&medium, "show_super_stats -h");
    assert!(!text.contains("First orphan inode"), "{text}");
}

#[test]
fn names_that_nobody_uses_are_forgotten_and_found_again() {
    let mounted = Mounted::new(16 << 10, CARD);
    let tree = &mounted.tree;
    for directory in ["/m/a", "/m/a/b", "/m/c"] {
        tree.directory(directory).unwrap();
        for number in 0..100 {
            tree.write(&format!("{directory}/{number}"), directory.as_bytes())
                .unwrap();
        }
    }
    let held = tree.find("/m/a/b/7").unwrap();
    let root = tree.find("/m").unwrap();
    let names = |path: &str| {
        let directory = tree.find(path).unwrap();
        directory.node.entries(&NAMES.read(), 0).count()
    };
    let forget = || name_eviction::forget_unused(root.inode().super_block());
    forget();
    // What isn't written yet stays.
    assert_eq!(names("/m/c"), 100);
    mounted.sync();
    forget();
    assert_eq!((names("/m/a"), names("/m/a/b")), (1, 1));
    assert_eq!(tree.read("/m/c/99").unwrap(), b"/m/c");
    assert!(Arc::ptr_eq(
        &tree.find("/m/a/b/7").unwrap().node,
        &held.node
    ));
    // Reading has changed times.
    mounted.sync();
    drop(held);
    forget();
    assert_eq!(root.node.entries(&NAMES.read(), 0).count(), 0);
    assert_eq!(tree.list("/m/a/b").len(), 100);
    assert_eq!(tree.read("/m/a/b/7").unwrap(), b"/m/a/b");
    drop(root);
    mounted.unmount();
}
