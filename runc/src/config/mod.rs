//! Configuration files: a layout file or an OCI bundle becomes a [`Container`].

mod container;
mod json;
mod layout;
mod oci;
pub mod path;
pub mod value;
mod words;

pub use oci::template::template;

pub use container::{Container, FileSystem, Limit, Mount, Object, Process, Restrictions, Root};

use crate::error::Error;
use std::path::{Path, PathBuf};
use value::Document;

/// The largest configuration file that is read, in bytes.
const LARGEST_FILE: u64 = 16 << 20;

/// Where a container's configuration comes from.
pub enum Source {
    /// A layout file.
    Layout(PathBuf),
    /// An OCI bundle's directory.
    Bundle(PathBuf),
}

/// A container as its file describes it, and what in the file has no effect.
pub struct Loaded {
    /// The container.
    pub container: Container,
    /// Lines that the user should see, each naming file and field.
    pub warnings: Vec<String>,
}

/// Reads and checks a configuration. A command that isn't empty replaces the configured one.
pub fn load(source: &Source, command: &[String]) -> Result<Loaded, Error> {
    match source {
        Source::Layout(file) => {
            let document = read(file)?;
            let container = layout::parse(&document, command)?;
            Ok(Loaded {
                container,
                warnings: document.into_warnings(),
            })
        }
        Source::Bundle(directory) => {
            let document = read(&directory.join("config.json"))?;
            let container = oci::parse(&document, directory, command)?;
            Ok(Loaded {
                container,
                warnings: document.into_warnings(),
            })
        }
    }
}

/// Checks a container's id: it must be usable as a file name, and mean the same everywhere.
pub fn check_id(id: &str) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte);
    if id.is_empty() {
        return Err(Error::new("the container's id is empty"));
    }
    if id == "." || id == ".." || !id.bytes().all(allowed) {
        return Err(Error::new(
            "an id consists of letters, digits and _+.- and is not . or ..",
        ));
    }
    Ok(())
}

fn read(file: &Path) -> Result<Document, Error> {
    let bytes = crate::system::read_file(file, LARGEST_FILE)
        .map_err(|error| Error::system(file.display(), &error))?;
    Document::parse(file, &bytes)
}
