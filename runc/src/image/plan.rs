//! What is to be unpacked, known before anything is written.

use super::Options;
use super::descriptor::{Blob, Descriptor};
use super::digest::Digest;
use super::reference::Reference;
use super::select;
use super::store::Store;
use crate::config::value::{Document, Field};
use crate::error::Error;

const CONFIGURATION_TYPES: [&str; 2] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
];
/// The types of layers, and how each is compressed. The types for layers that must not be passed on, and
/// Docker's, hold the same.
const LAYER_TYPES: [(&str, Compression); 10] = [
    ("application/vnd.oci.image.layer.v1.tar", Compression::None),
    (
        "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Gzip,
    ),
    (
        "application/vnd.oci.image.layer.v1.tar+zstd",
        Compression::Zstandard,
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        Compression::None,
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        Compression::Gzip,
    ),
    (
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        Compression::Zstandard,
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar",
        Compression::None,
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
        Compression::Gzip,
    ),
    (
        "application/vnd.docker.image.rootfs.diff.tar.zstd",
        Compression::Zstandard,
    ),
    (
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        Compression::Gzip,
    ),
];
/// Without a limit of the user's a layer may hold this many times the bytes of its blob, ...
const LARGEST_RATIO: u64 = 100;
/// ... and this many more.
const ALWAYS_ALLOWED: u64 = 16 << 20;
/// More layers than an image ever has: file systems stack 500 at most.
const MOST_LAYERS: usize = 500;

/// An image, ready to be unpacked.
pub struct Plan {
    /// From the lowest on.
    pub layers: Vec<Layer>,
    /// The image's configuration.
    pub configuration: Document,
}

/// A layer.
#[derive(Debug)]
pub struct Layer {
    /// As the layout keeps it.
    pub blob: Blob,
    /// What the archive in it must be, decompressed.
    pub content: Digest,
    /// How to come from one to the other.
    pub compression: Compression,
    /// The most that it may decompress to, in bytes.
    pub largest: u64,
}

/// How a layer is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    None,
    Gzip,
    Zstandard,
}

/// Whether a manifest with this configuration is one of an image, and not of something else that a registry
/// keeps.
pub fn is_image(configuration: &Descriptor) -> bool {
    CONFIGURATION_TYPES.contains(&configuration.media_type.as_str())
}

/// Finds the image and lists its layers.
pub fn plan(store: &mut Store, reference: &Reference, options: &Options) -> Result<Plan, Error> {
    let manifest = select::manifest(store, reference)?;
    let root = manifest.root()?;
    if let Some(version) = root.optional("schemaVersion")
        && version.number(u64::MAX)? != 2
    {
        return Err(version.error("version 2 of the manifest is supported"));
    }
    let descriptor = Descriptor::parse(&root.required("config")?)?;
    let configuration = store.read_blob(&descriptor.blob)?;
    let contents = contents(&configuration)?;
    let layers = root.required("layers")?;
    let listed = layers.list()?;
    if listed.len() != contents.len() {
        let message = format!(
            "there are {} layers, and {} according to the configuration",
            listed.len(),
            contents.len()
        );
        return Err(layers.error(&message));
    }
    if listed.len() > MOST_LAYERS {
        return Err(layers.error(&format!("there are more than {MOST_LAYERS} layers")));
    }
    let layers = listed
        .iter()
        .zip(contents)
        .map(|(field, content)| layer(field, content, options))
        .collect::<Result<_, _>>()?;
    Ok(Plan {
        layers,
        configuration,
    })
}

/// The digests of the layers' decompressed contents.
fn contents(configuration: &Document) -> Result<Vec<Digest>, Error> {
    let root = configuration.root()?;
    let rootfs = root.required("rootfs")?.object()?;
    let kind = rootfs.required("type")?;
    if kind.string()? != "layers" {
        return Err(kind.error("expected layers"));
    }
    let digests = rootfs.required("diff_ids")?;
    digests
        .list()?
        .iter()
        .map(|digest| digest.checked(Digest::parse))
        .collect()
}

fn layer(field: &Field<'_>, content: Digest, options: &Options) -> Result<Layer, Error> {
    let descriptor = Descriptor::parse(field)?;
    let media_type = descriptor.media_type.as_str();
    let Some((_, compression)) = LAYER_TYPES.iter().find(|(name, _)| *name == media_type) else {
        let message = format!(
            "a layer of type {} is not supported: expected a tar archive, plain or compressed with gzip or zstd",
            crate::text::quoted(media_type)
        );
        return Err(field.error(&message));
    };
    let by_size = descriptor.blob.size.saturating_mul(LARGEST_RATIO);
    let largest = options
        .largest_layer
        .unwrap_or(by_size.saturating_add(ALWAYS_ALLOWED));
    Ok(Layer {
        blob: descriptor.blob,
        content,
        compression: *compression,
        largest,
    })
}
