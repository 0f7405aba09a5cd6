//! A layer in the form in which an overlay file system lays it over those below
//! (Documentation/filesystems/overlayfs.rst): what it removes is covered by marks.

use super::layer::Changes;
use super::name::Name;
use crate::error::Error;
use crate::system::beneath::{self, Attributes, Folder, Kind};
use std::io;

/// Marks what an unpacked layer changes in the layers below, which are seen together.
pub fn mark(layer: &Folder, changes: &Changes, below: &Folder) -> Result<(), Error> {
    let marking = Marking {
        layer,
        changes,
        below,
    };
    for name in &changes.implicit {
        let kept = marking.keep_attributes(name);
        kept.map_err(|error| explain("keep the attributes of", name, &error))?;
    }
    for name in &changes.opaque {
        let marked = marking.empty(name);
        marked.map_err(|error| explain("empty", name, &error))?;
    }
    for name in &changes.whiteouts {
        let marked = marking.remove(name);
        marked.map_err(|error| explain("remove", name, &error))?;
    }
    Ok(())
}

struct Marking<'a> {
    layer: &'a Folder,
    changes: &'a Changes,
    below: &'a Folder,
}

impl Marking<'_> {
    /// A directory of which the layer says nothing stays as it is below.
    fn keep_attributes(&self, name: &Name) -> io::Result<()> {
        if let Some(below) = directory(self.below, name)? {
            let attributes = attributes(&below)?;
            self.layer.open(name.bytes())?.set_attributes(&attributes)?;
        }
        Ok(())
    }

    fn empty(&self, name: &Name) -> io::Result<()> {
        if self.is_gone(name) || self.changes.whiteouts.contains(name) {
            return Ok(());
        }
        if directory(self.below, name)?.is_some()
            && let Some(folder) = self.directory(name)?
        {
            folder.mark_opaque()?;
        }
        Ok(())
    }

    fn remove(&self, name: &Name) -> io::Result<()> {
        let Some((parent, last)) = name.split() else {
            return Ok(());
        };
        if self.is_gone(name) {
            return Ok(());
        }
        let Some(below) = directory(self.below, &parent)? else {
            return Ok(());
        };
        let Some(removed) = below.kind(last)? else {
            return Ok(());
        };
        let Some(folder) = self.directory(&parent)? else {
            return Ok(());
        };
        match (folder.kind(last)?, removed) {
            // The layer has a new one.
            (Some(Kind::Folder), Kind::Folder) => folder.open(last)?.mark_opaque(),
            (Some(_), _) => Ok(()),
            (None, _) => {
                let before = folder.attributes()?;
                folder.make_whiteout(last)?;
                folder.set_attributes(&before).map(drop)
            }
        }
    }

    /// Whether nothing of the layers below is seen in the directory that holds this anyway.
    fn is_gone(&self, name: &Name) -> bool {
        let mut above = name.split().map(|(parent, _)| parent);
        while let Some(directory) = above {
            if self.changes.whiteouts.contains(&directory)
                || self.changes.opaque.contains(&directory)
            {
                return true;
            }
            above = directory.split().map(|(parent, _)| parent);
        }
        false
    }

    /// A directory of the layer, made as it is below if the layer doesn't have it; `None` where it has something else.
    fn directory(&self, name: &Name) -> io::Result<Option<Folder>> {
        let mut at = Name::root();
        for part in name.parts() {
            let Some(above) = directory(self.layer, &at)? else {
                return Ok(None);
            };
            at = at.join(part);
            if above.kind(part)?.is_none() {
                let before = above.attributes()?;
                above.make_folder(part)?;
                self.keep_attributes(&at)?;
                above.set_attributes(&before)?;
            }
        }
        directory(self.layer, name)
    }
}

/// A directory of a tree, unless there is something else or nothing.
fn directory(tree: &Folder, name: &Name) -> io::Result<Option<Folder>> {
    beneath::found(tree.open(name.bytes()))
}

/// What a directory has beside its marks.
pub fn attributes(folder: &Folder) -> io::Result<Attributes> {
    let mut attributes = folder.attributes()?;
    attributes
        .extended
        .retain(|(name, _)| !beneath::is_mark(name));
    Ok(attributes)
}

fn explain(what: &str, name: &Name, error: &io::Error) -> Error {
    Error::system(format!("{what} {name} of the layers below"), error)
}
