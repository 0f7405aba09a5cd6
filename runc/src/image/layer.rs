//! A layer's archive becomes a folder of its own, and a list of what it changes in the layers below
//! (image-spec layer.md). The folder starts empty and nobody else knows it, so whatever is found there came
//! from this archive: no file is written through a link, and none is written twice.

use super::archive::{Archive, Entry, Kind};
use super::name::Name;
use crate::error::{Error, cause_in_words};
use crate::system::beneath::{self, Attributes, Folder, Lost};
use crate::system::copy::copy_file;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, Read};

/// In front of a name: it is removed from the layers below.
const WHITEOUT: &[u8] = b".wh.";
/// In a directory: what the layers below have in it is removed.
const OPAQUE: &[u8] = b".wh..wh..opq";
/// In front of names that a file system called AUFS left: they mean nothing in a layer.
const AUFS: &[u8] = b".wh..wh.";
/// Directories that the archive has files in, without having them; its root too.
const IMPLICIT_MODE: u32 = 0o755;

/// What a layer does to those below it, beside having files.
#[derive(Debug, Default)]
pub struct Changes {
    /// What is removed.
    pub whiteouts: BTreeSet<Name>,
    /// Directories that are emptied.
    pub opaque: BTreeSet<Name>,
    /// Directories of which the layer says nothing: they stay as they are below.
    pub implicit: BTreeSet<Name>,
    lost: Lost,
    skipped_devices: usize,
}

impl Changes {
    /// What of the layer could not be kept, a line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let mut note = |count: usize, text: &str| {
            if count > 0 {
                let files = if count == 1 { "file" } else { "files" };
                notes.push(format!("{count} {files} {text}"));
            }
        };
        note(
            self.lost.owners,
            "belong to the caller: only root may give them away",
        );
        note(
            self.lost.extended,
            "without the extended attributes that they should have",
        );
        note(self.skipped_devices, "left out: device nodes");
        notes
    }
}

/// Unpacks a layer's archive into an empty folder. Hard links may lead to files of `below`, the layers
/// below as they are seen together.
pub fn unpack<R: Read>(
    archive: &mut Archive<R>,
    folder: &Folder,
    below: Option<&Folder>,
    skip_devices: bool,
) -> Result<Changes, Error> {
    let mut unpacking = Unpacking {
        folder,
        below,
        skip_devices,
        changes: Changes::default(),
        parent: None,
        folders: BTreeMap::new(),
    };
    unpacking.note_implicit(&Name::root());
    while let Some(entry) = archive.next()? {
        unpacking.add(&entry, archive)?;
    }
    unpacking.finish()
}

struct Unpacking<'a> {
    folder: &'a Folder,
    below: Option<&'a Folder>,
    skip_devices: bool,
    changes: Changes,
    /// The directory that the last entry was in: the next one mostly is as well.
    parent: Option<(Name, Folder)>,
    /// Directories get their attributes when nothing is put into them any more.
    folders: BTreeMap<Name, Attributes>,
}

impl Unpacking<'_> {
    fn add<R: Read>(&mut self, entry: &Entry, archive: &mut Archive<R>) -> Result<(), Error> {
        let name = Name::parse(&entry.name).map_err(|message| {
            let shown = String::from_utf8_lossy(&entry.name);
            failure(&shown.escape_debug(), message)
        })?;
        let Some((parent, last)) = name.split() else {
            if entry.kind != Kind::Directory {
                return Err(failure(&name, "the root is not a directory"));
            }
            self.changes.implicit.remove(&name);
            self.folders.insert(name.clone(), attributes(&name, entry)?);
            return Ok(());
        };
        let is_aufs = |part: &[u8]| part.starts_with(AUFS) && part != OPAQUE;
        if name.parts().any(is_aufs) {
            return Ok(());
        }
        if parent.parts().any(|part| part.starts_with(WHITEOUT)) {
            let message = "it is in a directory whose name marks a removal";
            return Err(failure(&name, message));
        }
        if last == OPAQUE {
            self.changes.opaque.insert(parent);
        } else if let Some(removed) = last.strip_prefix(WHITEOUT) {
            if matches!(removed, b"" | b"." | b"..") {
                return Err(failure(&name, "it marks the removal of no file"));
            }
            self.changes.whiteouts.insert(parent.join(removed));
        } else if entry.kind == Kind::Device && self.skip_devices {
            self.changes.skipped_devices += 1;
        } else {
            let folder = self.go_to(parent)?;
            let lost = make(&folder, &name, last, entry, archive, self)?;
            self.changes.lost.owners += lost.owners;
            self.changes.lost.extended += lost.extended;
            self.parent = name.split().map(|(parent, _)| (parent, folder));
        }
        Ok(())
    }

    /// Opens the directory of an entry. Where the archive doesn't have it, it is made.
    fn go_to(&mut self, parent: Name) -> Result<Folder, Error> {
        match self.parent.take() {
            Some((name, folder)) if name == parent => return Ok(folder),
            _ => {}
        }
        let opened = match self.folder.open(parent.bytes()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.make_parents(&parent)?;
                self.folder.open(parent.bytes())
            }
            opened => opened,
        };
        opened.map_err(|error| explain(&parent, &error))
    }

    fn make_parents(&mut self, parent: &Name) -> Result<(), Error> {
        let mut name = Name::root();
        for part in parent.parts() {
            let above = self.folder.open(name.bytes());
            let above = above.map_err(|error| explain(&name, &error))?;
            name = name.join(part);
            match above.make_folder(part) {
                Ok(()) => {
                    self.note_implicit(&name);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(explain(&name, &error)),
            }
        }
        Ok(())
    }

    fn note_implicit(&mut self, name: &Name) {
        self.changes.implicit.insert(name.clone());
        let attributes = Attributes {
            mode: IMPLICIT_MODE,
            ..Attributes::default()
        };
        self.folders.insert(name.clone(), attributes);
    }

    fn finish(mut self) -> Result<Changes, Error> {
        // The inner ones first: the outer ones may not let their owner in any more.
        for (name, attributes) in std::mem::take(&mut self.folders).iter().rev() {
            let lost = self
                .folder
                .open(name.bytes())
                .and_then(|folder| folder.set_attributes(attributes))
                .map_err(|error| explain(name, &error))?;
            self.changes.lost.owners += lost.owners;
            self.changes.lost.extended += lost.extended;
        }
        Ok(self.changes)
    }
}

