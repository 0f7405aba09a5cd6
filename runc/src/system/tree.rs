//! A tree of files, used through a descriptor of its root: whatever symbolic links and mounts the tree
//! holds, no path leads out of it.

use crate::config::{AccessTimes, FileSystem, Restrictions};
use gantry_abi::user::mount::set_attributes;
use rustix::fs::{self, AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::{
    self, FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags,
};
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

/// Copies go through a buffer of this many bytes.
const COPY_BUFFER: usize = 64 << 10;

/// A tree by its root.
pub struct Tree {
    root: OwnedFd,
}

/// An O_PATH descriptor of something in the caller's own tree.
pub fn find_outside(path: &Path) -> io::Result<OwnedFd> {
    Ok(fs::openat(
        CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )?)
}

/// The same for a directory.
pub fn find_directory_outside(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(fs::openat(CWD, path, flags, Mode::empty())?)
}

/// Whether a descriptor is one of a directory.
pub fn is_directory(descriptor: impl AsFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(fs::fstat(descriptor)?.st_mode) == FileType::Directory)
}

impl Tree {
    /// The tree below a directory.
    pub fn new(root: OwnedFd) -> Self {
        Self { root }
    }

    /// An O_PATH descriptor of what is at a path, links followed inside the tree.
    pub fn find(&self, path: &str) -> io::Result<OwnedFd> {
        self.open(path, OFlags::PATH)
    }

    /// The same for a directory.
    pub fn find_directory(&self, path: &str) -> io::Result<OwnedFd> {
        self.open(path, OFlags::PATH | OFlags::DIRECTORY)
    }

    fn open(&self, path: &str, flags: OFlags) -> io::Result<OwnedFd> {
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        Ok(fs::openat2(
            &self.root,
            path,
            flags | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        )?)
    }

