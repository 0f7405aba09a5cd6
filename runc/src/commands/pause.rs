//! `runc pause`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::protocol::Request;
use crate::{client, state};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Let all processes of the container web stand still:
      runc pause web";

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
        found.now_made(&store)?;
        match client::ask(&found, Request::Pause)? {
            Some(_) => Ok(0),
            None => Err(Error::new("container not running")),
        }
    }
}
