//! Mount tables.

use crate::Errno;
use crate::vfs::mount::MountFlags;
use crate::vfs::mount_copy::clone_tree;
use crate::vfs::mount_table::{self, Locking, MountTable};
use crate::vfs::namespace::Removal;
use crate::vfs::test_tree::TestTree;
use crate::vfs::{FsContext, mount_text, unmount};
use std::string::String;
use std::sync::Arc;

fn sample() -> TestTree {
    let tree = TestTree::new();
    for directory in ["/m", "/n", "/s", "/s/t"] {
        tree.directory(directory).unwrap();
    }
    tree.file("/s/t/f").unwrap();
    tree
}

#[test]
fn busy_mounts_stay() {
    let tree = sample();
    tree.mount("/m").unwrap();
    let used = tree.directory("/m/d").unwrap();
    assert_eq!(tree.unmount("/m/d"), Err(Errno::EINVAL));
    assert_eq!(tree.unmount("/m"), Err(Errno::EBUSY));
    tree.mount("/m/d").unwrap();
    drop(used);
    assert_eq!(tree.unmount("/m"), Err(Errno::EBUSY));
    tree.unmount("/m/d").unwrap();
    tree.unmount("/m").unwrap();
    assert_eq!(tree.unmount("/m"), Err(Errno::EINVAL));
    assert_eq!(tree.unmount("/"), Err(Errno::EBUSY));
    assert_eq!(tree.table.len(), 1);
}

#[test]
fn lazy_unmounting_leaves_files_to_their_users() {
    let tree = sample();
    tree.mount("/m").unwrap();
    tree.directory("/m/d").unwrap();
    tree.mount("/m/d").unwrap();
    let inner = tree.directory("/m/d/e").unwrap();
    unmount::unmount_lazily(tree.find("/m").unwrap()).unwrap();
    assert_eq!(tree.table.len(), 1);
    assert!(tree.list("/m").is_empty());
    assert!(
        tree.find_from(&inner, ".", crate::vfs::walk::WalkFlags::empty())
            .is_ok()
    );
    assert_eq!(
        mount_table::attach(
            &crate::vfs::Mount::of(&inner, MountFlags::empty()),
            &inner,
            Locking::Open
        ),
        Err(Errno::EINVAL)
    );
    tree.remove("/m", Removal::Directory).unwrap();
}

#[test]
fn the_root_is_never_covered() {
    let tree = sample();
    assert_eq!(tree.mount("/"), Err(Errno::EBUSY));
    assert_eq!(tree.bind("/s", "/"), Err(Errno::EBUSY));
    let source = tree.find("/s").unwrap();
    assert_eq!(
        tree.table.copy_mount(
            &source,
            &tree.find("/").unwrap(),
            MountFlags::empty(),
            Locking::Open
        ),
        Err(Errno::EBUSY)
    );
}

#[test]
fn copies_of_mounts_inherit_flags_and_never_stack() {
    let host = sample();
    host.mount("/m").unwrap();
    host.directory("/m/sub").unwrap();
    host.file("/m/file").unwrap();
    let source = host.find("/m").unwrap();
    source.mount.set_flags(MountFlags::NO_DEVICES).unwrap();
    let guest = TestTree::new();
    guest.directory("/p").unwrap();
    guest.file("/q").unwrap();
    let copy = |from: &str, to: &str| {
        guest.table.copy_mount(
            &host.find(from).unwrap(),
            &guest.find(to).unwrap(),
            MountFlags::READ_ONLY,
            Locking::Open,
        )
    };
    assert_eq!(copy("/m/file", "/p"), Err(Errno::EISDIR));
    assert_eq!(copy("/m", "/q"), Err(Errno::ENOTDIR));
    assert_eq!(copy("/m", "/p"), Ok(()));
    assert_eq!(
        guest.find("/p").unwrap().mount.flags(),
        MountFlags::NO_DEVICES | MountFlags::READ_ONLY
    );
    assert_eq!(copy("/m", "/p"), Err(Errno::EBUSY));
    assert_eq!(copy("/m/file", "/q"), Ok(()));
    assert_eq!(guest.file("/p/new").err(), Some(Errno::EROFS));
    assert_eq!(guest.list("/p"), ["file", "sub"]);
    // A target of another table is refused.
    assert_eq!(
        guest.table.copy_mount(
            &source,
            &host.find("/n").unwrap(),
            MountFlags::empty(),
            Locking::Open
        ),
        Err(Errno::EINVAL)
    );
}

#[test]
fn moving_takes_the_tree_along() {
    let tree = sample();
    tree.mount("/m").unwrap();
    tree.directory("/m/d").unwrap();
    tree.mount("/m/d").unwrap();
    tree.file("/m/d/f").unwrap();
    let source = tree.find("/m").unwrap();
    assert_eq!(
        mount_table::move_mount(&source, &tree.find("/m/d").unwrap()),
        Err(Errno::ELOOP)
    );
    mount_table::move_mount(&source, &tree.find("/n").unwrap()).unwrap();
    assert!(tree.find("/n/d/f").is_ok());
    assert!(tree.list("/m").is_empty());
    assert_eq!(
        mount_table::move_mount(&tree.find("/").unwrap(), &tree.find("/m").unwrap()),
        Err(Errno::EINVAL)
    );
}

