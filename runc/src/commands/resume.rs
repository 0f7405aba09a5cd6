//! `runc resume`

use crate::cli::{Global, Verb};
use crate::client;
use crate::error::Error;
use crate::log::Log;
use crate::protocol::Request;
use crate::state::Store;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Let the processes of a paused container go on:
      runc resume web";

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
        client::order(&Store::new(global.root()), &self.id, Request::Resume)?;
        Ok(0)
    }
}
