//! Files and places for the tests.

use crate::check::{Check, ok};
use rustix::fs::{AtFlags, Dir, Mode, OFlags, mkdir, open, openat};
use std::fs;
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// The names in a directory, sorted, without "." and "..".
pub fn names_in(directory: impl AsFd) -> Check<Vec<String>> {
    let readable = ok(
        "open the directory",
        openat(
            directory,
            ".",
            OFlags::RDONLY | OFlags::DIRECTORY,
            Mode::empty(),
        ),
    )?;
    let mut names = Vec::new();
    for entry in ok("read the directory", Dir::read_from(&readable))? {
        let entry = ok("read the directory", entry)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != "." && name != ".." {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// An O_PATH descriptor of a directory.
pub fn directory(path: &str) -> Check<OwnedFd> {
    ok(
        path,
        open(
            path,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        ),
    )
}

/// Whether a name is there, seen from a directory.
pub fn exists_at(directory: impl AsFd, path: &str) -> bool {
    rustix::fs::statat(directory, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

/// Writes a file below a directory.
pub fn write_at(directory: impl AsFd, path: &str, content: &str) -> Check {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC;
    let file = ok(path, openat(directory, path, flags, Mode::from(0o644)))?;
    ok(path, fs::File::from(file).write_all(content.as_bytes()))
}

/// Reads a file below a directory.
pub fn read_at(directory: impl AsFd, path: &str) -> Check<String> {
    let file = ok(
        path,
        openat(
            directory,
            path,
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        ),
    )?;
    let mut content = String::new();
    ok(path, fs::File::from(file).read_to_string(&mut content))?;
    Ok(content)
}

/// A new directory in /tmp, removed with everything in it and mounted on it when dropped.
pub struct Place(PathBuf);

impl Place {
    /// A place with a name of its own.
    pub fn new(name: &str) -> Check<Self> {
        let path = Path::new("/tmp").join(format!("guest-test-{name}-{}", std::process::id()));
        ok("make a place", mkdir(&path, Mode::from(0o755)))?;
        Ok(Place(path))
    }

    /// The path of a name in it.
    pub fn at(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    /// The path itself as text.
    pub fn text(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// Makes a directory in it; its path.
    pub fn directory(&self, name: &str) -> Check<String> {
        let path = self.at(name);
        ok("mkdir", mkdir(path.as_str(), Mode::from(0o755)))?;
        Ok(path)
    }

    /// Makes a file in it; its path.
    pub fn file(&self, name: &str, content: &str) -> Check<String> {
        let path = self.at(name);
        ok("write a file", fs::write(&path, content))?;
        Ok(path)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // Mounts below go first, the newest before the older ones.
        let prefix = self.text();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        for mount in mounts
            .lines()
            .rev()
            .filter_map(|line| line.split(' ').nth(1))
        {
            if mount == prefix || mount.starts_with(&format!("{prefix}/")) {
                // What can't be unmounted makes the removal fail, which a later test will notice.
                let _ = rustix::mount::unmount(mount, rustix::mount::UnmountFlags::DETACH);
            }
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}
