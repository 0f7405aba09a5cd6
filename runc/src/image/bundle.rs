//! The bundle under construction: its configuration, and what is beside the root.

use super::draft::Draft;
use super::name::Name;
use crate::error::Error;
use crate::system::beneath::{Attributes, Folder};
use crate::system::copy::copy_up;
use serde_json::Value;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const VOLUMES: &[u8] = b"volumes";
const CONFIGURATION: &[u8] = b"config.json";
/// A container's files are not for everybody to look through: set-user-id programs lie among them.
const MODE: u32 = 0o700;

/// A bundle that nobody sees yet.
pub struct Bundle {
    target: PathBuf,
    draft: Draft,
}

impl Bundle {
    /// Begins a bundle that will be at `target`, where nothing may be yet.
    pub fn begin(target: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::system(format!("make {}", target.display()), &error);
        let Some(name) = target.file_name() else {
            let message = format!("{}: a bundle needs a name", target.display());
            return Err(Error::new(message));
        };
        let parent = Folder::open_outside(directory_of(target)).map_err(failed)?;
        if parent.kind(name.as_bytes()).map_err(failed)?.is_some() {
            let message = format!("{}: it exists already", target.display());
            return Err(Error::new(message));
        }
        let draft = Draft::begin(parent, name.as_bytes()).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                let message = "another runc is unpacking to it";
                Error::new(format!("{}: {message}", target.display()))
            }
            _ => failed(error),
        })?;
        Ok(Self {
            target: target.to_owned(),
            draft,
        })
    }

    /// The folder, as long as it is hidden.
    pub fn folder(&self) -> &Folder {
        self.draft.folder()
    }

    /// Makes a volume: a folder beside the root that is mounted at `path`, and starts with what the image has there.
    /// The volume's path in the bundle.
    pub fn add_volume(&self, root: &Folder, path: &str, number: usize) -> Result<String, Error> {
        let volume = number.to_string();
        self.copy_volume(root, path, volume.as_bytes())
            .map_err(|error| self.failure(&format!("the volume {path}"), &error))?;
        Ok(format!("volumes/{volume}"))
    }

    fn copy_volume(&self, root: &Folder, path: &str, volume: &[u8]) -> io::Result<()> {
        let folder = self.folder();
        match folder.make_folder(VOLUMES) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let volumes = folder.open(VOLUMES)?;
        volumes.make_folder(volume)?;
        let made = volumes.open(volume)?;
        let name = Name::parse(path.as_bytes()).unwrap_or_else(|_| Name::root());
        match root.open(name.bytes()) {
            Ok(content) => copy_up(&content, &made),
            // A directory that the image doesn't have, or has behind a link, starts empty.
            Err(_) => {
                let attributes = Attributes {
                    mode: 0o755,
                    ..made.attributes()?
                };
                made.set_attributes(&attributes).map(drop)
            }
        }
    }

    /// Writes config.json.
    pub fn write_configuration(&self, configuration: &Value) -> Result<(), Error> {
        let text = format!("{configuration:#}\n");
        self.folder()
            .make_file(CONFIGURATION)
            .and_then(|mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            })
            .map_err(|error| self.failure("config.json", &error))
    }

    /// Moves the bundle to its place.
    pub fn finish(self) -> Result<(), Error> {
        let Self { target, draft } = self;
        let folder = draft.folder();
        let prepared = folder.attributes().and_then(|mut attributes| {
            attributes.mode = MODE;
            folder.set_attributes(&attributes)
        });
        let finished = prepared.and_then(|_| draft.finish());
        finished.map_err(|error| failure("the bundle", &target, &error))
    }

    /// An error about a part of the bundle.
    pub fn failure(&self, what: &str, error: &io::Error) -> Error {
        failure(what, &self.target, error)
    }
}

/// The directory that holds what is at a path.
pub fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn failure(what: &str, target: &Path, error: &io::Error) -> Error {
    Error::system(format!("make {what} in {}", target.display()), error)
}
