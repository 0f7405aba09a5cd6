//! Layers merged into one directory, which needs no overlay file system: what a layer removes is removed, then its files
//! are moved to where they belong.

use super::bundle::Bundle;
use super::layer::Changes;
use super::name::Name;
use crate::error::Error;
use crate::system::beneath::{self, Attributes, Folder, Kind};
use std::io;

const ROOT: &[u8] = b"rootfs";
const LAYER: &[u8] = b"layer";

/// The root of a bundle that grows layer by layer.
pub struct Merged<'a> {
    bundle: &'a Bundle,
    has_root: bool,
}

impl<'a> Merged<'a> {
    /// A root without layers.
    pub fn new(bundle: &'a Bundle) -> Self {
        Self {
            bundle,
            has_root: false,
        }
    }

    /// Adds a layer: `unpack` gets an empty folder for it and the layers below, as they are seen together.
    pub fn add(
        &mut self,
        unpack: impl FnOnce(&Folder, Option<&Folder>) -> Result<Changes, Error>,
    ) -> Result<(), Error> {
        let hidden = self.bundle.folder();
        let failed = |error: io::Error| self.bundle.failure("the root", &error);
        let made = hidden.make_folder(LAYER);
        let folder = made.and_then(|()| hidden.open(LAYER)).map_err(failed)?;
        if self.has_root {
            let root = hidden.open(ROOT).map_err(failed)?;
            let changes = unpack(&folder, Some(&root))?;
            merge(&folder, &changes, &root)?;
            hidden.remove(LAYER).map_err(failed)
        } else {
            unpack(&folder, None)?;
            self.has_root = true;
            hidden.rename(LAYER, hidden, ROOT).map_err(failed)
        }
    }

    /// The root; an image without layers has an empty one.
    pub fn finish(self) -> Result<Folder, Error> {
        let hidden = self.bundle.folder();
        let made = if self.has_root {
            Ok(())
        } else {
            hidden.make_folder(ROOT)
        };
        made.and_then(|()| hidden.open(ROOT))
            .map_err(|error| self.bundle.failure("the root", &error))
    }
}

/// Moves all that `layer` holds into `tree`.
fn merge(layer: &Folder, changes: &Changes, tree: &Folder) -> Result<(), Error> {
    for name in &changes.opaque {
        let emptied = change(tree, name, Folder::clear);
        emptied.map_err(|error| explain("empty", name, &error))?;
    }
    for name in &changes.whiteouts {
        remove(tree, name).map_err(|error| explain("remove", name, &error))?;
    }
    let merge = Merge {
        layer,
        changes,
        tree,
    };
    merge.folder(&Name::root())
}

struct Merge<'a> {
    layer: &'a Folder,
    changes: &'a Changes,
    tree: &'a Folder,
}

impl Merge<'_> {
    /// Moves what a directory holds. Both trees have it.
    fn folder(&self, name: &Name) -> Result<(), Error> {
        let failed = |error| explain("merge", name, &error);
        let attributes = self.attributes(name).map_err(failed)?;
        let names = self.layer.open(name.bytes()).and_then(|from| from.names());
        for last in names.map_err(failed)? {
            let child = name.join(&last);
            let inner = self
                .child(name, &last)
                .map_err(|error| explain("merge", &child, &error))?;
            if inner {
                self.folder(&child)?;
            }
        }
        let tree = self.tree.open(name.bytes()).map_err(failed)?;
        tree.set_attributes(&attributes).map_err(failed)?;
        Ok(())
    }

    /// What a directory is to have at the end. Moving files changes its times.
    fn attributes(&self, name: &Name) -> io::Result<Attributes> {
        let tree = if self.changes.implicit.contains(name) {
            self.tree
        } else {
            self.layer
        };
        tree.open(name.bytes())?.attributes()
    }

    /// Moves one thing. True: it is a directory in both trees, and its contents are still to be moved.
    fn child(&self, name: &Name, last: &[u8]) -> io::Result<bool> {
        let from = self.layer.open(name.bytes())?;
        let to = self.tree.open(name.bytes())?;
        match (from.kind(last)?, to.kind(last)?) {
            (Some(Kind::Folder), Some(Kind::Folder)) => return Ok(true),
            // A file gives way to a file by itself.
            (Some(Kind::Folder), Some(_)) | (Some(_), Some(Kind::Folder)) => to.remove(last)?,
            _ => {}
        }
        from.rename(last, &to, last)?;
        Ok(false)
    }
}

/// A directory of the layers below, unless there is something else there.
fn open(tree: &Folder, name: &Name) -> io::Result<Option<Folder>> {
    beneath::found(tree.open(name.bytes()))
}

fn remove(tree: &Folder, name: &Name) -> io::Result<()> {
    let Some((parent, last)) = name.split() else {
        return Ok(());
    };
    change(tree, &parent, |folder| folder.remove(last))
}

/// Changes what a directory holds, if it is there, and nothing else of it: its times stay.
fn change(
    tree: &Folder,
    name: &Name,
    change: impl FnOnce(&Folder) -> io::Result<()>,
) -> io::Result<()> {
    let Some(folder) = open(tree, name)? else {
        return Ok(());
    };
    let attributes = folder.attributes()?;
    change(&folder)?;
    folder.set_attributes(&attributes).map(drop)
}

fn explain(what: &str, name: &Name, error: &io::Error) -> Error {
    Error::system(format!("{what} {name} of the layers below"), error)
}
