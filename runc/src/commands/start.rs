//! `runc start`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::protocol::Request;
use crate::{client, state};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Start the program of a container that `runc create` has made:
      runc start web

EXIT STATUS
  0: the program runs. 127: it does not exist. 126: it can't be executed. 1: anything else failed.";

#[derive(Args)]
pub struct Arguments {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        let now = found.now_made(&store)?;
        match client::ask(&found, Request::Start)? {
            Some(_) => Ok(0),
            None => Err(Error::new(format!(
                "cannot start a container that is {}",
                match found.now(&store) {
                    Ok(now) => now.status.name(),
                    Err(_) => now.status.name(),
                }
            ))),
        }
    }
}
