use super::*;
use crate::Errno;
use crate::memory::MemoryObject;
use crate::vfs::extended;
use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::namespace::Removal;
use crate::vfs::walk::{self, WalkFlags};
use std::format;

fn both(test: impl Fn(&TestTree)) {
    for packed in [COMPACT, EXTENDED] {
        let tree = with_image(&unpacked(packed));
        mount(&tree).unwrap();
        test(&tree);
    }
}

fn large() -> Vec<u8> {
    (0..10000)
        .map(|i| ((i * 7 + i / 256) % 251) as u8)
        .collect()
}

#[test]
fn content_is_what_was_put_in() {
    both(|tree| {
        assert_eq!(tree.read("/m/etc/hello").unwrap(), b"hello from an image\n");
        assert_eq!(tree.read("/m/large").unwrap(), large());
        assert_eq!(tree.read("/m/empty").unwrap(), b"");
        let sparse = tree.read("/m/sparse").unwrap();
        let mut expected = std::vec![0; 40960];
        expected[20480..24576].copy_from_slice(&b"data".repeat(1024));
        assert!(sparse == expected);
    });
}

#[test]
fn directories_are_listed_and_searched() {
    both(|tree| {
        let top = [
            "deep", "empty", "etc", "fifo", "large", "many", "null", "sparse",
        ];
        assert_eq!(tree.list("/m"), top);
        let many: Vec<_> = (0..120)
            .map(|i| format!("file-with-a-number-{i:03}"))
            .collect();
        assert_eq!(tree.list("/m/many"), many);
        for name in &many {
            assert!(tree.find(&format!("/m/many/{name}")).is_ok(), "{name}");
        }
        for name in [
            "a",
            "file-with-a-number-",
            "file-with-a-number-0600",
            "z",
            "/large",
        ] {
            assert_eq!(
                tree.find(&format!("/m/many/{name}")).err(),
                Some(Errno::ENOENT),
                "{name}"
            );
        }
    });
}

#[test]
fn files_have_their_kinds_and_attributes() {
    both(|tree| {
        let large = tree.find("/m/large").unwrap();
        let attributes = &large.inode().attributes;
        assert_eq!(
            (
                attributes.permissions(),
                attributes.owner(),
                attributes.group()
            ),
            (0o4750, 5, 70000)
        );
        assert_eq!(attributes.modified(), 1_000_000_000_000_000_000);
        let hello = tree.find("/m/etc/hello").unwrap();
        assert_eq!(hello.inode().attributes.links(), 2);
        let twin = tree.find("/m/deep/er/twin").unwrap();
        assert!(std::sync::Arc::ptr_eq(hello.inode(), twin.inode()));
        let linked = tree.find("/m/deep/link").unwrap();
        assert!(std::sync::Arc::ptr_eq(hello.inode(), linked.inode()));
        let long = walk::resolve(&tree.view(), None, b"/m/deep/long", WalkFlags::empty());
        assert_eq!(long.unwrap().inode().target().unwrap().len(), 301);
        let null = tree.find("/m/null").unwrap();
        assert_eq!(null.inode().kind(), FileKind::CharacterDevice);
        assert_eq!(null.inode().device(), DeviceNumber::new(1, 3));
        assert_eq!(tree.find("/m/fifo").unwrap().inode().kind(), FileKind::Fifo);
        let statistics = large.inode().super_block().operations().statistics();
        assert_eq!((statistics.magic, statistics.inodes), (0xe0f5_e1e2, 133));
    });
}

#[test]
fn attributes_are_found_behind_inodes_and_shared() {
    both(|tree| {
        let get = |path: &str, name: &str| {
            let location = tree.find(path).unwrap();
            extended::get(&tree.credentials, &location, name.as_bytes())
        };
        for path in ["/m/etc/hello", "/m/large", "/m/empty", "/m/sparse"] {
            assert_eq!(
                get(path, "user.note").unwrap(),
                b"a note of some length",
                "{path}"
            );
        }
        assert_eq!(get("/m/etc/hello", "user.own").unwrap(), b"o");
        assert_eq!(get("/m/etc", "trusted.overlay.opaque").unwrap(), b"y");
        assert_eq!(get("/m/etc", "user.note"), Err(Errno::ENODATA));
        assert_eq!(get("/m/fifo", "trusted.x"), Err(Errno::ENODATA));
        let hello = tree.find("/m/etc/hello").unwrap();
        let names = extended::list(&tree.credentials, &hello).unwrap();
        let mut names: Vec<_> = names.split(|&byte| byte == 0).collect();
        names.sort_unstable();
        assert_eq!(names, [&b""[..], b"user.note", b"user.own"]);
    });
}

#[test]
fn nothing_can_be_written() {
    both(|tree| {
        assert_eq!(tree.write("/m/new", b""), Err(Errno::EROFS));
        assert_eq!(tree.write("/m/large", b""), Err(Errno::EROFS));
        assert_eq!(tree.remove("/m/large", Removal::File), Err(Errno::EROFS));
    });
}

