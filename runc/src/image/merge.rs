//! Laying a layer over those below it, where the system has no overlay file system: what the layer removes
//! is removed, then its files are moved to where they belong.

use super::layer::Changes;
use super::name::Name;
use crate::error::Error;
use crate::system::beneath::{self, Attributes, Folder, Kind};
use std::io;

/// Moves all that `layer` holds into `tree`.
pub fn merge(layer: &Folder, changes: &Changes, tree: &Folder) -> Result<(), Error> {
    for name in &changes.opaque {
        let emptied = open(tree, name).and_then(|folder| folder.map_or(Ok(()), |it| it.clear()));
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
    match tree.open(name.bytes()) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if beneath::is_link_in_path(&error) => Ok(None),
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            _ => Err(error),
        },
    }
}

fn remove(tree: &Folder, name: &Name) -> io::Result<()> {
    let Some((parent, last)) = name.split() else {
        return Ok(());
    };
    open(tree, &parent)?.map_or(Ok(()), |folder| folder.remove(last))
}

fn explain(what: &str, name: &Name, error: &io::Error) -> Error {
    Error::system(format!("{what} {name} of the layers below"), error)
}
