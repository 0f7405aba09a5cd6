//! Configuration files: a layout file or an OCI bundle becomes a [`Container`].

pub mod capabilities;
mod container;
mod hooks;
mod json;
mod layout;
mod oci;
pub mod path;
pub mod value;
mod words;

pub use oci::features::features;
pub use oci::template::template;

pub use capabilities::{Capabilities, CapabilitySet};
pub use container::{
    AccessTimes, Container, FileSystem, Layers, Limit, Mount, Object, Process, Restrictions, Root,
    Scheduling, Upper,
};
pub use hooks::{Hook, Hooks};
pub use path::inside as path_inside;

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

/// The form of a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A layout file.
    Layout,
    /// config.json of an OCI bundle.
    Bundle,
}

/// A container as its file describes it, and what in the file has no effect.
pub struct Loaded {
    /// The container.
    pub container: Container,
    /// Lines that the user should see, each naming file and field.
    pub warnings: Vec<String>,
    /// The form of the file.
    pub form: Form,
    /// The directory that the file is in, where relative paths start.
    pub directory: PathBuf,
    /// The file.
    pub text: Vec<u8>,
}

/// Reads and checks a configuration. A command that isn't empty replaces the configured one.
pub fn load(source: &Source, command: &[String]) -> Result<Loaded, Error> {
    let (form, file, directory) = match source {
        Source::Layout(file) => {
            let directory = file.parent().unwrap_or(Path::new("")).to_owned();
            (Form::Layout, file.clone(), directory)
        }
        Source::Bundle(directory) => (
            Form::Bundle,
            directory.join("config.json"),
            directory.clone(),
        ),
    };
    let text = crate::system::read_file(&file, LARGEST_FILE)
        .map_err(|error| Error::system(file.display(), &error))?;
    parse(form, &file, directory, text, command)
}

/// Checks a configuration whose text was read before.
pub fn parse(
    form: Form,
    file: &Path,
    directory: PathBuf,
    text: Vec<u8>,
    command: &[String],
) -> Result<Loaded, Error> {
    let document = Document::parse(file, &text)?;
    let container = match form {
        Form::Layout => layout::parse(&document, command)?,
        Form::Bundle => oci::parse(&document, &directory, command)?,
    };
    Ok(Loaded {
        container,
        warnings: document.into_warnings(),
        form,
        directory,
        text,
    })
}

/// Reads and checks a file that holds the member `process` of a config.json.
pub fn load_process(file: &Path) -> Result<(Process, bool, Vec<String>), Error> {
    let text = crate::system::read_file(file, LARGEST_FILE)
        .map_err(|error| Error::system(file.display(), &error))?;
    let document = Document::parse(file, &text)?;
    let (process, jail) = oci::parse_process(&document)?;
    Ok((process, jail, document.into_warnings()))
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
