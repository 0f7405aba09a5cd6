//! The caller's tree of files with a container's mounts where its root directory is: what Linux's runtimes show before
//! they make that directory the root.

use super::Container;
use crate::config::Restrictions;
use crate::system::tree::{self, Tree};
use gantry_abi::context::{ContextType, OpenFlags};
use gantry_abi::user::ContextDescriptor;
use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

const MOUNTS: &str = "/proc/self/mountinfo";

impl Container {
    /// A VFS root like the caller's, in which `rootfs`, an absolute path, shows the container's tree; `None`: the
    /// container's tree is the caller's. It goes with its descriptor and its last member.
    pub fn view_from_outside(&self, rootfs: &Path) -> io::Result<Option<ContextDescriptor>> {
        let Some(inside) = &self.tree else {
            return Ok(None);
        };
        let context = ContextDescriptor::open(ContextType::VfsRoot, OpenFlags::empty())?;
        context.attach_root(tree::find_directory_outside(Path::new("/"))?.as_raw_fd())?;
        context.create()?;
        let view = Tree::new(context.open_root()?.into());
        for path in mounts_on_root(&fs::read_to_string(MOUNTS)?) {
            attach(tree::find_outside(Path::new(&path))?, &view, &path)?;
        }
        let path = rootfs.to_str().ok_or(io::ErrorKind::InvalidFilename)?;
        attach(inside.find("/")?, &view, path)?;
        Ok(Some(context))
    }
}

/// Mounts a tree and everything in it in another one.
fn attach(source: impl std::os::fd::AsFd, view: &Tree, path: &str) -> io::Result<()> {
    let mount = tree::clone_mount(source, true, Restrictions::default())?;
    tree::attach_mount(mount, view.find(path)?)
}

/// The places of those mounts that are on the root mount itself; others are on these.
fn mounts_on_root(text: &str) -> Vec<String> {
    let mounts = text.lines().filter_map(|line| {
        let mut fields = line.split(' ');
        let (number, parent) = (fields.next()?, fields.next()?);
        Some((number, parent, fields.nth(2)?))
    });
    let root = mounts.clone().find(|(_, _, path)| *path == "/");
    let number = root.map_or("", |(number, _, _)| number);
    let mut paths: Vec<String> = mounts
        .filter(|(own, parent, _)| *parent == number && *own != number)
        .map(|(_, _, path)| unescape(path))
        .collect();
    // Where one covers another, the upper one is what is found.
    paths.dedup();
    paths
}

/// The table writes what would end a field as three octal digits.
fn unescape(path: &str) -> String {
    [
        (r"\040", " "),
        (r"\011", "\t"),
        (r"\012", "\n"),
        (r"\134", r"\"),
    ]
    .into_iter()
    .fold(path.to_owned(), |path, (code, sign)| {
        path.replace(code, sign)
    })
}

#[cfg(test)]
mod tests {
    use super::mounts_on_root;

    #[test]
    fn mounts_on_other_mounts_come_along_with_them() {
        let text = "1 1 0:1 / / rw - ramfs none rw\n2 1 0:2 / /proc rw - proc proc rw\n\
            3 1 0:3 / /a\\040b rw - devtmpfs dev rw\n4 3 0:4 / /a\\040b/pts rw - devpts pts rw\n";
        assert_eq!(mounts_on_root(text), ["/proc", "/a b"]);
        assert!(mounts_on_root("").is_empty());
    }
}
