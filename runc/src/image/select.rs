//! From a layout's index to the one manifest that is meant.

use super::descriptor::{Descriptor, Platform};
use super::reference::Reference;
use super::store::Store;
use crate::config::value::{Document, Object};
use crate::error::Error;
use crate::text::quoted;
use std::collections::BTreeSet;

const INDEX_TYPES: [&str; 2] = [
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];
const MANIFEST_TYPES: [&str; 2] = [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
];
/// Indexes that refer to indexes are followed this far.
const DEEPEST: usize = 4;
/// The most documents that are read on the way.
const MOST_DOCUMENTS: usize = 64;

/// The manifest of the image: by its name, if there is one, and by our platform.
pub fn manifest(store: &mut Store, reference: &Reference) -> Result<Document, Error> {
    let index = store.read_index()?;
    let found = descriptors(&index.root()?)?;
    let named = named(found, reference, &index)?;
    let mut search = Search {
        store,
        documents: 0,
        others: BTreeSet::new(),
    };
    if let Some(manifest) = search.first(&named, DEEPEST)? {
        return Ok(manifest);
    }
    let others: Vec<_> = search.others.into_iter().collect();
    let message = if others.is_empty() {
        "there is no image in it, only something else".to_owned()
    } else {
        format!(
            "the image is for {}, not for linux/arm64",
            others.join(", ")
        )
    };
    Err(index.root()?.error(&message))
}

fn descriptors(index: &Object<'_>) -> Result<Vec<Descriptor>, Error> {
    let manifests = index.required("manifests")?;
    manifests.list()?.iter().map(Descriptor::parse).collect()
}

/// Those with the right name. Without one all have to mean the same image.
fn named(
    found: Vec<Descriptor>,
    reference: &Reference,
    index: &Document,
) -> Result<Vec<Descriptor>, Error> {
    let names: BTreeSet<_> = found
        .iter()
        .filter_map(|descriptor| descriptor.name.clone())
        .collect();
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    let names = names.join(", ");
    let Some(tag) = &reference.tag else {
        return match names.contains(", ") {
            true => {
                let message =
                    format!("there are several images, put :TAG behind the layout: {names}");
                Err(index.root()?.error(&message))
            }
            false => Ok(found),
        };
    };
    let chosen: Vec<_> = found
        .into_iter()
        .filter(|descriptor| descriptor.name.as_ref() == Some(tag))
        .collect();
    if !chosen.is_empty() {
        return Ok(chosen);
    }
    let rest = match names.as_str() {
        "" => "its images have no names".to_owned(),
        names => format!("there is {names}"),
    };
    let message = format!("there is no image {}: {rest}", quoted(tag));
    Err(index.root()?.error(&message))
}

struct Search<'a> {
    store: &'a mut Store,
    documents: usize,
    /// Platforms that were seen and aren't ours.
    others: BTreeSet<String>,
}

impl Search<'_> {
    /// The first manifest that fits, in the order of the lists.
    fn first(
        &mut self,
        descriptors: &[Descriptor],
        depth: usize,
    ) -> Result<Option<Document>, Error> {
        for descriptor in descriptors {
            if let Some(platform) = &descriptor.platform
                && !self.fits(platform)
            {
                continue;
            }
            let media_type = descriptor.media_type.as_str();
            let is_index = INDEX_TYPES.contains(&media_type);
            if !is_index && !MANIFEST_TYPES.contains(&media_type) {
                continue;
            }
            let document = self.read(descriptor)?;
            if is_index {
                let inner = descriptors_below(&document, depth)?;
                if let Some(found) = self.first(&inner, depth - 1)? {
                    return Ok(Some(found));
                }
            } else if self.is_for_us(&document)? {
                return Ok(Some(document));
            }
        }
        Ok(None)
    }

    fn fits(&mut self, platform: &Platform) -> bool {
        if platform.is_ours() {
            return true;
        }
        // Attestations are listed as images for nothing.
        if platform.system != "unknown" {
            let name = format!("{}/{}", platform.system, platform.architecture);
            self.others.insert(crate::text::shown(&name));
        }
        false
    }

    /// A manifest says what it is for by its configuration, if that is an image's.
    fn is_for_us(&mut self, manifest: &Document) -> Result<bool, Error> {
        let configuration = Descriptor::parse(&manifest.root()?.required("config")?)?;
        if !super::plan::is_image(&configuration) {
            return Ok(false);
        }
        let document = self.read(&configuration)?;
        let platform = Platform::parse(&document.root()?)?;
        Ok(self.fits(&platform))
    }

    fn read(&mut self, descriptor: &Descriptor) -> Result<Document, Error> {
        self.documents += 1;
        if self.documents > MOST_DOCUMENTS {
            let message = format!("the index leads to more than {MOST_DOCUMENTS} documents");
            return Err(Error::new(message));
        }
        self.store.read_blob(&descriptor.blob)
    }
}

fn descriptors_below(index: &Document, depth: usize) -> Result<Vec<Descriptor>, Error> {
    let root = index.root()?;
    if depth == 0 {
        return Err(root.error("indexes refer to indexes more than four times over"));
    }
    descriptors(&root)
}
