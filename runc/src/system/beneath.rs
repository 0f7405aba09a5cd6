//! Making and removing files beneath a folder that is held by a descriptor. No symbolic link is ever
//! followed, and no path leads above the folder: what the files come from need not be trusted.

use rustix::fs::{
    self, AtFlags, CWD, Dir, FileType, FlockOperation, Gid, Mode, OFlags, RenameFlags,
    ResolveFlags, Timespec, Timestamps, Uid, XattrFlags,
};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A folder. Paths are relative to it; the empty one is the folder itself.
pub struct Folder(OwnedFd);

/// What is kept of a file beside its content.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    /// User id.
    pub owner: u32,
    /// Group id.
    pub group: u32,
    /// Permissions and set-id bits.
    pub mode: u32,
    /// When it was modified: seconds since 1970, and nanoseconds.
    pub modified: (i64, u32),
    /// Extended attributes.
    pub extended: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What could not be kept of a file's attributes, because the system has nothing to keep it in or does not
/// allow it to this user.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Files that belong to us instead.
    pub owners: usize,
    /// Files without their extended attributes.
    pub extended: usize,
}

/// What something in a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    File,
    SymbolicLink,
    Other,
}

/// The longest value of an extended attribute, and the longest list of their names (xattr(7)).
const LARGEST_ATTRIBUTE: usize = 64 << 10;
/// The extended attributes that belong to an overlay.
const MARKS: [&[u8]; 2] = [b"trusted.overlay.", b"user.overlay."];
const OPAQUE: &str = "trusted.overlay.opaque";
const OPEN_FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

fn bytes(path: &[u8]) -> &OsStr {
    OsStr::from_bytes(if path.is_empty() { b"." } else { path })
}

/// Whether an extended attribute is one that tells an overlay what to show.
pub fn is_mark(name: &[u8]) -> bool {
    MARKS.iter().any(|prefix| name.starts_with(prefix))
}

impl Folder {
    /// Opens a folder of the caller's own tree.
    pub fn open_outside(path: &Path) -> io::Result<Self> {
        Ok(Self(fs::openat(CWD, path, OPEN_FOLDER, Mode::empty())?))
    }

    /// Opens a folder that a descriptor, of whatever mode, refers to.
    pub fn of_descriptor(descriptor: impl AsFd) -> io::Result<Self> {
        let folder = fs::openat(descriptor, ".", OPEN_FOLDER, Mode::empty());
        Ok(Self(folder?))
    }