#[test]
fn a_root_from_a_directory_shows_it_alone_and_keeps_its_restrictions() {
    let host = sample();
    host.mount("/m").unwrap();
    host.directory("/m/r").unwrap();
    host.directory("/m/r/in").unwrap();
    let source = host.find("/m/r").unwrap();
    source
        .mount
        .set_flags(MountFlags::READ_ONLY | MountFlags::NO_SETUID)
        .unwrap();
    let guest = TestTree::of(MountTable::create_root_from(&source).unwrap());
    assert_eq!(guest.list("/"), ["in"]);
    assert!(
        guest
            .find("/../../..")
            .unwrap()
            .is_same(&guest.table.root())
    );
    assert_eq!(
        guest.table.root().mount.flags(),
        MountFlags::READ_ONLY | MountFlags::NO_SETUID
    );
    drop(source);
    host.unmount("/m").unwrap();
    assert_eq!(guest.list("/"), ["in"]);
    let file = host.find("/s/t/f").unwrap();
    assert_eq!(
        MountTable::create_root_from(&file).err(),
        Some(Errno::ENOTDIR)
    );
}

#[test]
fn a_table_takes_its_mounts_along() {
    let guest = TestTree::new();
    for directory in ["/a", "/b"] {
        guest.directory(directory).unwrap();
        guest.mount(directory).unwrap();
    }
    guest.directory("/a/c").unwrap();
    guest.mount("/a/c").unwrap();
    let super_block = Arc::downgrade(guest.find("/a/c").unwrap().inode().super_block());
    assert_eq!(guest.table.len(), 4);
    drop(guest);
    assert!(super_block.upgrade().is_none());
}

#[test]
fn floating_mounts_go_unless_they_get_a_place() {
    let tree = sample();
    let copy = clone_tree(&tree.find("/s").unwrap()).unwrap();
    mount_table::attach(copy.mount(), &tree.find("/m").unwrap(), Locking::Open).unwrap();
    drop(copy);
    assert!(tree.find("/m/t/f").is_ok());
    tree.mount("/s/t").unwrap();
    let recursive = clone_tree(&tree.find("/s").unwrap()).unwrap();
    mount_table::attach(recursive.mount(), &tree.find("/n").unwrap(), Locking::Open).unwrap();
    assert_eq!(tree.table.len(), 5);
    let dropped = clone_tree(&tree.find("/s").unwrap()).unwrap();
    drop(dropped);
    assert_eq!(tree.table.len(), 5);
    tree.unmount("/s/t").unwrap();
}

#[test]
fn read_only_mounts_stop_writes_and_wait_for_writers() {
    let tree = sample();
    let open = |flags| {
        crate::vfs::open::open(
            &tree.view(),
            None,
            b"/s/t/f",
            flags,
            0,
            crate::vfs::walk::WalkFlags::empty(),
        )
    };
    let writer = open(crate::vfs::OpenFlags::WRITE_ONLY).unwrap();
    let mount = tree.table.root().mount;
    assert_eq!(mount.set_flags(MountFlags::READ_ONLY), Err(Errno::EBUSY));
    drop(writer);
    mount.set_flags(MountFlags::READ_ONLY).unwrap();
    assert_eq!(
        open(crate::vfs::OpenFlags::WRITE_ONLY).err(),
        Some(Errno::EROFS)
    );
    assert!(open(crate::vfs::OpenFlags::READ_ONLY).is_ok());
    assert_eq!(tree.directory("/x").err(), Some(Errno::EROFS));
    assert_eq!(tree.remove("/s/t/f", Removal::File), Err(Errno::EROFS));
}

#[test]
fn tables_have_texts() {
    let tree = sample();
    tree.directory("/with space").unwrap();
    tree.mount_with("/with space", "size=8k").unwrap();
    tree.bind("/s", "/m").unwrap();
    let info = String::from_utf8(mount_text::mount_info(&tree.table.root()).unwrap()).unwrap();
    let lines: std::vec::Vec<_> = info.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(lines[0].contains(" / / rw - ramfs none rw"), "{info}");
    assert!(
        lines[1].contains(" / /with\\040space rw - tmpfs none rw,size=8k"),
        "{info}"
    );
    assert!(lines[2].contains(" /s /m rw - ramfs none rw"), "{info}");
    let mounts = String::from_utf8(mount_text::mounts(&tree.table.root()).unwrap()).unwrap();
    assert!(mounts.ends_with("none /m ramfs rw 0 0\n"), "{mounts}");
    // A changed root sees what is below it.
    let fs = FsContext::new(tree.find("/m").unwrap());
    let below = String::from_utf8(mount_text::mounts(&fs.root()).unwrap()).unwrap();
    assert_eq!(below, "none / ramfs rw 0 0\n");
}
