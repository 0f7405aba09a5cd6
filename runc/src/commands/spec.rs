//! `runc spec`

use crate::cli::{Global, Verb};
use crate::config;
use crate::error::Error;
use crate::log::Log;
use clap::Args;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

pub const EXAMPLES: &str = "\
EXAMPLES
  Make a bundle of a folder with files, and run it:
      mkdir /run/web && cp -r files /run/web/rootfs
      runc spec -b /run/web
      runc run -b /run/web web
  Start a layout file:
      runc spec --layout > web.json";

/// A layout file to start from: a shell in a tree of its own.
const LAYOUT: &str = include_str!("../../examples/layout.json");

#[derive(Args)]
pub struct Arguments {
    /// Directory to write config.json to [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,

    /// Print an example of a layout file instead
    #[arg(long, conflicts_with = "bundle")]
    layout: bool,
}

impl Verb for Arguments {
    fn carry_out(&self, _global: &Global, _log: &Log) -> Result<u8, Error> {
        if self.layout {
            print!("{LAYOUT}");
            return Ok(0);
        }
        let path = self.bundle.clone().unwrap_or_default().join("config.json");
        let failed = |error| Error::system(path.display(), &error);
        let text = format!("{:#}\n", config::template());
        let mut file = File::create_new(&path).map_err(failed)?;
        if let Err(error) = file.write_all(text.as_bytes()) {
            // Half a configuration is none.
            let _ = std::fs::remove_file(&path);
            return Err(failed(error));
        }
        Ok(0)
    }
}
