//! The folders of containers.

use super::record::Record;
use crate::error::Error;
use crate::execute;
use crate::system::folder::{Folder, Lock};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// The container's [`Record`]. A folder without one is that of a container that isn't made yet.
pub const RECORD: &str = "container.json";
/// A copy of the container's configuration.
pub const CONFIGURATION: &str = "config.json";
/// How it ended.
pub const EXIT: &str = "exit.json";
/// The monitor's socket.
pub const SOCKET: &str = "socket";

/// How long a monitor that has said goodbye may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(1);

/// The root directory of the state.
pub struct Store {
    root: PathBuf,
}

/// A container's folder.
pub struct Found {
    /// The container's id.
    pub id: String,
    /// The open folder.
    pub folder: Folder,
}

impl Store {
    /// The state below this directory.
    pub fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A container's folder, by path.
    pub fn path(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// The root directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn open(&self) -> io::Result<Folder> {
        Folder::open(&self.root)
    }

    fn failed(&self, error: &io::Error) -> Error {
        let hint = match error.kind() {
            io::ErrorKind::PermissionDenied => " (only root may, unless --root names another)",
            _ => "",
        };
        let root = self.root.display();
        Error::system(format!("use the state directory {root}{hint}"), error)
    }

    /// Makes the folder of a new container, locked for its monitor.
    pub fn claim(&self, id: &str) -> Result<Found, Error> {
        self.try_claim(id)
            .map_err(|error| self.failed(&error))?
            .ok_or_else(|| Error::new("container with given ID already exists"))
    }

    fn try_claim(&self, id: &str) -> io::Result<Option<Found>> {
        let root = match self.open() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                std::fs::create_dir_all(&self.root)?;
                self.open()?
            }
            result => result?,
        };
        root.lock(Lock::Exclusive)?;
        match root.make_folder(id) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let folder = root.folder(id)?;
                // What a killed runc has left of a container that never was is no container.
                if !is_remains(&folder)? || !folder.try_lock(Lock::Exclusive)? {
                    return Ok(None);
                }
                empty(&folder)?;
                return Ok(Some(Found::new(id, folder)));
            }
            Err(error) => return Err(error),
        }
        let folder = root.folder(id)?;
        folder.lock(Lock::Exclusive)?;
        Ok(Some(Found::new(id, folder)))
    }

    /// A container's folder; `None`: there is no such container.
    pub fn find(&self, id: &str) -> Result<Option<Found>, Error> {
        let found = self
            .open()
            .and_then(|root| root.folder(id))
            .map(|folder| Found::new(id, folder));
        match found {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// The ids of all containers; `None`: there is no root directory.
    pub fn ids(&self) -> Result<Option<Vec<String>>, Error> {
        match self.open().and_then(|root| root.names()) {
            Ok(mut names) => {
                names.retain(|name| crate::config::check_id(name).is_ok());
                Ok(Some(names))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// Whether somebody owns the folder.
    pub fn has_owner(&self, found: &Found) -> Result<bool, Error> {
        let look = || -> io::Result<bool> {
            let root = self.open()?;
            root.lock(Lock::Shared)?;
            let is_free = found.folder.try_lock(Lock::Shared)?;
            if is_free {
                found.folder.unlock()?;
            }
            Ok(!is_free)
        };
        look().map_err(|error| self.failed(&error))
    }

    /// Waits until the folder's owner is gone, and owns it from then on.
    pub(super) fn wait_for_lock(&self, found: &Found) -> Result<(), Error> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken = self.open().and_then(|root| {
                root.lock(Lock::Exclusive)?;
                found.folder.try_lock(Lock::Exclusive)
            });
            if taken.map_err(|error| self.failed(&error))? {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(Error::new("its monitor doesn't end"));
            }
            thread::sleep(PAUSE);
        }
    }

    /// Removes a folder that the caller owns.
    pub fn remove(&self, found: &Found) -> Result<(), Error> {
        let remove = || -> io::Result<()> {
            let root = self.open()?;
            root.lock(Lock::Exclusive)?;
            // The record last: without the other files there is still a container to be removed.
            empty(&found.folder)?;
            match root.remove_folder(&found.id) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            }
        };
        remove().map_err(|error| self.failed(&error))
    }

    /// Removes a folder that nobody owns and that holds no container.
    pub fn remove_remains(&self, found: &Found) -> Result<(), Error> {
        let remove = || -> io::Result<()> {
            let root = self.open()?;
            root.lock(Lock::Exclusive)?;
            if !is_remains(&found.folder)? || !found.folder.try_lock(Lock::Exclusive)? {
                return Ok(());
            }
            empty(&found.folder)?;
            match root.remove_folder(&found.id) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                result => result,
            }
        };
        remove().map_err(|error| self.failed(&error))
    }
}

/// Whether a folder that nobody owns holds no container: it was not made yet when its monitor was killed, or
/// lived with its monitor only.
fn is_remains(folder: &Folder) -> io::Result<bool> {
    Ok(match folder.read(RECORD)? {
        None => true,
        Some(text) => Record::from_text(&text).is_some_and(|record| record.is_transient),
    })
}

/// Removes all that a folder holds, and before that what was made elsewhere for a container that never ran.
fn empty(folder: &Folder) -> io::Result<()> {
    execute::undo_in(folder)?;
    let names = folder.names()?;
    for name in names.iter().filter(|name| *name != RECORD) {
        folder.remove_file(name)?;
    }
    folder.remove_file(RECORD)
}

impl Found {
    fn new(id: &str, folder: Folder) -> Self {
        Self {
            id: id.to_owned(),
            folder,
        }
    }

    /// What it was made as; `None`: it isn't made yet.
    pub fn record(&self) -> Result<Option<Record>, Error> {
        let text = self
            .folder
            .read(RECORD)
            .map_err(|error| Error::system(RECORD, &error))?;
        match text {
            None => Ok(None),
            Some(text) => Record::from_text(&text)
                .map(Some)
                .ok_or_else(|| Error::new(format!("{RECORD} is damaged"))),
        }
    }
}
