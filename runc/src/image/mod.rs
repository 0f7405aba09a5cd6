//! OCI images: a layout becomes a bundle that `runc run` takes.
//!
//! `reference` names the image, `store` hands out the files of the layout, `select` goes from its index to
//! one manifest, and `plan` says what is to be unpacked and how much of it, before anything is written.
//! Carrying it out: `stream` checks and decompresses a layer on its way, `archive` cuts it into entries,
//! `layer` puts them into a folder of their own. For a bundle on an overlay that folder is in `layers`, where other
//! bundles find it, marked by `overlay`, and `layered` puts the bundle's own layer over it; else `merge` moves it into
//! one root with those below. `configuration` writes config.json. `bundle` shows the result only once it is whole.

mod archive;
mod bundle;
mod configuration;
mod descriptor;
mod digest;
mod draft;
mod layer;
mod layered;
mod layers;
mod merge;
mod name;
mod overlay;
mod plan;
mod reference;
mod select;
mod store;
mod stream;
mod users;

pub use layers::Layers;
pub use reference::Reference;

use crate::error::Error;
use crate::log::Log;
use crate::system::beneath::Folder;
use crate::system::layers as mounts;
use crate::system::signals::Interrupt;
use crate::system::tree::Tree;
use bundle::Bundle;
use configuration::Image;
use layer::Changes;
use layered::Layered;
use merge::Merged;
use plan::{Layer, Plan};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use store::Store;
use users::Users;

/// How an image is unpacked.
pub struct Options {
    /// The most that a layer may hold once decompressed, in bytes; `None`: in proportion to its blob.
    pub largest_layer: Option<u64>,
    /// Device nodes are left out instead of being refused.
    pub skip_devices: bool,
    /// The layers become one directory.
    pub merge: bool,
    /// Where layers are kept.
    pub layers: PathBuf,
}

/// Makes the bundle `target` of an image. On an error there is nothing at `target`, nor after a signal that ends runc.
pub fn unpack(
    reference: &Reference,
    target: &Path,
    options: &Options,
    log: &Log,
) -> Result<(), Error> {
    let mut store = Store::open(&reference.layout)?;
    let plan = plan::plan(&mut store, reference, options)?;
    let interrupt =
        Interrupt::put_off().map_err(|error| Error::system("put signals off", &error))?;
    let mut unpacking = Unpacking {
        store,
        plan,
        options,
        interrupt: &interrupt,
        log,
    };
    // An overlay of no layers is none.
    if options.merge || unpacking.plan.layers.is_empty() || !mounts::has_overlay() {
        unpacking.merge(target)
    } else {
        unpacking.lay(target, &reference.to_string())
    }
}

/// An image that is being unpacked.
struct Unpacking<'a> {
    store: Store,
    plan: Plan,
    options: &'a Options,
    interrupt: &'a Interrupt,
    log: &'a Log,
}

impl Unpacking<'_> {
    /// Makes a bundle whose root is one directory.
    fn merge(&mut self, target: &Path) -> Result<(), Error> {
        let bundle = Bundle::begin(target)?;
        let mut merged = Merged::new(&bundle);
        for (number, layer) in (1..).zip(std::mem::take(&mut self.plan.layers)) {
            merged
                .add(|folder, below| self.unpack(number, &layer, folder, below))
                .map_err(|error| in_layer(number, &error))?;
        }
        let root = merged.finish()?;
        self.finish(bundle, root, None)
    }

    /// Makes a bundle whose root is a layer of its own over those of the image.
    fn lay(&mut self, target: &Path, image: &str) -> Result<(), Error> {
        let layers = Layers::open(&self.options.layers)?;
        layers.hold(self.interrupt)?;
        // What killed processes have left goes.
        layers.users()?;
        let bundle = Bundle::begin(target)?;
        layers.note(target, image, &[])?;
        let mut layered = Layered::new(&layers, self.interrupt, self.options.skip_devices);
        for (number, layer) in (1..).zip(std::mem::take(&mut self.plan.layers)) {
            layered
                .add(&layer, |folder, below| {
                    self.unpack(number, &layer, folder, below)
                })
                .map_err(|error| in_layer(number, &error))?;
        }
        layers.note(target, image, &layered.names())?;
        let root = layered.finish(&bundle)?;
        self.finish(bundle, root, Some(layered.options(target)?))
    }

    /// Unpacks a layer into an empty folder.
    fn unpack(
        &mut self,
        number: usize,
        layer: &Layer,
        folder: &Folder,
        below: Option<&Folder>,
    ) -> Result<Changes, Error> {
        self.log
            .step(|| format!("unpack layer {number}, {}", layer.blob.digest));
        let blob = Interruptible {
            source: self.store.open_blob(&layer.blob)?,
            interrupt: self.interrupt,
        };
        let skip_devices = self.options.skip_devices;
        let changes = stream::read(blob, layer, |archive| {
            layer::unpack(archive, folder, below, skip_devices)
        })?;
        for note in changes.notes() {
            self.log.warning(&format!("layer {number}: {note}"));
        }
        Ok(changes)
    }

    /// Writes the configuration of a bundle with this root, mounted with these options if it is an overlay.
    fn finish(
        &self,
        bundle: Bundle,
        root: Folder,
        overlay: Option<Vec<String>>,
    ) -> Result<(), Error> {
        let failed = |error: io::Error| bundle.failure("the root", &error);
        let users = Users::read(&Tree::new(root.open(b"").map_err(failed)?.into()))?;
        let image = Image::parse(&self.plan.configuration, &users)?;
        let mut volumes = Vec::new();
        for (number, path) in (1..).zip(image.volumes()) {
            volumes.push((path.clone(), bundle.add_volume(&root, path, number)?));
        }
        if !image.has_program() {
            self.log
                .warning("the image names no program to run: give one to runc run");
        }
        // Its working directory is about to be moved.
        drop(root);
        bundle.write_configuration(&image.configuration(&volumes, overlay))?;
        self.interrupt.check().map_err(failed)?;
        bundle.finish()
    }
}

fn in_layer(number: usize, error: &Error) -> Error {
    Error::new(format!("layer {number}: {error}"))
}

/// A reader that ends with an error after a signal.
struct Interruptible<'a, R> {
    source: R,
    interrupt: &'a Interrupt,
}

impl<R: Read> Read for Interruptible<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupt.check()?;
        self.source.read(buffer)
    }
}
