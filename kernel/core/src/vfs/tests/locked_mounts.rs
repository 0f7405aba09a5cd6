//! What a manager puts into a tree from outside: masked and read-only paths, and mounts that can't be taken away.

use crate::Errno;
use crate::vfs::mount::MountFlags;
use crate::vfs::mount_copy::{clone_mount, clone_tree};
use crate::vfs::mount_restrict::restrict_path;
use crate::vfs::mount_table::{self, Locking, MountTable};
use crate::vfs::test_tree::TestTree;
use crate::vfs::walk::WalkFlags;
use crate::vfs::{OpenFlags, mount_text, open, unmount};
use gantry_abi::context::PathRestriction::{self, Masked, ReadOnly};
use std::string::String;

fn sample() -> TestTree {
    let tree = TestTree::new();
    for directory in ["/secret", "/secret/keys", "/copy", "/etc"] {
        tree.directory(directory).unwrap();
    }
    for file in ["/secret/keys/private", "/etc/shadow"] {
        tree.file(file).unwrap();
    }
    tree
}

fn restrict(tree: &TestTree, path: &str, restriction: PathRestriction) -> crate::Result<()> {
    restrict_path(&tree.table, &tree.view(), path.as_bytes(), restriction)
}

fn open(tree: &TestTree, path: &str, flags: OpenFlags) -> crate::Result<()> {
    let how = WalkFlags::empty();
    open::open(&tree.view(), None, path.as_bytes(), flags, 0o644, how).map(drop)
}

#[test]
fn a_masked_directory_is_empty_and_nothing_can_be_made_in_it() {
    let tree = sample();
    restrict(&tree, "/secret", Masked).unwrap();
    assert!(tree.list("/secret").is_empty());
    assert_eq!(tree.find("/secret/keys").err(), Some(Errno::ENOENT));
    assert_eq!(tree.directory("/secret/new").err(), Some(Errno::EROFS));
    // The container's own directory has no part in what is seen.
    let mask = tree.find("/secret").unwrap();
    assert_eq!(
        mask.mount.super_block().operations().type_name(),
        "mask",
        "{mask:?}"
    );
    assert!(tree.path_of(&tree.find("/secret/..").unwrap()) == "/");
}

#[test]
fn a_masked_file_cannot_be_written() {
    let tree = sample();
    restrict(&tree, "/etc/shadow", Masked).unwrap();
    open(&tree, "/etc/shadow", OpenFlags::READ_ONLY).unwrap();
    for flags in [
        OpenFlags::WRITE_ONLY,
        OpenFlags::READ_WRITE,
        OpenFlags::WRITE_ONLY | OpenFlags::TRUNCATE,
        OpenFlags::WRITE_ONLY | OpenFlags::CREATE,
    ] {
        assert_eq!(
            open(&tree, "/etc/shadow", flags),
            Err(Errno::EROFS),
            "{flags:?}"
        );
    }
    assert_eq!(tree.find("/etc/shadow").unwrap().inode().size(), 0);
}

#[test]
fn restrictions_follow_links_inside_and_are_not_repeated() {
    let tree = sample();
    tree.link("/out", "../../../etc/shadow").unwrap();
    restrict(&tree, "/out", Masked).unwrap();
    assert_eq!(tree.table.len(), 2);
    restrict(&tree, "/etc/shadow", Masked).unwrap();
    restrict(&tree, "/secret", ReadOnly).unwrap();
    restrict(&tree, "/secret", ReadOnly).unwrap();
    assert_eq!(tree.table.len(), 3);
    assert_eq!(
        restrict(&tree, "/missing", Masked).err(),
        Some(Errno::ENOENT)
    );
    assert_eq!(
        restrict(&tree, "/etc/shadow/x", Masked).err(),
        Some(Errno::ENOTDIR)
    );
    assert_eq!(restrict(&tree, "/", Masked).err(), Some(Errno::EBUSY));
}

#[test]
fn a_read_only_path_keeps_its_contents_and_covers_what_is_mounted_below() {
    let tree = sample();
    tree.mount("/secret/keys").unwrap();
    tree.file("/secret/keys/new").unwrap();
    restrict(&tree, "/secret", ReadOnly).unwrap();
    assert_eq!(tree.list("/secret/keys"), ["new"]);
    for path in ["/secret/x", "/secret/keys/x"] {
        assert_eq!(tree.file(path).err(), Some(Errno::EROFS), "{path}");
    }
    tree.file("/etc/x").unwrap();
}

