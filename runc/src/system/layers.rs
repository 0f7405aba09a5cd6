//! Layers upon each other, and file systems in image files: mounts that are attached nowhere.

use super::tree;
use crate::config::{Layers, Restrictions, Upper};
use crate::error::cause_in_words;
use rustix::fs::{self, Mode, OFlags};
use rustix::mount::{self, FsOpenFlags};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

/// The file system that images hold.
const IMAGE: &str = "erofs";
/// The file system that lays layers upon each other.
const OVERLAY: &str = "overlay";
/// The directories of an upper layer in memory.
const MEMORY: [&str; 2] = ["upper", "work"];

/// Whether the kernel can lay layers upon each other.
pub fn has_overlay() -> bool {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    known
        .lines()
        .any(|line| line.split_whitespace().last() == Some(OVERLAY))
}

/// The file system in an image file of the caller's tree.
pub fn mount_image(path: &Path) -> io::Result<OwnedFd> {
    let context = mount::fsopen(IMAGE, FsOpenFlags::FSOPEN_CLOEXEC)?;
    mount::fsconfig_set_string(&context, "source", path)?;
    tree::create_mount(&context, Restrictions::default())
}

/// An overlay of places in the caller's tree.
pub fn mount(layers: &Layers) -> io::Result<OwnedFd> {
    let lowers = layers.lowers.iter().map(|path| lower(path));
    let lowers = lowers.collect::<io::Result<Vec<_>>>()?;
    let upper = match &layers.upper {
        Upper::None => None,
        Upper::Directories { upper, work } => Some([directory(upper)?, directory(work)?]),
        Upper::Memory => Some(memory()?),
    };
    let upper = upper.as_ref().map(|upper| upper.each_ref());
    mount_open(&lowers, upper, layers.restrictions)
}

/// An overlay of open directories: lower ones, the uppermost first, and an upper with its working directory.
pub fn mount_open(
    lowers: &[impl AsFd],
    upper: Option<[&OwnedFd; 2]>,
    restrictions: Restrictions,
) -> io::Result<OwnedFd> {
    let context = mount::fsopen(OVERLAY, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for lower in lowers {
        mount::fsconfig_set_fd(&context, "lowerdir+", lower)?;
    }
    if let Some([upper, work]) = upper {
        mount::fsconfig_set_fd(&context, "upperdir", upper)?;
        mount::fsconfig_set_fd(&context, "workdir", work)?;
    }
    tree::create_mount(&context, restrictions)
}

/// A lower layer: a directory, or what is in an image file.
fn lower(path: &Path) -> io::Result<OwnedFd> {
    named(path, tree::find_outside(path)).and_then(|found| {
        if tree::is_directory(&found)? {
            Ok(found)
        } else {
            named(path, mount_image(path).map_err(no_image))
        }
    })
}

/// Why something that is no directory is no layer either.
fn no_image(error: io::Error) -> io::Error {
    let words = format!(
        "neither a directory nor an EROFS image that this kernel can read ({})",
        cause_in_words(&error)
    );
    io::Error::new(error.kind(), words)
}

fn directory(path: &Path) -> io::Result<OwnedFd> {
    named(path, tree::find_directory_outside(path))
}

/// An error that says which layer it is about.
fn named<T>(path: &Path, result: io::Result<T>) -> io::Result<T> {
    result.map_err(|error| {
        let words = format!("{}: {}", path.display(), cause_in_words(&error));
        io::Error::new(error.kind(), words)
    })
}

/// An upper layer that is nowhere but in memory.
fn memory() -> io::Result<[OwnedFd; 2]> {
    let context = mount::fsopen("ramfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
    let memory = tree::create_mount(&context, Restrictions::default())?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let [upper, work] = MEMORY.map(|name| {
        fs::mkdirat(&memory, name, Mode::from_raw_mode(0o755))?;
        fs::openat(&memory, name, flags, Mode::empty())
    });
    Ok([upper?, work?])
}
