use super::*;
use crate::Errno;
use crate::memory::MemoryObject;
use crate::vfs::change::{self, NewTime};
use crate::vfs::flags::OpenFlags;
use crate::vfs::namespace::Removal;
use crate::vfs::transfer::Destination;

fn read_again(file: &crate::vfs::File) -> Vec<u8> {
    let mut bytes = std::vec![0; 100];
    let length = file
        .read_at(&mut Destination::kernel(&mut bytes), 0)
        .unwrap();
    bytes.truncate(length);
    bytes
}

fn first_page(tree: &TestTree, path: &str) -> u64 {
    let location = tree.find(path).unwrap();
    let frame = location.inode().page_cache().unwrap().page(0, false);
    frame.unwrap().number()
}

#[test]
fn a_lower_file_shares_its_pages_until_it_is_written() {
    let tree = layers();
    fill(&tree, &["/lower/d/", "/lower/d/f = lower content"]);
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(first_page(&tree, "/m/d/f"), first_page(&tree, "/lower/d/f"));
    let early = tree.open("/m/d/f", OpenFlags::READ_ONLY).unwrap();
    assert!(tree.list("/up").is_empty(), "reading copies nothing");
    let late = tree.open("/m/d/f", OpenFlags::READ_WRITE).unwrap();
    late.write(&mut crate::vfs::Source::kernel(b"UPPER"))
        .unwrap();
    assert_ne!(first_page(&tree, "/m/d/f"), first_page(&tree, "/lower/d/f"));
    for content in [
        read_again(&early),
        read_again(&late),
        tree.read("/m/d/f").unwrap(),
        tree.read("/up/d/f").unwrap(),
    ] {
        assert_eq!(content, b"UPPER content");
    }
    assert_eq!(text(&tree, "/lower/d/f"), "lower content");
}

#[test]
fn copies_have_content_holes_and_attributes_of_their_own_kind() {
    let tree = layers();
    fill(&tree, &["/lower/d/", "/lower/d/f = "]);
    let content: Vec<u8> = (0..100_000u32).map(|number| number as u8).collect();
    tree.write("/lower/d/f", &content).unwrap();
    let lower = tree.find("/lower/d/f").unwrap();
    change::truncate(lower.inode(), 10_000_000).unwrap();
    change::set_ownership(&tree.credentials, &lower, Some(5), Some(6)).unwrap();
    change::set_permissions(&tree.credentials, &lower, 0o4751).unwrap();
    set_attribute(&tree, "/lower/d/f", "user.a", "1");
    set_attribute(&tree, "/lower/d/f", "trusted.overlay.origin", "x");
    let directory = tree.find("/lower/d").unwrap();
    change::set_permissions(&tree.credentials, &directory, 0o1700).unwrap();
    let time = NewTime::At(77);
    for location in [&lower, &directory] {
        change::set_times(&tree.credentials, location, time, time).unwrap();
    }
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(attribute(&tree, "/m/d/f", "user.a").unwrap(), b"1");
    let shown = tree.find("/m/d/f").unwrap();
    change::set_times(&tree.credentials, &shown, NewTime::Keep, NewTime::At(99)).unwrap();
    let copy = tree.find("/up/d/f").unwrap();
    for inode in [copy.inode(), shown.inode()] {
        let attributes = &inode.attributes;
        assert_eq!(
            (
                attributes.permissions(),
                attributes.owner(),
                attributes.group(),
                attributes.modified(),
                inode.size()
            ),
            (0o4751, 5, 6, 99, 10_000_000)
        );
    }
    assert_eq!(copy.inode().page_cache().unwrap().page_count(), 25);
    assert_eq!(tree.read("/up/d/f").unwrap()[..100_000], content);
    assert_eq!(attribute(&tree, "/up/d/f", "user.a").unwrap(), b"1");
    assert_eq!(
        attribute(&tree, "/up/d/f", "trusted.overlay.origin"),
        Err(Errno::ENODATA)
    );
    let parent = tree.find("/up/d").unwrap();
    let attributes = &parent.inode().attributes;
    assert_eq!(
        (attributes.permissions(), attributes.modified()),
        (0o1700, 77)
    );
}