    /// Opens a regular file for reading, links followed inside the tree. Anything else, such as a pipe, is
    /// refused without waiting for it.
    pub fn open_file(&self, path: &str) -> io::Result<File> {
        let file = File::from(self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// The directory that holds a path's last part, and that part.
    fn parent<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a str)> {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = if parent.is_empty() { "/" } else { parent };
        Ok((self.find_directory(parent)?, name))
    }

    /// Whether there is anything at a path, be it a link that leads nowhere.
    pub fn exists(&self, path: &str) -> io::Result<bool> {
        let found = self
            .parent(path)
            .and_then(|(parent, name)| Ok(fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW)?));
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a directory with mode 0755. False: there is one already.
    pub fn make_directory(&self, path: &str) -> io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        let mode = Mode::from_raw_mode(0o755);
        match fs::mkdirat(&parent, name, mode) {
            Ok(()) => {}
            Err(Errno::EXIST) if is_directory(self.find(path)?)? => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        // Whatever the caller's umask is, a program with another user can use it.
        let directory = self.open(path, OFlags::RDONLY | OFlags::DIRECTORY)?;
        fs::fchmod(directory, mode)?;
        Ok(true)
    }

    /// Makes an empty file with mode 0644. False: there is something that is no directory.
    pub fn make_file(&self, path: &str) -> io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        match create(&parent, name) {
            Ok(file) => {
                fs::fchmod(file, Mode::from_raw_mode(0o644))?;
                Ok(true)
            }
            Err(Errno::EXIST) if !is_directory(self.find(path)?)? => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a symbolic link. False: the same one is there already.
    pub fn make_link(&self, path: &str, target: &str) -> io::Result<bool> {
        let (parent, name) = self.parent(path)?;
        match fs::symlinkat(target, &parent, name) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => match fs::readlinkat(&parent, name, Vec::new()) {
                Ok(found) if found.as_bytes() == target.as_bytes() => Ok(false),
                _ => Err(Errno::EXIST.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Copies a regular file of the caller's tree, with owner and mode.
    pub fn copy_from_outside(&self, source: &Path, path: &str) -> io::Result<()> {
        let mut source = File::open(source)?;
        let status = fs::fstat(&source)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Err(Errno::ISDIR.into()),
            _ => return Err(io::Error::other("the source is not a regular file")),
        }
        let (parent, name) = self.parent(path)?;
        let mut target = File::from(create(&parent, name)?);
        let mut buffer = vec![0; COPY_BUFFER];
        loop {
            match source.read(&mut buffer)? {
                0 => break,
                length => target.write_all(buffer.get(..length).unwrap_or_default())?,
            }
        }
        let owner = (
            fs::Uid::from_raw(status.st_uid),
            fs::Gid::from_raw(status.st_gid),
        );
        fs::fchown(&target, Some(owner.0), Some(owner.1))?;
        // After the owner: changing that takes set-id bits away.
        fs::fchmod(&target, Mode::from_raw_mode(status.st_mode & 0o7777))?;
        Ok(())
    }

    /// Removes what [`Tree::make_directory`] and the like have made.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        match fs::unlinkat(&parent, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => Ok(fs::unlinkat(&parent, name, AtFlags::REMOVEDIR)?),
            result => Ok(result?),
        }
    }

    /// Adds restrictions to the root mount.
    pub fn restrict_root(&self, restrictions: Restrictions) -> io::Result<()> {
        restrict(&self.root, restrictions, false)
    }
}

fn create(parent: &OwnedFd, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fs::openat(parent, OsStr::new(name), flags, Mode::from_raw_mode(0o600))
}

/// What is to be set of a mount's attributes, and what to be cleared before.
fn attributes(restrictions: Restrictions) -> (MountAttrFlags, MountAttrFlags) {
    let mut set = MountAttrFlags::empty();
    set.set(MountAttrFlags::MOUNT_ATTR_RDONLY, restrictions.read_only);
    set.set(MountAttrFlags::MOUNT_ATTR_NOSUID, restrictions.no_setuid);
    set.set(MountAttrFlags::MOUNT_ATTR_NODEV, restrictions.no_devices);
    set.set(MountAttrFlags::MOUNT_ATTR_NOEXEC, restrictions.no_execute);
    set.set(
        MountAttrFlags::MOUNT_ATTR_NOSYMFOLLOW,
        restrictions.no_links,
    );
    set.set(
        MountAttrFlags::MOUNT_ATTR_NODIRATIME,
        restrictions.no_directory_access_times,
    );
    let Some(policy) = restrictions.access_times else {
        return (set, MountAttrFlags::empty());
    };
    set |= match policy {
        AccessTimes::Relative => MountAttrFlags::MOUNT_ATTR_RELATIME,
        AccessTimes::Never => MountAttrFlags::MOUNT_ATTR_NOATIME,
        AccessTimes::Always => MountAttrFlags::MOUNT_ATTR_STRICTATIME,
    };
    (set, MountAttrFlags::MOUNT_ATTR__ATIME)
}

fn restrict(mount: impl AsFd, restrictions: Restrictions, recursive: bool) -> io::Result<()> {
    let (set, clear) = attributes(restrictions);
    let descriptor = mount.as_fd().as_raw_fd();
    let (set, clear) = (u64::from(set.bits()), u64::from(clear.bits()));
    Ok(set_attributes(descriptor, set, clear, recursive)?)
}

/// Adds restrictions to a mount.
pub fn restrict_mount(mount: impl AsFd, restrictions: Restrictions) -> io::Result<()> {
    restrict(mount, restrictions, false)
}

/// A new file system in a mount that is attached nowhere.
pub fn new_mount(file_system: &FileSystem, restrictions: Restrictions) -> io::Result<OwnedFd> {
    let context = mount::fsopen(file_system.kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    if let Some(source) = &file_system.source {
        mount::fsconfig_set_string(&context, "source", source)?;
    }
    for (name, value) in &file_system.options {
        match value {
            Some(value) => mount::fsconfig_set_string(&context, name, value)?,
            None => mount::fsconfig_set_flag(&context, name)?,
        }
    }
    create_mount(&context, restrictions)
}

/// Makes the file system that was configured, in a mount that is attached nowhere.
pub fn create_mount(context: &OwnedFd, restrictions: Restrictions) -> io::Result<OwnedFd> {
    mount::fsconfig_create(context)?;
    let (set, _) = attributes(restrictions);
    Ok(mount::fsmount(context, FsMountFlags::FSMOUNT_CLOEXEC, set)?)
}

/// A further mount, attached nowhere, of what a descriptor refers to.
pub fn clone_mount(
    source: impl AsFd,
    recursive: bool,
    restrictions: Restrictions,
) -> io::Result<OwnedFd> {
    let mut open_flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    let mount = mount::open_tree(source, "", open_flags)?;
    if restrictions != Restrictions::default() {
        restrict(&mount, restrictions, recursive)?;
    }
    Ok(mount)
}

/// Attaches a mount to what a descriptor refers to.
pub fn attach_mount(mount: impl AsFd, target: impl AsFd) -> io::Result<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(mount::move_mount(mount, "", target, "", flags)?)
}

#[cfg(test)]
mod tests {
    use super::{Tree, find_directory_outside};
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::PathBuf;

    /// A directory for one test: `outside` holds what must not be reached, `root` is the tree.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("runc-tree-{}-{name}", std::process::id()));
            fs::create_dir_all(path.join("root/a")).unwrap();
            fs::create_dir_all(path.join("outside")).unwrap();
            Self(path)
        }

        fn tree(&self) -> Tree {
            Tree::new(find_directory_outside(&self.0.join("root")).unwrap())
        }

        fn outside_is_empty(&self) -> bool {
            fs::read_dir(self.0.join("outside"))
                .unwrap()
                .next()
                .is_none()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn objects_are_made_where_they_should_be() {
        let place = Place::new("objects");
        let (root, tree) = (place.0.join("root"), place.tree());
        assert!(tree.make_directory("/a/b").unwrap());
        assert!(!tree.make_directory("/a/b").unwrap());
        assert!(tree.make_file("/a/b/file").unwrap());
        assert!(!tree.make_file("/a/b/file").unwrap());
        assert!(tree.make_link("/a/link", "b/file").unwrap());
        assert!(!tree.make_link("/a/link", "b/file").unwrap());
        assert_eq!(
            fs::metadata(root.join("a/b")).unwrap().mode() & 0o7777,
            0o755
        );
        assert_eq!(
            fs::read_link(root.join("a/link")).unwrap().to_str(),
            Some("b/file")
        );
        assert_eq!(
            tree.make_directory("/a/link").unwrap_err().kind(),
            std::io::ErrorKind::AlreadyExists
        );
        assert_eq!(
            tree.make_link("/a/link", "c").unwrap_err().kind(),
            std::io::ErrorKind::AlreadyExists
        );
        assert_eq!(
            tree.make_directory("/x/y").unwrap_err().kind(),
            std::io::ErrorKind::NotFound
        );
        assert!(tree.make_file("/a/b").is_err());
        for path in ["/a/link", "/a/b/file", "/a/b"] {
            tree.remove(path).unwrap();
        }
        assert!(fs::read_dir(root.join("a")).unwrap().next().is_none());
    }

    #[test]
    fn copies_keep_contents_and_mode_and_replace_nothing() {
        let place = Place::new("copies");
        let (source, tree) = (place.0.join("source"), place.tree());
        let contents = vec![7; 200_000];
        fs::write(&source, &contents).unwrap();
        fs::set_permissions(&source, fs::Permissions::from_mode(0o4751)).unwrap();
        tree.copy_from_outside(&source, "/a/copy").unwrap();
        let copy = place.0.join("root/a/copy");
        assert_eq!(fs::read(&copy).unwrap(), contents);
        assert_eq!(fs::metadata(&copy).unwrap().mode() & 0o7777, 0o4751);
        assert!(tree.copy_from_outside(&source, "/a/copy").is_err());
        assert!(tree.copy_from_outside(&place.0, "/a/other").is_err());
    }

    #[test]
    fn no_link_leads_out() {
        let place = Place::new("links");
        let (root, tree) = (place.0.join("root"), place.tree());
        symlink(place.0.join("outside"), root.join("absolute")).unwrap();
        symlink("../outside", root.join("climbing")).unwrap();
        symlink("../../outside/file", root.join("a/file")).unwrap();
        let source = place.0.join("source");
        fs::write(&source, "text").unwrap();
        for path in ["/absolute/x", "/climbing/x", "/a/file"] {
            assert!(tree.make_directory(path).is_err(), "{path}");
            assert!(tree.make_file(path).is_err(), "{path}");
            assert!(tree.copy_from_outside(&source, path).is_err(), "{path}");
        }
        assert!(place.outside_is_empty());
        // Inside the tree the same links mean what is there.
        fs::create_dir(root.join("outside")).unwrap();
        assert!(tree.make_directory("/climbing/x").unwrap());
        assert!(root.join("outside/x").is_dir());
        assert!(place.outside_is_empty());
    }
}
