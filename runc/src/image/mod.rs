//! OCI images: a layout becomes a bundle that `runc run` takes.
//!
//! `reference` names the image, `store` hands out the files of the layout, `select` goes from its index to
//! one manifest, and `plan` says what is to be unpacked and how much of it, before anything is written.
//! Carrying it out: `stream` checks and decompresses a layer on its way, `archive` cuts it into entries,
//! `layer` puts them into a folder of their own, `merge` lays that folder over those below, and
//! `configuration` writes config.json. `bundle` shows the result only once it is whole.

mod archive;
mod bundle;
mod configuration;
mod descriptor;
mod digest;
mod layer;
mod merge;
mod name;
mod plan;
mod reference;
mod select;
mod store;
mod stream;
mod users;

pub use reference::Reference;

use crate::error::Error;
use crate::log::Log;
use crate::system::tree::Tree;
use bundle::Bundle;
use configuration::Image;
use std::path::Path;
use store::Store;
use users::Users;

/// How an image is unpacked.
pub struct Options {
    /// The most that a layer may hold once decompressed, in bytes; `None`: in proportion to its blob.
    pub largest_layer: Option<u64>,
    /// Device nodes are left out instead of being refused.
    pub skip_devices: bool,
}

/// Makes the bundle `target` of an image. On an error there is nothing at `target`.
pub fn unpack(
    reference: &Reference,
    target: &Path,
    options: &Options,
    log: &Log,
) -> Result<(), Error> {
    let mut store = Store::open(&reference.layout)?;
    let plan = plan::plan(&mut store, reference, options)?;
    let bundle = Bundle::begin(target)?;
    for (number, layer) in (1..).zip(&plan.layers) {
        log.step(|| format!("unpack layer {number}, {}", layer.blob.digest));
        let in_layer = |error| Error::new(format!("layer {number}: {error}"));
        let folder = bundle.layer_folder()?;
        let below = bundle.layers_below()?;
        let blob = store.open_blob(&layer.blob).map_err(in_layer)?;
        let changes = stream::read(blob, layer, |archive| {
            layer::unpack(archive, &folder, below.as_ref(), options.skip_devices)
        });
        let changes = changes.map_err(in_layer)?;
        for note in changes.notes() {
            log.warning(&format!("layer {number}: {note}"));
        }
        bundle.add_layer(&folder, &changes).map_err(in_layer)?;
    }
    let users = Users::read(&Tree::new(bundle.root()?.into()))?;
    let image = Image::parse(&plan.configuration, &users)?;
    let mut volumes = Vec::new();
    for (number, path) in (1..).zip(image.volumes()) {
        volumes.push((path.clone(), bundle.add_volume(path, number)?));
    }
    if !image.has_program() {
        log.warning("the image names no program to run: give one to runc run");
    }
    bundle.write_configuration(&image.configuration(&volumes))?;
    bundle.finish()
}
