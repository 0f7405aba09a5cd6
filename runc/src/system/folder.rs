//! A directory of state: files that appear whole, and a lock that its owner's death releases.

use rustix::fs::{self, AtFlags, CWD, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

/// An open directory. Its lock belongs to the opening, and to every process that got it by fork.
pub struct Folder(OwnedFd);

/// How a folder is locked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Lock {
    /// Nobody else has it.
    Exclusive,
    /// With others.
    Shared,
}

impl Folder {
    /// Opens a directory.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::open_at(CWD, path)
    }

    /// Opens a directory in it.
    pub fn folder(&self, name: &str) -> io::Result<Self> {
        Self::open_at(&self.0, Path::new(name))
    }

    fn open_at(directory: impl std::os::fd::AsFd, path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(Self(fs::openat(directory, path, flags, Mode::empty())?))
    }

    /// Makes a directory in it that is its owner's alone.
    pub fn make_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::mkdirat(&self.0, name, Mode::RWXU)?)
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Waits for its lock.
    pub fn lock(&self, lock: Lock) -> io::Result<()> {
        let operation = match lock {
            Lock::Exclusive => FlockOperation::LockExclusive,
            Lock::Shared => FlockOperation::LockShared,
        };
        loop {
            match fs::flock(&self.0, operation) {
                Err(Errno::INTR) => {}
                result => return Ok(result?),
            }
        }
    }

    /// Takes its lock if nobody has it; whether it did.
    pub fn try_lock(&self, lock: Lock) -> io::Result<bool> {
        let operation = match lock {
            Lock::Exclusive => FlockOperation::NonBlockingLockExclusive,
            Lock::Shared => FlockOperation::NonBlockingLockShared,
        };
        match fs::flock(&self.0, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives its lock back.
    pub fn unlock(&self) -> io::Result<()> {
        Ok(fs::flock(&self.0, FlockOperation::Unlock)?)
    }

    /// A file in it; `None`: there is none.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = match fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut bytes = Vec::new();
        File::from(file).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Opens a file in it to read it; `None`: there is none.
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(&self.0, name, flags, Mode::empty()) {
            Ok(file) => Ok(Some(file.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A new file in it, to append to; one that is there is emptied.
    pub fn create_file(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::WRONLY
            | OFlags::CREATE
            | OFlags::TRUNC
            | OFlags::APPEND
            | OFlags::NOFOLLOW
            | OFlags::CLOEXEC;
        Ok(fs::openat(&self.0, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Makes a file with these contents: whoever reads it finds all of them, or what was there before.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.new");
        self.create_file(&draft)?.write_all(bytes)?;
        self.rename(&draft, name)
    }

    /// Renames a file in it, in place of one with the new name.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(fs::renameat(&self.0, from, &self.0, to)?)
    }

    /// Removes a file in it; a missing one is removed already.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        match fs::unlinkat(&self.0, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes an empty directory in it.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.0, name, AtFlags::REMOVEDIR)?)
    }

    /// The names in it, sorted.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::Dir::read_from(&self.0)? {
            let entry = entry?;
            match entry.file_name().to_str() {
                Ok("." | "..") | Err(_) => {}
                Ok(name) => names.push(name.to_owned()),
            }
        }
        names.sort();
        Ok(names)
    }
}
