//! Upper directories that are asked for twice, and layers that are given by descriptor.

use super::*;
use crate::Errno;
use crate::vfs::file_system::GivenDirectory;
use crate::vfs::namespace::Removal;

fn given(tree: &TestTree, directories: &[(&str, &str)]) -> Vec<GivenDirectory> {
    let given = |(key, path): &(&str, &str)| GivenDirectory {
        key: key.as_bytes().into(),
        location: tree.find(path).unwrap(),
    };
    directories.iter().map(given).collect()
}

fn device(tree: &TestTree, path: &str) -> DeviceNumber {
    let location = tree.find(path).unwrap();
    location.inode().super_block().device()
}

#[test]
fn the_same_layers_are_the_same_overlay() {
    let tree = layers();
    fill(&tree, &["/lower/f = lower", "/n/", "/later/"]);
    tree.overlay("/m", WRITABLE).unwrap();
    tree.overlay("/n", WRITABLE).unwrap();
    assert_eq!(device(&tree, "/m/f"), device(&tree, "/n/f"));
    tree.write("/m/f", b"new").unwrap();
    tree.write("/n/g", b"g").unwrap();
    assert_eq!((text(&tree, "/n/f"), text(&tree, "/m/g")).0, "new");
    tree.remove("/n/g", Removal::File).unwrap();
    assert_eq!(tree.list("/m"), ["f"]);
    let first = device(&tree, "/m/f");
    tree.unmount("/m").unwrap();
    assert_eq!(text(&tree, "/n/f"), "new");
    tree.unmount("/n").unwrap();
    tree.overlay("/later", WRITABLE).unwrap();
    assert_ne!(device(&tree, "/later/f"), first);
    assert_eq!(text(&tree, "/later/f"), "new");
}

#[test]
fn nobody_else_gets_an_upper_directory_in_use() {
    let tree = layers();
    fill(&tree, &["/n/", "/up2/", "/work2/", "/third/"]);
    tree.overlay("/m", WRITABLE).unwrap();
    for options in [
        "lowerdir=/low,upperdir=/up,workdir=/work",
        "lowerdir=/lower:/low,upperdir=/up,workdir=/work",
        "lowerdir=/low:/lower,upperdir=/up,workdir=/work2",
        "lowerdir=/low:/lower,upperdir=/up2,workdir=/work",
        "lowerdir=/low:/lower,upperdir=/up,workdir=/work,userxattr",
        "lowerdir=/low:/lower,upperdir=/up,workdir=/work,volatile",
    ] {
        assert_eq!(tree.overlay("/n", options), Err(Errno::EBUSY), "{options}");
    }
    let other = "lowerdir=/low:/lower,upperdir=/up2,workdir=/work2";
    tree.overlay("/n", other).unwrap();
    tree.unmount("/m").unwrap();
    tree.overlay("/m", "lowerdir=/third,upperdir=/up,workdir=/work")
        .unwrap();
}

#[test]
fn layers_are_given_by_descriptor() {
    let tree = layers();
    fill(&tree, &["/lower/f = lower", "/low/f = low", "/lower/g = g"]);
    let all = [
        ("lowerdir+", "/low"),
        ("upperdir", "/up"),
        ("lowerdir+", "/lower"),
        ("workdir", "/work"),
    ];
    tree.overlay_of("/m", "", &given(&tree, &all)).unwrap();
    assert_eq!(text(&tree, "/m/f"), "low");
    tree.write("/m/new", b"").unwrap();
    assert_eq!(tree.list("/m"), ["f", "g", "new"]);
    assert_eq!(tree.list("/up"), ["new"]);
    let overlay = tree.find("/m").unwrap().inode().super_block().clone();
    let shown = overlay.operations().options().unwrap();
    assert_eq!(
        String::from_utf8(shown).unwrap(),
        ",lowerdir=/low:/lower,upperdir=/up,workdir=/work"
    );
    tree.unmount("/m").unwrap();
    for (options, directories) in [
        ("lowerdir=/low", &all[..]),
        ("lowerdir+=/low", &all[..]),
        ("", &all[..3]),
        ("", &all[1..2]),
        ("", &[all[0], ("lowerdir+", "/lower/f")][..]),
    ] {
        let directories = given(&tree, directories);
        let result = tree.overlay_of("/m", options, &directories);
        assert_eq!(result, Err(Errno::EINVAL), "{options}");
    }
}
