//! Where unpacked layers are kept, for all bundles that are made of them:
//!
//!     layers/ALGORITHM/DIGITS    a layer's files, in the form of overlay.rs
//!     bundles/DIGITS             a bundle, by the hash of its path: where it is, and which layers it uses
//!
//! A layer is called by what it and those below it hold, since what it removes depends on these (the chain id of the
//! image specification). It is unpacked once and never changed. Whoever unpacks holds the lock of `layers` with others;
//! who removes layers holds it alone.

use super::bundle::directory_of;
use super::digest::Digest;
use super::draft::{self, Draft};
use crate::error::Error;
use crate::system::beneath::{self, Folder};
use crate::system::folder;
use crate::system::signals::Interrupt;
use crate::time;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

const LAYERS: &str = "layers";
const BUNDLES: &str = "bundles";
/// How long to sleep while another runc unpacks the same layer.
const PAUSE: Duration = Duration::from_millis(20);

/// The layers that have been unpacked.
pub struct Layers {
    path: PathBuf,
    layers: Folder,
    bundles: folder::Folder,
}

/// A bundle that uses layers.
pub struct User {
    /// Where it is.
    pub bundle: PathBuf,
    /// The image that it was made of.
    pub image: String,
    /// Names of its layers, from the uppermost on.
    pub layers: Vec<String>,
    /// When it was made.
    pub created: String,
    /// The name of its record.
    record: String,
}

impl Layers {
    /// The layers kept at `path`, which is made if it is missing.
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::try_open(path).map_err(|error| {
            let hint = match error.kind() {
                io::ErrorKind::PermissionDenied => " (only root may, unless --store names another)",
                _ => "",
            };
            Error::system(
                format!("use the store of layers {}{hint}", path.display()),
                &error,
            )
        })
    }

    fn try_open(path: &Path) -> io::Result<Self> {
        // Set-user-id programs lie among the files.
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        for part in [LAYERS, BUNDLES] {
            private.create(path.join(part))?;
        }
        Ok(Self {
            path: std::fs::canonicalize(path)?,
            layers: Folder::open_outside(&path.join(LAYERS))?,
            bundles: folder::Folder::open(&path.join(BUNDLES))?,
        })
    }

    /// Keeps layers from being removed, for as long as this lives.
    pub fn hold(&self, interrupt: &Interrupt) -> Result<(), Error> {
        wait(interrupt, || self.layers.try_lock_shared())
            .map_err(|error| self.failure("use", &error))
    }

    /// A layer, if it is there.
    pub fn find(&self, name: &str) -> Result<Option<Folder>, Error> {
        beneath::found(self.layers.open(name.as_bytes()))
            .map_err(|error| self.failure(&format!("open the layer {name} in"), &error))
    }

    /// Where a layer is.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(LAYERS).join(name)
    }

    /// Adds a layer: `unpack` gets an empty folder. If another runc does it meanwhile, that's as well.
    pub fn add(
        &self,
        name: &str,
        interrupt: &Interrupt,
        unpack: impl FnOnce(&Folder) -> Result<(), Error>,
    ) -> Result<Folder, Error> {
        let failed = |error: io::Error| self.failure(&format!("add the layer {name} to"), &error);
        let (algorithm, digits) = name.split_once('/').unwrap_or(("", name));
        match self.layers.make_folder(algorithm.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(failed(error));
            }
            _ => {}
        }
        let draft = wait(interrupt, || {
            let parent = self.layers.open(algorithm.as_bytes())?;
            if parent.kind(digits.as_bytes())?.is_some() {
                return Ok(None);
            }
            // One draft at a time is begun: nobody takes a new one for a left one.
            let gate = self.layers.open(algorithm.as_bytes())?;
            gate.try_lock()?;
            Draft::begin(parent, digits.as_bytes()).map(Some)
        });
        if let Some(draft) = draft.map_err(failed)? {
            unpack(draft.folder())?;
            let finished = draft.folder().write_back().and_then(|()| draft.finish());
            match finished {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                finished => finished.map_err(failed)?,
            }
        }
        self.layers.open(name.as_bytes()).map_err(failed)
    }

    /// Notes that a bundle uses layers.
    pub fn note(&self, bundle: &Path, image: &str, layers: &[String]) -> Result<(), Error> {
        let path = absolute(bundle).map_err(|error| Error::system(bundle.display(), &error))?;
        let path = path_text(&path)?;
        let record = json!({
            "bundle": path, "image": image, "layers": layers, "created": time::now_in_text()
        });
        let name = Digest::of(path);
        self.bundles
            .write(name.digits(), record.to_string().as_bytes())
            .map_err(|error| self.failure("note a bundle in", &error))
    }

    /// The bundles that there are. Of others, what killed processes have left is removed.
    pub fn users(&self) -> Result<Vec<User>, Error> {
        let users = self.try_users();
        users.map_err(|error| self.failure("list the bundles in", &error))
    }

    fn try_users(&self) -> io::Result<Vec<User>> {
        let mut users = Vec::new();
        for name in self.bundles.names()? {
            let text = self.bundles.read(&name)?.unwrap_or_default();
            // A draft of a record, or one that somebody else wrote.
            let Some(user) = User::parse(&text, &name) else {
                continue;
            };
            if user.exists() {
                users.push(user);
                continue;
            }
            if !remove_draft(&user.bundle)? {
                continue;
            }
            // It may have got to its place since it was looked for there.
            if user.exists() {
                users.push(user);
            } else {
                self.bundles.remove_file(&user.record)?;
            }
        }
        users.sort_by(|one, other| one.bundle.cmp(&other.bundle));
        Ok(users)
    }

    /// Removes the layers that no bundle uses; their names.
    pub fn prune(&self) -> Result<Vec<String>, Error> {
        match self.layers.try_lock() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(Error::new("another runc is unpacking an image: try again"));
            }
            locked => locked.map_err(|error| self.failure("lock", &error))?,
        }
        let users = self.users()?;
        let used: BTreeSet<&str> = users
            .iter()
            .flat_map(|user| user.layers.iter().map(String::as_str))
            .collect();
        let removed = self.remove_all_but(&used);
        removed.map_err(|error| self.failure("remove layers from", &error))
    }

    fn remove_all_but(&self, used: &BTreeSet<&str>) -> io::Result<Vec<String>> {
        let mut removed = Vec::new();
        for algorithm in self.layers.names()? {
            let folder = self.layers.open(&algorithm)?;
            for digits in folder.names()? {
                let name = [algorithm.as_slice(), b"/", &digits].concat();
                let name = String::from_utf8_lossy(&name).into_owned();
                if used.contains(name.as_str()) {
                    continue;
                }
                // What is half removed is no layer any more.
                if draft::visible(&digits).is_none() {
                    let hidden = draft::hidden(&digits);
                    folder.remove(&hidden)?;
                    folder.rename_new(&digits, &folder, &hidden)?;
                    folder.remove(&hidden)?;
                    removed.push(name);
                } else {
                    folder.remove(&digits)?;
                }
            }
        }
        Ok(removed)
    }

    fn failure(&self, what: &str, error: &io::Error) -> Error {
        let path = self.path.display();
        Error::system(format!("{what} the store of layers {path}"), error)
    }
}

