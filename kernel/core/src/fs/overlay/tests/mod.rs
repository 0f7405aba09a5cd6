//! Overlays as Documentation/filesystems/overlayfs.rst describes them, and a comparison with a plain file system.

mod changes;
mod copies;
mod merging;
mod model;
mod mounted;
mod refusals;

use crate::vfs::kind::{DeviceNumber, FileKind};
use crate::vfs::namespace::{self, Creation};
use crate::vfs::test_tree::TestTree;
use crate::vfs::walk::{self, WalkFlags};

/// Directories `/low`, `/lower`, `/up`, `/work`, and `/m` to mount on.
fn layers() -> TestTree {
    let tree = TestTree::new();
    for path in ["/low", "/lower", "/up", "/work", "/m"] {
        tree.directory(path).unwrap();
    }
    tree
}

const WRITABLE: &str = "lowerdir=/low:/lower,upperdir=/up,workdir=/work";

/// Makes what stands in a line each: `path` of a directory if it ends in a slash, `path = content` of a file.
fn fill(tree: &TestTree, lines: &[&str]) {
    for line in lines {
        match line.split_once(" = ") {
            Some((path, content)) => tree.write(path, content.as_bytes()).unwrap(),
            None => drop(tree.directory(line.trim_end_matches('/')).unwrap()),
        }
    }
}

fn text(tree: &TestTree, path: &str) -> String {
    String::from_utf8(tree.read(path).unwrap()).unwrap()
}

fn whiteout(tree: &TestTree, path: &str) {
    let parent = walk::resolve_parent(&tree.view(), None, path.as_bytes(), WalkFlags::empty());
    let creation = Creation {
        kind: FileKind::CharacterDevice,
        permissions: 0,
        device: DeviceNumber::NONE,
        target: &[],
    };
    namespace::create(&tree.view(), &parent.unwrap(), &creation).unwrap();
}

fn is_whiteout(tree: &TestTree, path: &str) -> bool {
    tree.find(path).is_ok_and(|location| {
        let inode = location.inode();
        inode.kind() == FileKind::CharacterDevice && inode.device() == DeviceNumber::NONE
    })
}

fn attribute(tree: &TestTree, path: &str, name: &str) -> crate::Result<Vec<u8>> {
    let location = tree.find(path)?;
    crate::vfs::extended::get(&tree.credentials, &location, name.as_bytes())
}

fn set_attribute(tree: &TestTree, path: &str, name: &str, value: &str) {
    let location = tree.find(path).unwrap();
    let any = crate::vfs::extended::Existing::Allowed;
    crate::vfs::extended::set(
        &tree.credentials,
        &location,
        name.as_bytes(),
        value.as_bytes(),
        any,
    )
    .unwrap();
}
