//! A bundle on an overlay: a layer of its own over the image's, which it shares with other bundles.

use super::bundle::Bundle;
use super::digest::Digest;
use super::layers::{self, Layers};
use super::overlay;
use super::plan::Layer;
use crate::config::Restrictions;
use crate::error::Error;
use crate::system::beneath::Folder;
use crate::system::layers as mounts;
use crate::system::signals::Interrupt;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

/// What runtimes that don't mount a root of their own are shown.
const PLACE: &[u8] = b"rootfs";
const UPPER: &[u8] = b"upper";
const WORK: &[u8] = b"work";

/// The layers of an image, from the lowest on that is seen.
pub struct Layered<'a> {
    layers: &'a Layers,
    interrupt: &'a Interrupt,
    skip_devices: bool,
    /// The digest of all layers so far.
    chain: Option<Digest>,
    stack: Vec<(String, Folder)>,
}

impl<'a> Layered<'a> {
    /// An image without layers.
    pub fn new(layers: &'a Layers, interrupt: &'a Interrupt, skip_devices: bool) -> Self {
        Self {
            layers,
            interrupt,
            skip_devices,
            chain: None,
            stack: Vec::new(),
        }
    }

    /// Adds a layer; unless it is there already, `unpack` gets an empty folder for it and the layers below, as they are
    /// seen together.
    pub fn add(
        &mut self,
        layer: &Layer,
        unpack: impl FnOnce(&Folder, Option<&Folder>) -> Result<super::layer::Changes, Error>,
    ) -> Result<(), Error> {
        let content = &layer.content;
        let chain = match &self.chain {
            None => content.clone(),
            Some(below) => Digest::of(&format!("{below} {content}")),
        };
        let mut name = chain.path();
        if self.skip_devices {
            name.push_str("-without-devices");
        }
        self.chain = Some(chain);
        let folder = match self.layers.find(&name)? {
            Some(folder) => folder,
            None => self.layers.add(&name, self.interrupt, |folder| {
                let below = self.view().map_err(|error| failure(&error))?;
                let changes = unpack(folder, below.as_ref())?;
                let Some(below) = &below else {
                    return Ok(());
                };
                overlay::mark(folder, &changes, below)?;
                if changes.opaque.iter().any(super::name::Name::is_root) {
                    folder.mark_opaque().map_err(|error| failure(&error))?;
                }
                Ok(())
            })?,
        };
        // An overlay file system doesn't ask its roots for marks.
        if folder.is_opaque().map_err(|error| failure(&error))? {
            self.stack.clear();
        }
        self.stack.push((name, folder));
        Ok(())
    }

    /// The layers so far, as they are seen together; `None`: there are none.
    fn view(&self) -> io::Result<Option<Folder>> {
        match self.stack.as_slice() {
            [] => Ok(None),
            [(_, only)] => only.open(b"").map(Some),
            _ => mounts::mount_open(&self.lowers(), None, Restrictions::default())
                .map(|mount| Some(Folder::of(mount))),
        }
    }

    /// The layers from the uppermost on.
    fn lowers(&self) -> Vec<&Folder> {
        self.stack.iter().rev().map(|(_, folder)| folder).collect()
    }

    /// The names of the layers, from the uppermost on.
    pub fn names(&self) -> Vec<String> {
        self.stack
            .iter()
            .rev()
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Makes the bundle's own layer, and gives the root as a container will see it.
    pub fn finish(&self, bundle: &Bundle) -> Result<Folder, Error> {
        self.make_upper(bundle).map_err(|error| failure(&error))
    }

    fn make_upper(&self, bundle: &Bundle) -> io::Result<Folder> {
        let folder = bundle.folder();
        for name in [PLACE, UPPER, WORK] {
            folder.make_folder(name)?;
        }
        let upper = folder.open(UPPER)?;
        if let Some((_, top)) = self.stack.last() {
            upper.set_attributes(&overlay::attributes(top)?)?;
        }
        let upper: [OwnedFd; 2] = [upper.into(), folder.open(WORK)?.into()];
        let upper = upper.each_ref();
        let mount = mounts::mount_open(&self.lowers(), Some(upper), Restrictions::default())?;
        Ok(Folder::of(mount))
    }

    /// The options of the mount that is the root of the bundle at `target`.
    pub fn options(&self, target: &Path) -> Result<Vec<String>, Error> {
        let target =
            layers::absolute(target).map_err(|error| Error::system(target.display(), &error))?;
        let escaped = |path: &Path| layers::path_text(path).map(escaped);
        let lowers = self
            .stack
            .iter()
            .rev()
            .map(|(name, _)| escaped(&self.layers.path_of(name)))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(vec![
            format!("lowerdir={}", lowers.join(":")),
            format!("upperdir={}", escaped(&target.join("upper"))?),
            format!("workdir={}", escaped(&target.join("work"))?),
        ])
    }
}

/// A path as it stands in the options of a mount.
fn escaped(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for character in path.chars() {
        if matches!(character, ':' | ',' | '\\') {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

fn failure(error: &io::Error) -> Error {
    let hint = "(--merge does without an overlay)";
    Error::system(format!("lay layers upon each other {hint}"), error)
}