#[test]
fn every_change_copies_and_no_other() {
    let tree = layers();
    fill(&tree, &["/lower/f = content"]);
    tree.link("/lower/l", "f").unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(text(&tree, "/m/l"), "content");
    let set = |path: &str| {
        let location = tree.find(path)?;
        change::set_permissions(&tree.credentials, &location, 0o600)
    };
    assert!(tree.list("/up").is_empty());
    set("/m/l").unwrap();
    assert_eq!(tree.list("/up"), ["f"]);
    assert_eq!(
        tree.find("/lower/f")
            .unwrap()
            .inode()
            .attributes
            .permissions(),
        0o644
    );
    tree.unmount("/m").unwrap();
    tree.remove("/up/f", Removal::File).unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    change::truncate_at(&tree.view(), &tree.find("/m/f").unwrap(), 3).unwrap();
    assert_eq!(text(&tree, "/up/f"), "con");
}

#[test]
fn marks_are_hidden_and_escaped() {
    let tree = layers();
    fill(&tree, &["/lower/d/", "/low/d/"]);
    set_attribute(&tree, "/low/d", "trusted.overlay.opaque", "y");
    tree.overlay("/m", WRITABLE).unwrap();
    let list = |path: &str| {
        let location = tree.find(path).unwrap();
        crate::vfs::extended::list(&tree.credentials, &location).unwrap()
    };
    assert!(list("/m/d").is_empty());
    assert_eq!(
        attribute(&tree, "/m/d", "trusted.overlay.opaque"),
        Err(Errno::ENODATA)
    );
    set_attribute(&tree, "/m/d", "trusted.overlay.whiteout", "w");
    assert_eq!(list("/m/d"), b"trusted.overlay.whiteout\0");
    assert_eq!(
        attribute(&tree, "/up/d", "trusted.overlay.overlay.whiteout").unwrap(),
        b"w"
    );
}

#[test]
fn a_removed_file_can_still_be_changed() {
    let tree = layers();
    fill(&tree, &["/lower/d/", "/lower/d/f = content"]);
    tree.overlay("/m", WRITABLE).unwrap();
    let file = tree.open("/m/d/f", OpenFlags::READ_ONLY).unwrap();
    let location = file.location().unwrap().clone();
    tree.remove("/m/d/f", Removal::File).unwrap();
    tree.remove("/m/d", Removal::Directory).unwrap();
    change::set_permissions(&tree.credentials, &location, 0o600).unwrap();
    assert_eq!(location.inode().attributes.permissions(), 0o600);
    assert_eq!(read_again(&file), b"content");
    assert!(tree.list("/m").is_empty());
    assert_eq!(tree.list("/up"), ["d"]);
    assert!(is_whiteout(&tree, "/up/d"));
    assert!(tree.list("/work/work").is_empty());
}

#[test]
fn callers_need_their_own_permission_and_mounters_theirs() {
    let tree = layers();
    fill(&tree, &["/lower/f = content"]);
    tree.overlay("/m", WRITABLE).unwrap();
    let user = tree.as_user(1000);
    assert_eq!(user.write("/m/f", b"x"), Err(Errno::EACCES));
    assert_eq!(user.write("/m/new", b"x"), Err(Errno::EACCES));
    for path in ["/m/f", "/m"] {
        let location = tree.find(path).unwrap();
        change::set_permissions(&tree.credentials, &location, 0o777).unwrap();
    }
    // The layer's own directories may be closed to the caller.
    user.write("/m/f", b"x").unwrap();
    user.write("/m/new", b"x").unwrap();
    assert_eq!(
        tree.find("/up/new").unwrap().inode().attributes.owner(),
        1000
    );
}

#[test]
fn no_room_in_the_upper_layer_changes_nothing() {
    let tree = layers();
    tree.mount_with("/up", "size=64k").unwrap();
    fill(&tree, &["/up/u/", "/up/w/"]);
    tree.write("/lower/f", &[1; 100_000]).unwrap();
    tree.overlay("/m", "lowerdir=/lower,upperdir=/up/u,workdir=/up/w")
        .unwrap();
    let opened = tree.open("/m/f", OpenFlags::READ_WRITE);
    assert_eq!(opened.err(), Some(Errno::ENOSPC));
    assert!(tree.list("/up/u").is_empty());
    assert!(tree.list("/up/w/work").is_empty());
    assert_eq!(tree.read("/m/f").unwrap().len(), 100_000);
    tree.write("/m/f", b"small").unwrap();
    assert_eq!(text(&tree, "/m/f"), "small");
}
