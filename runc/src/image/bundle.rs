//! The bundle under construction. It grows in a hidden folder beside its place and is moved there as the last
//! step, so that a bundle is either whole or not there. The hidden folder is locked while it grows: one
//! without a lock was left by a process that was killed, and is removed by the next.

use super::layer::Changes;
use super::merge;
use super::name::Name;
use crate::error::Error;
use crate::system::beneath::{Attributes, Folder};
use serde_json::Value;
use std::cell::Cell;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const ROOT: &[u8] = b"rootfs";
const LAYER: &[u8] = b"layer";
const VOLUMES: &[u8] = b"volumes";
const CONFIGURATION: &[u8] = b"config.json";
/// A container's files are not for everybody to look through: set-user-id programs lie among them.
const MODE: u32 = 0o700;

/// A bundle that nobody sees yet.
pub struct Bundle {
    target: PathBuf,
    name: Vec<u8>,
    /// The folder that the bundle will be in, and the hidden one in it.
    parent: Folder,
    hidden_name: Vec<u8>,
    hidden: Folder,
    has_root: Cell<bool>,
    finished: bool,
}

impl Bundle {
    /// Begins a bundle that will be at `target`, where nothing may be yet.
    pub fn begin(target: &Path) -> Result<Self, Error> {
        let failed = |error: io::Error| Error::system(format!("make {}", target.display()), &error);
        let Some(name) = target.file_name() else {
            let message = format!("{}: a bundle needs a name", target.display());
            return Err(Error::new(message));
        };
        let name = name.as_bytes().to_vec();
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let parent = Folder::open_outside(directory).map_err(failed)?;
        if parent.kind(&name).map_err(failed)?.is_some() {
            let message = format!("{}: it exists already", target.display());
            return Err(Error::new(message));
        }
        let hidden_name = [b".", name.as_slice(), b".unpacking"].concat();
        let hidden = hide(&parent, &hidden_name).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => {
                let message = "another runc is unpacking to it";
                Error::new(format!("{}: {message}", target.display()))
            }
            _ => failed(error),
        })?;
        Ok(Self {
            target: target.to_owned(),
            name,
            parent,
            hidden_name,
            hidden,
            has_root: Cell::new(false),
            finished: false,
        })
    }

    /// An empty folder for the next layer.
    pub fn layer_folder(&self) -> Result<Folder, Error> {
        let made = self.hidden.make_folder(LAYER);
        made.and_then(|()| self.hidden.open(LAYER))
            .map_err(|error| self.failure("a folder for the layer", &error))
    }

    /// The layers so far, as they are seen together.
    pub fn layers_below(&self) -> Result<Option<Folder>, Error> {
        self.has_root.get().then(|| self.root()).transpose()
    }

    /// Lays the folder that [`Bundle::layer_folder`] gave over the layers before.
    pub fn add_layer(&self, folder: &Folder, changes: &Changes) -> Result<(), Error> {
        if self.has_root.replace(true) {
            merge::merge(folder, changes, &self.root()?)?;
            self.hidden.remove(LAYER)
        } else {
            self.hidden.rename(LAYER, &self.hidden, ROOT)
        }
        .map_err(|error| self.failure("the root", &error))
    }

    /// The root of the image's files; an image without layers has an empty one.
    pub fn root(&self) -> Result<Folder, Error> {
        let made = match self.has_root.replace(true) {
            true => Ok(()),
            false => self.hidden.make_folder(ROOT),
        };
        made.and_then(|()| self.hidden.open(ROOT))
            .map_err(|error| self.failure("the root", &error))
    }

    /// Makes a volume: a folder beside the root that is mounted at `path`, and starts with what the image
    /// has there. The volume's path in the bundle.
    pub fn add_volume(&self, path: &str, number: usize) -> Result<String, Error> {
        let volume = number.to_string();
        self.move_volume(path, volume.as_bytes())
            .map_err(|error| self.failure(&format!("the volume {path}"), &error))?;
        Ok(format!("volumes/{volume}"))
    }

    fn move_volume(&self, path: &str, volume: &[u8]) -> io::Result<()> {
        match self.hidden.make_folder(VOLUMES) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let volumes = self.hidden.open(VOLUMES)?;
        let root = self.hidden.open(ROOT)?;
        let name = Name::parse(path.as_bytes()).unwrap_or_else(|_| Name::root());
        let content = name.split().and_then(|(directory, last)| {
            let directory = root.open(directory.bytes()).ok()?;
            let attributes = directory.open(last).ok()?.attributes().ok()?;
            Some((directory, last, attributes))
        });
        // A directory that the image doesn't have, or has behind a link, starts empty.
        let Some((directory, last, attributes)) = content else {
            volumes.make_folder(volume)?;
            let attributes = Attributes {
                mode: 0o755,
                ..volumes.attributes()?
            };
            return volumes.open(volume)?.set_attributes(&attributes).map(drop);
        };
        let above = directory.attributes()?;
        directory.rename(last, &volumes, volume)?;
        directory.make_folder(last)?;
        directory.open(last)?.set_attributes(&attributes)?;
        volumes.open(volume)?.set_attributes(&attributes)?;
        directory.set_attributes(&above).map(drop)
    }

    /// Writes config.json.
    pub fn write_configuration(&self, configuration: &Value) -> Result<(), Error> {
        let text = format!("{configuration:#}\n");
        self.hidden
            .make_file(CONFIGURATION)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| self.failure("config.json", &error))
    }

    /// Moves the bundle to its place.
    pub fn finish(mut self) -> Result<(), Error> {
        let mut attributes = self
            .hidden
            .attributes()
            .map_err(|error| self.failure("the bundle", &error))?;
        attributes.mode = MODE;
        self.hidden
            .set_attributes(&attributes)
            .and_then(|_| {
                self.parent
                    .rename_new(&self.hidden_name, &self.parent, &self.name)
            })
            .map_err(|error| self.failure("the bundle", &error))?;
        self.finished = true;
        Ok(())
    }

    fn failure(&self, what: &str, error: &io::Error) -> Error {
        Error::system(format!("make {} in {}", what, self.target.display()), error)
    }
}

/// Makes the hidden folder, in place of one that a killed process left.
fn hide(parent: &Folder, name: &[u8]) -> io::Result<Folder> {
    if parent.kind(name)?.is_some() {
        parent.open(name)?.try_lock()?;
        parent.remove(name)?;
    }
    parent.make_folder(name)?;
    let folder = parent.open(name)?;
    folder.try_lock()?;
    Ok(folder)
}

impl Drop for Bundle {
    fn drop(&mut self) {
        if !self.finished {
            // The failure that led here is what is reported.
            let _ = self.hidden.clear();
            let _ = self.parent.remove(&self.hidden_name);
        }
    }
}
