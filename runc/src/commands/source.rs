//! Options that name a container's configuration.

use crate::config::Source;
use clap::Args;
use std::path::PathBuf;

/// A layout file or a bundle.
#[derive(Args)]
pub struct SourceOptions {
    /// Layout file that describes the container
    #[arg(short, long, value_name = "FILE", conflicts_with = "bundle")]
    file: Option<PathBuf>,

    /// OCI bundle: a directory that holds config.json [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

impl SourceOptions {
    /// The configuration that the options name.
    pub fn source(&self) -> Source {
        match (&self.file, &self.bundle) {
            (Some(file), _) => Source::Layout(file.clone()),
            (None, Some(directory)) => Source::Bundle(directory.clone()),
            (None, None) => Source::Bundle(PathBuf::new()),
        }
    }
}
