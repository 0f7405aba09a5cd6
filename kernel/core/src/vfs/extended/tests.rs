use super::store::{ROOM, Store};
use super::*;
use crate::vfs::page_cache::PageQuota;
use crate::vfs::test_tree::TestTree;

const ANY: Existing = Existing::Allowed;

#[test]
fn values_are_kept_by_name() {
    let tree = TestTree::new();
    let file = tree.file("/file").unwrap();
    let root = &tree.credentials;
    assert_eq!(get(root, &file, b"user.a"), Err(Errno::ENODATA));
    set(root, &file, b"user.a", b"1", Existing::Refused).unwrap();
    assert_eq!(
        set(root, &file, b"user.a", b"2", Existing::Refused),
        Err(Errno::EEXIST)
    );
    assert_eq!(
        set(root, &file, b"user.b", b"2", Existing::Required),
        Err(Errno::ENODATA)
    );
    set(root, &file, b"user.a", b"two", Existing::Required).unwrap();
    set(root, &file, b"trusted.t", b"", ANY).unwrap();
    assert_eq!(get(root, &file, b"user.a").unwrap(), b"two");
    assert_eq!(list(root, &file).unwrap(), b"user.a\0trusted.t\0");
    remove(root, &file, b"user.a").unwrap();
    assert_eq!(remove(root, &file, b"user.a"), Err(Errno::ENODATA));
    assert_eq!(list(root, &file).unwrap(), b"trusted.t\0");
}

#[test]
fn namespaces_have_their_rules() {
    let tree = TestTree::new();
    let file = tree.file("/file").unwrap();
    let link = tree.link("/link", "file").unwrap();
    let link = Location {
        node: link.node,
        mount: file.mount.clone(),
    };
    let root = &tree.credentials;
    let user = &tree.as_user(1000).credentials;
    for (name, error) in [
        ("", Errno::ERANGE),
        ("user.", Errno::EINVAL),
        ("system.posix_acl_access", Errno::EOPNOTSUPP),
        ("other.x", Errno::EOPNOTSUPP),
    ] {
        assert_eq!(
            set(root, &file, name.as_bytes(), b"", ANY),
            Err(error),
            "{name}"
        );
    }
    let long = [&b"user."[..], &[b'x'; 251]].concat();
    assert_eq!(set(root, &file, &long, b"", ANY), Err(Errno::ERANGE));
    assert!(set(root, &file, &long[..255], b"", ANY).is_ok());
    assert_eq!(
        set(root, &file, b"user.x", &[0; 65537], ANY),
        Err(Errno::E2BIG)
    );
    set(root, &file, b"trusted.x", b"", ANY).unwrap();
    set(root, &file, b"security.x", b"s", ANY).unwrap();
    assert_eq!(
        set(root, &file, b"security.capability", b"garbage", ANY),
        Err(Errno::EINVAL)
    );
    assert_eq!(get(user, &file, b"trusted.x"), Err(Errno::ENODATA));
    assert_eq!(get(user, &file, b"security.x").unwrap(), b"s");
    for name in [&b"trusted.x"[..], b"security.x"] {
        assert_eq!(set(user, &file, name, b"", ANY), Err(Errno::EPERM));
    }
    assert_eq!(set(user, &file, b"user.x", b"", ANY), Err(Errno::EACCES));
    assert_eq!(set(root, &link, b"user.x", b"", ANY), Err(Errno::EPERM));
    assert_eq!(get(root, &link, b"user.x"), Err(Errno::ENODATA));
    assert!(set(root, &link, b"trusted.x", b"", ANY).is_ok());
    assert!(!list(user, &file).unwrap().starts_with(b"trusted."));
}

#[test]
fn a_sticky_directory_keeps_strangers_from_its_attributes() {
    let tree = TestTree::new();
    let directory = tree.directory("/shared").unwrap();
    directory.inode().attributes.set_permissions(0o1777);
    let user = &tree.as_user(1000).credentials;
    assert_eq!(
        set(user, &directory, b"user.x", b"", ANY),
        Err(Errno::EPERM)
    );
    directory.inode().attributes.set_permissions(0o777);
    assert!(set(user, &directory, b"user.x", b"", ANY).is_ok());
}

#[test]
fn attributes_count_as_pages_of_the_file_system() {
    let quota = PageQuota::new(20);
    let mut store = Store::default();
    store.set(&quota, b"user.a", &[1; 10], ANY).unwrap();
    assert_eq!(quota.used(), 1);
    store.set(&quota, b"user.b", &[1; 65536], ANY).unwrap();
    assert_eq!(quota.used(), 17);
    assert_eq!(
        store.set(&quota, b"user.c", &[1; 16384], ANY),
        Err(Errno::ENOSPC)
    );
    assert_eq!(quota.used(), 17);
    store.set(&quota, b"user.b", &[], ANY).unwrap();
    assert_eq!(quota.used(), 1);
    store.remove(&quota, b"user.a").unwrap();
    store.release(&quota);
    assert_eq!(quota.used(), 0);
}

#[test]
fn an_inode_has_limited_room() {
    let quota = PageQuota::new(u64::MAX);
    let store = Store::default();
    store.set(&quota, b"user.a", &[0; 65536], ANY).unwrap();
    let rest = ROOM - 65536 - 12;
    store
        .set(&quota, b"user.b", &std::vec![0; rest], ANY)
        .unwrap();
    assert_eq!(store.set(&quota, b"user.c", b"", ANY), Err(Errno::ENOSPC));
}
