//! `runc state`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::state;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Tell everything about the container web, as JSON:
      runc state web

EXIT STATUS
  0: there is such a container. 1: there is none.";

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
        println!("{:#}", found.state(&store)?);
        Ok(0)
    }
}