impl User {
    fn exists(&self) -> bool {
        self.bundle.join("config.json").exists()
    }

    fn parse(text: &[u8], record: &str) -> Option<Self> {
        let value: Value = serde_json::from_slice(text).ok()?;
        let word = |name: &str| value[name].as_str().map(str::to_owned);
        let layers = value["layers"].as_array()?.iter();
        Some(Self {
            bundle: word("bundle")?.into(),
            image: word("image")?,
            layers: layers
                .map(|layer| layer.as_str().map(str::to_owned))
                .collect::<Option<_>>()?,
            created: word("created")?,
            record: record.to_owned(),
        })
    }
}

/// The text of a path, which is to stand in JSON.
pub fn path_text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| {
        Error::new(format!(
            "{}: the path of a bundle on layers has to be valid UTF-8",
            path.display()
        ))
    })
}

/// The one path of a bundle that needn't be there yet.
pub fn absolute(bundle: &Path) -> io::Result<PathBuf> {
    let directory = std::fs::canonicalize(directory_of(bundle))?;
    Ok(directory.join(bundle.file_name().unwrap_or_default()))
}

/// Removes the draft of a bundle, unless somebody is at work on it: false.
fn remove_draft(bundle: &Path) -> io::Result<bool> {
    let Some(parent) = beneath::found(Folder::open_outside(directory_of(bundle)))? else {
        return Ok(true);
    };
    let name = bundle.file_name().unwrap_or_default();
    match draft::remove_left(&parent, name.as_bytes()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}

/// Tries until nobody is in the way.
fn wait<T>(interrupt: &Interrupt, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                interrupt.check()?;
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}
