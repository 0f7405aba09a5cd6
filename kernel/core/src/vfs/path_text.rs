//! Places as text: getcwd, /proc/N/fd, mount tables.

use super::kind::FileKind;
use super::location::Location;
use super::path_node::NAMES;
use super::{internal, mount::Mount};
use crate::Result;
use crate::heap::MakeRoom;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// What stands before the path of a place that the root doesn't lead to.
const UNREACHABLE: &[u8] = b"(unreachable)";
/// What stands after the path of a removed file.
const DELETED: &[u8] = b" (deleted)";

/// Components from the last to the first, each reversed, so that the path grows at its end.
struct Backwards(Vec<u8>);

impl Backwards {
    fn add(&mut self, name: &[u8]) -> Result<()> {
        self.0.make_room(name.len() + 1)?;
        self.0.extend(name.iter().rev());
        self.0.push(b'/');
        Ok(())
    }

    fn finish(mut self, prefix: &[u8]) -> Result<Vec<u8>> {
        if self.0.is_empty() {
            self.add(b"")?;
        }
        self.0.make_room(prefix.len())?;
        self.0.extend(prefix.iter().rev());
        self.0.reverse();
        Ok(self.0)
    }
}

/// The absolute path of a place as a process with this root sees it; one that the root doesn't lead to begins with
/// "(unreachable)".
///
/// # Errors
/// `ENOMEM`.
pub fn seen_from(location: &Location, root: &Location) -> Result<Vec<u8>> {
    let (path, reachable) = build(location, root)?;
    path.finish(if reachable { b"" } else { UNREACHABLE })
}

fn build(location: &Location, root: &Location) -> Result<(Backwards, bool)> {
    let mut path = Backwards(Vec::new());
    let token = NAMES.read();
    let (mut mount, mut node) = (&location.mount, &location.node);
    let reachable = loop {
        if Arc::ptr_eq(node, &root.node) && Arc::ptr_eq(mount, &root.mount) {
            break true;
        }
        if Arc::ptr_eq(node, mount.root()) {
            match mount.parent(&token) {
                Some(place) => (mount, node) = (&place.mount, &place.node),
                None => break false,
            }
            continue;
        }
        let name = node.name(&token);
        let parent = node.parent(&token);
        if !name.is_empty() {
            path.add(name)?;
        }
        match parent {
            Some(parent) => node = parent,
            None => break false,
        }
    };
    Ok((path, reachable))
}

/// The absolute path of a place below the root; `None` if the root doesn't lead to it.
///
/// # Errors
/// `ENOMEM`.
pub fn below(location: &Location, root: &Location) -> Result<Option<Vec<u8>>> {
    let (path, reachable) = build(location, root)?;
    if reachable {
        path.finish(b"").map(Some)
    } else {
        Ok(None)
    }
}

/// The path of a mount's root directory in its file system.
///
/// # Errors
/// `ENOMEM`.
pub fn in_file_system(mount: &Arc<Mount>) -> Result<Vec<u8>> {
    let mut path = Backwards(Vec::new());
    let token = NAMES.read();
    let mut node = mount.root();
    while let Some(parent) = node.parent(&token) {
        path.add(node.name(&token))?;
        node = parent;
    }
    drop(token);
    path.finish(b"")
}

/// What /proc shows for an open file, a mapping or a directory of a process: its path, marked if it was removed;
/// pipes and files that never had a name in their own way. A place that the root doesn't lead to has its path in the
/// tree that it is in, as in Linux (d_path): programs expect these links to be absolute.
///
/// # Errors
/// `ENOMEM`.
pub fn describe(location: &Location, root: &Location) -> Result<Vec<u8>> {
    let inode = location.inode();
    if internal::contains(location) {
        if inode.kind() == FileKind::Fifo {
            return Ok(format!("pipe:[{}]", inode.number()).into_bytes());
        }
        let (path, _) = build(location, root)?;
        return append(path.finish(b"")?, DELETED);
    }
    let path = build(location, root)?.0.finish(b"")?;
    if location.node.is_removed() {
        append(path, DELETED)
    } else {
        Ok(path)
    }
}

fn append(mut path: Vec<u8>, suffix: &[u8]) -> Result<Vec<u8>> {
    path.make_room(suffix.len())?;
    path.extend_from_slice(suffix);
    Ok(path)
}