#[test]
fn a_lock_has_no_key() {
    let tree = sample();
    restrict(&tree, "/secret", Masked).unwrap();
    restrict(&tree, "/etc", ReadOnly).unwrap();
    let copy = tree.find("/copy").unwrap();
    for path in ["/secret", "/etc"] {
        let place = tree.find(path).unwrap();
        assert_eq!(unmount::unmount(place.clone()), Err(Errno::EINVAL));
        assert_eq!(unmount::unmount_lazily(place.clone()), Err(Errno::EINVAL));
        assert_eq!(
            mount_table::move_mount(&place, &copy),
            Err(Errno::EINVAL),
            "{path}"
        );
        assert_eq!(
            place.mount.set_flags(MountFlags::empty()),
            Err(Errno::EPERM)
        );
        assert_eq!(place.mount.reconfigure(b"size=1m"), Err(Errno::EPERM));
    }
    let etc = tree.find("/etc").unwrap();
    etc.mount
        .set_flags(etc.mount.flags() | MountFlags::NO_EXECUTE)
        .unwrap();
    // A copy elsewhere keeps the restrictions, though it can go again.
    tree.bind("/etc", "/copy").unwrap();
    let copy = tree.find("/copy").unwrap();
    assert_eq!(copy.mount.set_flags(MountFlags::empty()), Err(Errno::EPERM));
    drop(copy);
    tree.unmount("/copy").unwrap();
}

#[test]
fn no_copy_shows_what_a_lock_covers() {
    let tree = sample();
    restrict(&tree, "/secret/keys", Masked).unwrap();
    let secret = tree.find("/secret").unwrap();
    assert_eq!(tree.bind("/secret", "/copy"), Err(Errno::EINVAL));
    assert_eq!(
        clone_mount(&secret, MountFlags::empty()).err(),
        Some(Errno::EINVAL)
    );
    assert_eq!(
        MountTable::create_root_from(&secret).err(),
        Some(Errno::EINVAL)
    );
    let other = TestTree::new();
    let place = other.directory("/p").unwrap();
    assert_eq!(
        other
            .table
            .copy_mount(&secret, &place, MountFlags::empty(), Locking::Locked),
        Err(Errno::EINVAL)
    );
    // Directories without a lock below can be copied.
    tree.bind("/etc", "/copy").unwrap();
}

#[test]
fn an_overlay_does_not_show_what_is_masked() {
    let tree = sample();
    restrict(&tree, "/secret/keys", Masked).unwrap();
    for options in [
        "lowerdir=/secret:/copy",
        "lowerdir=/copy:/secret",
        "lowerdir=/etc,upperdir=/secret,workdir=/copy",
        "lowerdir=/secret/keys:/etc",
    ] {
        assert_eq!(
            tree.overlay("/copy", options),
            Err(Errno::EINVAL),
            "{options}"
        );
    }
}

#[test]
fn what_is_left_of_a_tree_shows_masks_where_mounts_were_locked() {
    let tree = sample();
    restrict(&tree, "/secret/keys", Masked).unwrap();
    let copy = clone_tree(&tree.find("/secret").unwrap()).unwrap();
    let place = tree.find("/copy").unwrap();
    mount_table::attach(copy.mount(), &place, Locking::Open).unwrap();
    drop(copy);
    let held = tree.find("/copy").unwrap();
    unmount::unmount_lazily(tree.find("/copy").unwrap()).unwrap();
    assert_eq!(tree.table.len(), 2);
    let look = |path: &str| tree.find_from(&held, path, WalkFlags::empty());
    assert!(look("keys").is_ok());
    assert_eq!(look("keys/private").err(), Some(Errno::ENOENT));
    // A floating tree that is closed leaves no more.
    let floating = clone_tree(&tree.find("/secret").unwrap()).unwrap();
    let root = crate::vfs::Location::root_of(floating.mount());
    drop(floating);
    assert_eq!(
        tree.find_from(&root, "keys/private", WalkFlags::empty())
            .err(),
        Some(Errno::ENOENT)
    );
}

#[test]
fn the_place_of_a_lock_is_free_once_its_tree_is_gone() {
    let host = sample();
    let guest = TestTree::of(MountTable::create_root_from(&host.find("/secret").unwrap()).unwrap());
    restrict(&guest, "/keys", Masked).unwrap();
    let remove = || host.remove("/secret/keys/private", crate::vfs::namespace::Removal::File);
    remove().unwrap();
    let directory = || host.remove("/secret/keys", crate::vfs::namespace::Removal::Directory);
    assert_eq!(directory(), Err(Errno::EBUSY));
    drop(guest);
    directory().unwrap();
}

#[test]
fn a_mask_has_a_line_in_the_table() {
    let tree = sample();
    restrict(&tree, "/etc/shadow", Masked).unwrap();
    let info = String::from_utf8(mount_text::mount_info(&tree.table.root()).unwrap()).unwrap();
    assert!(
        info.lines()
            .any(|line| line.contains(" / /etc/shadow ro,nosuid,nodev,noexec - mask mask ro")),
        "{info}"
    );
}

#[test]
fn the_root_of_a_new_table_keeps_its_restrictions() {
    let host = sample();
    let source = host.find("/secret").unwrap();
    let table = MountTable::create_root_from(&source).unwrap();
    let root = table.root();
    root.mount.set_flags(MountFlags::READ_ONLY).unwrap();
    table.lock_root(&host.table.root());
    assert_eq!(root.mount.set_flags(MountFlags::empty()), Err(Errno::EPERM));
    assert_eq!(unmount::unmount(root), Err(Errno::EBUSY));
}