    /// Opens a regular file in this folder for reading; what else is called so is an error, or waited for by nobody.
    pub fn open_file(&self, name: &[u8]) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.0, bytes(name), flags, Mode::empty())?);
        if file.metadata()?.is_file() {
            Ok(file)
        } else {
            Err(io::Error::other("not a regular file"))
        }
    }

    /// What a symbolic link in this folder contains.
    pub fn read_link(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(fs::readlinkat(&self.0, bytes(name), Vec::new())?.into_bytes())
    }

    /// Opens a folder in this one. `ELOOP`: there is a link in the path.
    pub fn open(&self, path: &[u8]) -> io::Result<Self> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let opened = fs::openat2(&self.0, bytes(path), OPEN_FOLDER, Mode::empty(), resolve);
        Ok(Self(opened?))
    }

    /// The folder that a descriptor refers to, which may be one that only paths start from.
    pub fn of(descriptor: OwnedFd) -> Self {
        Self(descriptor)
    }

    /// Takes the folder's lock together with others, if nobody has it alone.
    pub fn try_lock_shared(&self) -> io::Result<()> {
        Ok(fs::flock(&self.0, FlockOperation::NonBlockingLockShared)?)
    }

    /// Takes the folder's lock, if nobody has it.
    pub fn try_lock(&self) -> io::Result<()> {
        Ok(fs::flock(
            &self.0,
            FlockOperation::NonBlockingLockExclusive,
        )?)
    }

    /// Makes a folder, for its owner alone.
    pub fn make_folder(&self, name: &[u8]) -> io::Result<()> {
        Ok(fs::mkdirat(&self.0, bytes(name), Mode::RWXU)?)
    }

    /// Makes a file, for its owner alone, and opens it for writing.
    pub fn make_file(&self, name: &[u8]) -> io::Result<File> {
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(File::from(fs::openat(&self.0, bytes(name), flags, mode)?))
    }

    /// Makes a symbolic link that contains `target`.
    pub fn make_link(&self, name: &[u8], target: &[u8]) -> io::Result<()> {
        Ok(fs::symlinkat(
            OsStr::from_bytes(target),
            &self.0,
            bytes(name),
        )?)
    }

    /// Makes a further name for a file; if that is a symbolic link, for the link itself.
    pub fn make_hard_link(&self, name: &[u8], from: &Self, from_name: &[u8]) -> io::Result<()> {
        let flags = AtFlags::empty();
        Ok(fs::linkat(
            &from.0,
            bytes(from_name),
            &self.0,
            bytes(name),
            flags,
        )?)
    }

    /// Makes a named pipe, for its owner alone.
    pub fn make_pipe(&self, name: &[u8]) -> io::Result<()> {
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(fs::mknodat(&self.0, bytes(name), FileType::Fifo, mode, 0)?)
    }

    /// Moves what is called `name` to another folder of the same file system, in place of any file there.
    pub fn rename(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        Ok(fs::renameat(&self.0, bytes(name), &to.0, bytes(to_name))?)
    }

    /// Moves what is called `name` to a name that is free: `EEXIST` if it isn't.
    pub fn rename_new(&self, name: &[u8], to: &Self, to_name: &[u8]) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        Ok(fs::renameat_with(
            &self.0,
            bytes(name),
            &to.0,
            bytes(to_name),
            flags,
        )?)
    }

    /// What is called `name`, if anything is.
    pub fn kind(&self, name: &[u8]) -> io::Result<Option<Kind>> {
        match fs::statat(&self.0, bytes(name), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => Ok(Some(Kind::of(FileType::from_raw_mode(status.st_mode)))),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The names in this folder.
    pub fn names(&self) -> io::Result<Vec<Vec<u8>>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(name.to_vec());
            }
        }
        names.sort();
        Ok(names)
    }

    /// Removes a file, or a folder with all that it holds. However deep it is, one descriptor is enough.
    pub fn remove(&self, name: &[u8]) -> io::Result<()> {
        if remove_file(&self.0, name)? {
            return Ok(());
        }
        let mut folders = vec![name.to_vec()];
        while let Some(path) = folders.last().cloned() {
            let folder = self.open(&path)?;
            let before = folders.len();
            for entry in folder.names()? {
                if !remove_file(&folder.0, &entry)? {
                    folders.push([path.as_slice(), b"/", &entry].concat());
                }
            }
            if folders.len() == before {
                fs::unlinkat(&self.0, bytes(&path), AtFlags::REMOVEDIR)?;
                folders.pop();
            }
        }
        Ok(())
    }

    /// Removes all that this folder holds.
    pub fn clear(&self) -> io::Result<()> {
        self.names()?.iter().try_for_each(|name| self.remove(name))
    }

    /// The attributes of this folder.
    pub fn attributes(&self) -> io::Result<Attributes> {
        attributes(&self.0)
    }

    /// The attributes of what is called `name`, but for extended ones; a link isn't followed.
    pub fn attributes_of(&self, name: &[u8]) -> io::Result<Attributes> {
        let status = fs::statat(&self.0, bytes(name), AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(Attributes::of(&status))
    }

    /// Makes what stands in a layer for a file that is removed from those below.
    pub fn make_whiteout(&self, name: &[u8]) -> io::Result<()> {
        let kind = FileType::CharacterDevice;
        Ok(fs::mknodat(&self.0, bytes(name), kind, Mode::empty(), 0)?)
    }

    /// Marks this folder of a layer as one in which nothing of the layers below is seen.
    pub fn mark_opaque(&self) -> io::Result<()> {
        Ok(fs::fsetxattr(&self.0, OPAQUE, b"y", XattrFlags::empty())?)
    }

    /// Whether it is marked so.
    pub fn is_opaque(&self) -> io::Result<bool> {
        let mut value = [0; 2];
        match fs::fgetxattr(&self.0, OPAQUE, &mut value) {
            Ok(length) => Ok(value.get(..length) == Some(b"y")),
            Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what is in this folder's file system to the device that keeps it.
    pub fn write_back(&self) -> io::Result<()> {
        Ok(fs::syncfs(&self.0)?)
    }

    /// Gives this folder attributes.
    pub fn set_attributes(&self, attributes: &Attributes) -> io::Result<Lost> {
        set_attributes(&self.0, attributes)
    }

    /// Gives attributes to a symbolic link, which has no permissions, or to a pipe.
    pub fn set_attributes_of(&self, name: &[u8], attributes: &Attributes) -> io::Result<Lost> {
        let mut lost = Lost::default();
        let (owner, group) = identity(attributes);
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        let changed = fs::chownat(&self.0, bytes(name), owner, group, flags);
        lost.owners = usize::from(!is_allowed(changed)?);
        if self.kind(name)? == Some(Kind::Other) {
            let mode = Mode::from_raw_mode(attributes.mode);
            fs::chmodat(&self.0, bytes(name), mode, AtFlags::empty())?;
        }
        fs::utimensat(&self.0, bytes(name), &times(attributes), flags)?;
        lost.extended = usize::from(!attributes.extended.is_empty());
        Ok(lost)
    }
}

/// A folder that was looked for, unless there is something else, or nothing, or a link on the way.
pub fn found(opened: io::Result<Folder>) -> io::Result<Option<Folder>> {
    match opened {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if is_link_in_path(&error) => Ok(None),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

/// Whether a path could not be followed because it leads through a symbolic link.
pub fn is_link_in_path(error: &io::Error) -> bool {
    Errno::from_io_error(error) == Some(Errno::LOOP)
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Folder> for OwnedFd {
    fn from(folder: Folder) -> Self {
        folder.0
    }
}

impl Kind {
    fn of(kind: FileType) -> Self {
        match kind {
            FileType::Directory => Self::Folder,
            FileType::RegularFile => Self::File,
            FileType::Symlink => Self::SymbolicLink,
            _ => Self::Other,
        }
    }
}

/// Whether anything but a folder was, or already is, removed.
fn remove_file(folder: &OwnedFd, name: &[u8]) -> io::Result<bool> {
    match fs::unlinkat(folder, bytes(name), AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR | Errno::PERM) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Attributes {
    /// Those that a status tells.
    fn of(status: &fs::Stat) -> Self {
        Self {
            owner: status.st_uid,
            group: status.st_gid,
            mode: status.st_mode & 0o7777,
            modified: (status.st_mtime, status.st_mtime_nsec as u32),
            extended: Vec::new(),
        }
    }
}

/// The attributes of an open file or folder.
pub fn attributes(file: impl AsFd) -> io::Result<Attributes> {
    let mut attributes = Attributes::of(&fs::fstat(&file)?);
    attributes.extended = extended(file)?;
    Ok(attributes)
}

/// Gives attributes to an open file or folder.
pub fn set_attributes(file: impl AsFd, attributes: &Attributes) -> io::Result<Lost> {
    let mut lost = Lost::default();
    let (owner, group) = identity(attributes);
    // A change of owner takes set-id bits away: they come after.
    lost.owners = usize::from(!is_allowed(fs::fchown(&file, owner, group))?);
    fs::fchmod(&file, Mode::from_raw_mode(attributes.mode))?;
    for (name, value) in &attributes.extended {
        match fs::fsetxattr(&file, OsStr::from_bytes(name), value, XattrFlags::empty()) {
            Ok(()) => {}
            Err(Errno::NOSYS | Errno::OPNOTSUPP | Errno::PERM) => lost.extended = 1,
            Err(error) => return Err(error.into()),
        }
    }
    fs::futimens(&file, &times(attributes))?;
    Ok(lost)
}

/// The extended attributes of an open file; none where the system has no such thing.
fn extended(file: impl AsFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut names = vec![0; LARGEST_ATTRIBUTE];
    let length = match fs::flistxattr(&file, &mut names) {
        Ok(length) => length,
        Err(Errno::NOSYS | Errno::OPNOTSUPP) => 0,
        Err(error) => return Err(error.into()),
    };
    names.truncate(length);
    let names = names.split(|byte| *byte == 0);
    let mut attributes = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        let mut value = vec![0; LARGEST_ATTRIBUTE];
        let length = fs::fgetxattr(&file, OsStr::from_bytes(name), &mut value)?;
        value.truncate(length);
        attributes.push((name.to_vec(), value));
    }
    Ok(attributes)
}

/// Whether a change of owner was made; only root may.
fn is_allowed(changed: rustix::io::Result<()>) -> io::Result<bool> {
    match changed {
        Ok(()) => Ok(true),
        Err(Errno::PERM) if !rustix::process::geteuid().is_root() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn identity(attributes: &Attributes) -> (Option<Uid>, Option<Gid>) {
    (
        Some(Uid::from_raw(attributes.owner)),
        Some(Gid::from_raw(attributes.group)),
    )
}

fn times(attributes: &Attributes) -> Timestamps {
    let time = Timespec {
        tv_sec: attributes.modified.0,
        tv_nsec: attributes.modified.1.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