/// Makes what an entry describes.
fn make<R: Read>(
    folder: &Folder,
    name: &Name,
    last: &[u8],
    entry: &Entry,
    archive: &mut Archive<R>,
    unpacking: &mut Unpacking<'_>,
) -> Result<Lost, Error> {
    let attributes = attributes(name, entry)?;
    let made = match &entry.kind {
        Kind::Directory => {
            let made = folder.make_folder(last);
            unpacking.changes.implicit.remove(name);
            unpacking.folders.insert(name.clone(), attributes);
            match made {
                // Made for what is in it before it was its turn, or listed twice.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    match folder.kind(last) {
                        Ok(Some(beneath::Kind::Folder)) => Ok(Lost::default()),
                        _ => Err(error),
                    }
                }
                made => made.map(|()| Lost::default()),
            }
        }
        Kind::File => folder.make_file(last).and_then(|mut file| {
            io::copy(archive, &mut file)?;
            beneath::set_attributes(&file, &attributes)
        }),
        Kind::SymbolicLink(target) => folder
            .make_link(last, target)
            .and_then(|()| folder.set_attributes_of(last, &attributes)),
        Kind::Pipe => folder
            .make_pipe(last)
            .and_then(|()| folder.set_attributes_of(last, &attributes)),
        Kind::HardLink(target) => {
            return unpacking.make_hard_link(folder, name, last, target);
        }
        Kind::Device => {
            let message = "an image can't bring device nodes: --skip-devices leaves them out";
            return Err(failure(name, message));
        }
        Kind::Sparse => {
            return Err(failure(name, "sparse files are not supported in layers"));
        }
        Kind::Other(letter) => {
            let message = format!("an entry of the unknown type {:?}", char::from(*letter));
            return Err(failure(name, &message));
        }
    };
    made.map_err(|error| explain(name, &error))
}

impl Unpacking<'_> {
    /// A further name for a file of this layer, or else of the layers below.
    fn make_hard_link(
        &self,
        folder: &Folder,
        name: &Name,
        last: &[u8],
        target: &[u8],
    ) -> Result<Lost, Error> {
        let shown = String::from_utf8_lossy(target).escape_debug().to_string();
        let target = Name::parse(target)
            .map_err(|message| failure(name, &format!("a hard link to {shown}: {message}")))?;
        let Some((directory, file)) = target.split() else {
            return Err(failure(name, "a hard link to the root"));
        };
        let link = |tree: &Folder| {
            let from = tree.open(directory.bytes())?;
            folder.make_hard_link(last, &from, file)
        };
        let linked = match (link(self.folder), self.below) {
            (Err(error), Some(below)) if error.kind() == io::ErrorKind::NotFound => {
                match link(below) {
                    // Layers that an overlay shows together are a file system of their own.
                    Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                        let from = below.open(directory.bytes());
                        match from.and_then(|from| copy_file(&from, file, folder, last)) {
                            Ok(false) => Err(error),
                            copied => copied.map(drop),
                        }
                    }
                    linked => linked,
                }
            }
            (linked, _) => linked,
        };
        linked.map(|()| Lost::default()).map_err(|error| {
            let cause = cause(&error);
            failure(name, &format!("a hard link to {target}: {cause}"))
        })
    }
}

/// The attributes of an entry, as far as a file can have them.
fn attributes(name: &Name, entry: &Entry) -> Result<Attributes, Error> {
    let number = |value: u64| match u32::try_from(value) {
        // All ones means "leave it" to the system.
        Ok(number) if number != u32::MAX => Ok(number),
        _ => Err(failure(name, "its owner or group is not a valid number")),
    };
    for (key, _) in &entry.extended {
        if beneath::is_mark(key) {
            let message = "it has extended attributes that are for an overlay file system alone";
            return Err(failure(name, message));
        }
    }
    Ok(Attributes {
        owner: number(entry.owner)?,
        group: number(entry.group)?,
        mode: entry.mode,
        modified: entry.modified,
        extended: entry.extended.clone(),
    })
}

fn failure(name: &dyn fmt::Display, message: &str) -> Error {
    Error::new(format!("{name}: {message}"))
}

fn explain(name: &Name, error: &io::Error) -> Error {
    failure(name, &cause(error))
}

/// What an error means where nothing exists but what the archive has made.
fn cause(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "the archive has it twice".to_owned(),
        io::ErrorKind::NotADirectory => "a file is used as a directory".to_owned(),
        _ if beneath::is_link_in_path(error) => {
            "its directory is behind a symbolic link".to_owned()
        }
        _ => cause_in_words(error),
    }
}