#[test]
fn whole_pages_are_those_of_the_image() {
    both(|tree| {
        let image = tree.find("/image").unwrap();
        let own: Vec<_> = (0..16)
            .filter_map(|index| image.inode().page_cache().unwrap().page(index, false).ok())
            .map(|frame| frame.number())
            .collect();
        let file = tree.find("/m/large").unwrap();
        let pages = file.inode().page_cache().unwrap();
        let shared = |index| own.contains(&pages.page(index, false).unwrap().number());
        assert!(shared(0) && shared(1));
        // The last page has something else behind the file's end, or is not at a page's start.
        assert!(!shared(2));
        assert_eq!(pages.page(3, false).err(), Some(Errno::ENXIO));
    });
}

#[test]
fn a_chunk_can_be_a_hole() {
    let mut image = unpacked(EXTENDED);
    // The table of "sparse": ten blocks, all but the sixth the same.
    let word = |image: &[u8], at: usize| image[at..at + 4].to_vec();
    let (at, step) = (0..image.len() - 80)
        .step_by(4)
        .flat_map(|at| [(at, 4), (at, 8)])
        .find(|&(at, step)| {
            let entry = |index: usize| word(&image, at + index * step);
            entry(0) != [0; 4] && (0..10).all(|index| (entry(index) == entry(0)) == (index != 5))
        })
        .unwrap();
    image[at + 6 * step..at + 6 * step + 4].fill(0xff);
    let tree = with_image(&image);
    mount(&tree).unwrap();
    let sparse = tree.read("/m/sparse").unwrap();
    assert!(sparse[20480..24576] == b"data".repeat(1024));
    assert!(sparse[24576..].iter().all(|&byte| byte == 0));
}

#[test]
fn an_overlay_lies_upon_an_image() {
    let tree = with_image(&unpacked(COMPACT));
    for path in ["/up", "/work", "/lower", "/o"] {
        tree.directory(path).unwrap();
    }
    mount(&tree).unwrap();
    tree.overlay("/o", "lowerdir=/m:/lower,upperdir=/up,workdir=/work")
        .unwrap();
    assert_eq!(tree.read("/o/large").unwrap(), large());
    tree.write("/o/large", b"new").unwrap();
    tree.remove("/o/etc/hello", Removal::File).unwrap();
    assert!(tree.list("/o/etc").is_empty());
    assert_eq!(tree.read("/o/large").unwrap(), b"new");
    let sparse = tree.find("/o/sparse").unwrap();
    crate::vfs::change::set_permissions(&tree.credentials, &sparse, 0o600).unwrap();
    assert_eq!(
        tree.read("/up/sparse").unwrap(),
        tree.read("/m/sparse").unwrap()
    );
    assert_eq!(tree.read("/m/large").unwrap(), large());
}

#[test]
fn what_is_no_image_is_refused() {
    let image = unpacked(COMPACT);
    let refused = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut image = image.clone();
        change(&mut image);
        mount(&with_image(&image)).err()
    };
    assert_eq!(refused(&|image| image[1024] = 0), Some(Errno::EINVAL));
    assert_eq!(
        refused(&|image| image[1024 + 65] ^= 1),
        Some(Errno::EBADMSG)
    );
    assert_eq!(refused(&|image| image[1024 + 80] |= 2), Some(Errno::EINVAL));
    assert_eq!(refused(&|image| image[1024 + 12] = 16), Some(Errno::EINVAL));
    assert_eq!(refused(&|image| image.truncate(1100)), Some(Errno::EIO));
    assert_eq!(refused(&Vec::clear), Some(Errno::EIO));
    let tree = with_image(&image);
    let create = |source: &str, options: &str| {
        super::super::create(&tree.view(), source.as_bytes(), options.as_bytes()).err()
    };
    assert_eq!(create("/m", ""), Some(Errno::ENOTBLK));
    assert_eq!(create("/none", ""), Some(Errno::ENOENT));
    assert_eq!(create("/image", "nosuch"), Some(Errno::EINVAL));
    assert_eq!(create("/image", "user_xattr,acl"), None);
    tree.find("/image")
        .unwrap()
        .inode()
        .attributes
        .set_permissions(0);
    let user = tree.as_user(1000);
    let made = super::super::create(&user.view(), b"/image", b"");
    assert_eq!(made.err(), Some(Errno::EACCES));
}

#[test]
fn an_image_stays_while_it_is_mounted() {
    let tree = TestTree::new();
    for path in ["/m", "/t"] {
        tree.directory(path).unwrap();
    }
    tree.mount("/t").unwrap();
    tree.write("/t/image", &unpacked(COMPACT)).unwrap();
    let made = super::super::create(&tree.view(), b"/t/image", b"").unwrap();
    tree.attach(made, &tree.find("/m").unwrap()).unwrap();
    assert_eq!(tree.unmount("/t"), Err(Errno::EBUSY));
    tree.remove("/t/image", Removal::File).unwrap();
    assert_eq!(tree.read("/m/large").unwrap(), large());
    let file = tree.find("/m/large").unwrap();
    let super_block = std::sync::Arc::downgrade(file.inode().super_block());
    drop(file);
    tree.unmount("/m").unwrap();
    assert!(super_block.upgrade().is_none());
    tree.unmount("/t").unwrap();
}
