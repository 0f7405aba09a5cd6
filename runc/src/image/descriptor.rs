//! Descriptors (image-spec descriptor.md): what refers to a blob says its type, its size and its digest.

use super::digest::Digest;
use crate::config::value::{Field, Object};
use crate::error::Error;

/// The annotation that names an image in a layout.
const REFERENCE_NAME: &str = "org.opencontainers.image.ref.name";

/// A reference to a blob.
#[derive(Debug, Clone)]
pub struct Descriptor {
    /// What it says that the blob is.
    pub media_type: String,
    /// The blob.
    pub blob: Blob,
    /// What an image is for, where the descriptor says so: system, architecture, variant.
    pub platform: Option<Platform>,
    /// Its name in the layout.
    pub name: Option<String>,
}

/// Content by its digest.
#[derive(Debug, Clone)]
pub struct Blob {
    /// The digest of all of it.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
}

/// What an image runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Platform {
    /// The operating system.
    pub system: String,
    /// The processor architecture.
    pub architecture: String,
}

impl Platform {
    /// Reads the members that a descriptor's platform and an image's configuration have in common.
    pub fn parse(object: &Object<'_>) -> Result<Self, Error> {
        Ok(Self {
            system: object.required("os")?.string()?.to_owned(),
            architecture: object.required("architecture")?.string()?.to_owned(),
        })
    }

    /// Whether it is the one that we run.
    pub fn is_ours(&self) -> bool {
        self.system == "linux" && self.architecture == "arm64"
    }
}

impl Descriptor {
    /// Reads a descriptor. Unknown members don't matter (image-spec, "Extensibility").
    pub fn parse(field: &Field<'_>) -> Result<Self, Error> {
        let object = field.object()?;
        let media_type = object.required("mediaType")?.nonempty_string()?.to_owned();
        let digest = object.required("digest")?.checked(Digest::parse)?;
        let size = object.required("size")?.number(i64::MAX as u64)?;
        let platform = object
            .optional("platform")
            .map(|platform| Platform::parse(&platform.object()?))
            .transpose()?;
        let mut name = None;
        if let Some(annotations) = object.optional("annotations") {
            for (key, value) in annotations.object()?.entries() {
                if key == REFERENCE_NAME {
                    name = Some(value.string()?.to_owned());
                }
            }
        }
        Ok(Self {
            media_type,
            blob: Blob { digest, size },
            platform,
            name,
        })
    }
}
