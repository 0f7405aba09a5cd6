use super::*;
use crate::Errno;
use crate::vfs::namespace::Removal;
use crate::vfs::rename::Replacement;

#[test]
fn removing_hides_and_making_again_does_not_bring_back() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/f = lower",
            "/low/f = low",
            "/lower/d/",
            "/lower/d/old = 1",
            "/up/own = 1",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    tree.remove("/m/f", Removal::File).unwrap();
    assert!(is_whiteout(&tree, "/up/f"));
    tree.remove("/m/own", Removal::File).unwrap();
    assert_eq!(tree.find("/up/own").err(), Some(Errno::ENOENT));
    assert_eq!(
        tree.remove("/m/d", Removal::Directory),
        Err(Errno::ENOTEMPTY)
    );
    tree.remove("/m/d/old", Removal::File).unwrap();
    tree.remove("/m/d", Removal::Directory).unwrap();
    assert!(is_whiteout(&tree, "/up/d"));
    assert!(tree.list("/m").is_empty());
    tree.directory("/m/d").unwrap();
    assert!(tree.list("/m/d").is_empty());
    tree.write("/m/f", b"new").unwrap();
    assert_eq!(tree.list("/m"), ["d", "f"]);
    tree.unmount("/m").unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(tree.list("/m"), ["d", "f"]);
    assert!(tree.list("/m/d").is_empty());
    assert_eq!(text(&tree, "/m/f"), "new");
}

#[test]
fn lower_directories_do_not_move_and_upper_ones_do() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/merged/",
            "/lower/merged/f = 1",
            "/lower/hidden/",
            "/lower/hidden/x = 1",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    let plain = Replacement::Allowed;
    assert_eq!(
        tree.rename("/m/merged", "/m/else", plain),
        Err(Errno::EXDEV)
    );
    fill(&tree, &["/m/own/", "/m/own/f = own"]);
    assert_eq!(
        tree.rename("/m/own", "/m/merged", Replacement::Exchange),
        Err(Errno::EXDEV)
    );
    assert_eq!(
        tree.rename("/m/own", "/m/merged", plain),
        Err(Errno::ENOTEMPTY)
    );
    tree.remove("/m/hidden/x", Removal::File).unwrap();
    tree.rename("/m/own", "/m/hidden", plain).unwrap();
    assert_eq!(tree.list("/m/hidden"), ["f"]);
    assert_eq!(tree.list("/m"), ["hidden", "merged"]);
    tree.unmount("/m").unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    assert_eq!(tree.list("/m/hidden"), ["f"]);
    assert_eq!(text(&tree, "/m/hidden/f"), "own");
}

#[test]
fn files_move_leaving_whiteouts_only_where_needed() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/lower/f = lower",
            "/lower/g = g",
            "/lower/d/",
            "/up/own = own",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    tree.rename("/m/f", "/m/d/moved", Replacement::Allowed)
        .unwrap();
    assert!(is_whiteout(&tree, "/up/f"));
    assert_eq!(text(&tree, "/m/d/moved"), "lower");
    assert_eq!(
        tree.rename("/m/own", "/m/g", Replacement::Refused),
        Err(Errno::EEXIST)
    );
    tree.rename("/m/own", "/m/f", Replacement::Refused).unwrap();
    assert_eq!(tree.find("/up/own").err(), Some(Errno::ENOENT));
    tree.rename("/m/f", "/m/g", Replacement::Exchange).unwrap();
    assert_eq!(
        (text(&tree, "/m/f"), text(&tree, "/m/g")),
        ("g".into(), "own".into())
    );
    tree.rename("/m/g", "/m/f", Replacement::Allowed).unwrap();
    assert_eq!(tree.list("/m"), ["d", "f"]);
    assert!(is_whiteout(&tree, "/up/g"));
    assert!(tree.list("/work/work").is_empty());
}

#[test]
fn links_share_one_file() {
    let tree = layers();
    fill(&tree, &["/lower/f = content", "/lower/gone = "]);
    tree.hard_link("/lower/f", "/lower/twin").unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    tree.remove("/m/gone", Removal::File).unwrap();
    tree.hard_link("/m/f", "/m/new").unwrap();
    tree.hard_link("/m/f", "/m/gone").unwrap();
    tree.write("/m/new", b"changed").unwrap();
    for path in ["/m/f", "/m/gone", "/up/f", "/up/gone"] {
        assert_eq!(text(&tree, path), "changed", "{path}");
    }
    // The lower file's other name stays with it.
    assert_eq!(text(&tree, "/m/twin"), "content");
    let inode = |path: &str| tree.find(path).unwrap().inode().clone();
    assert_ne!(inode("/m/f").number(), inode("/m/twin").number());
    inode("/m/f").operations().refresh(&inode("/m/f")).unwrap();
    assert_eq!(inode("/m/f").attributes.links(), 3);
    tree.unmount("/m").unwrap();
    tree.overlay("/m", WRITABLE).unwrap();
    let inode = |path: &str| tree.find(path).unwrap().inode().clone();
    assert!(std::sync::Arc::ptr_eq(&inode("/m/f"), &inode("/m/new")));
}

#[test]
fn a_working_directory_is_emptied_first() {
    let tree = layers();
    fill(
        &tree,
        &[
            "/work/work/",
            "/work/work/a/",
            "/work/work/a/b/",
            "/work/work/a/b/f = 1",
            "/work/other = 1",
        ],
    );
    tree.overlay("/m", WRITABLE).unwrap();
    assert!(tree.list("/work/work").is_empty());
    assert_eq!(tree.list("/work"), ["other", "work"]);
}
