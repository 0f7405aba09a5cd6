//! `runc attach`

use crate::attach::{End, attach};
use crate::cli::{Global, Verb};
use crate::client;
use crate::error::Error;
use crate::log::Log;
use crate::protocol::Request;
use crate::state::Store;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  See what the container web writes from now on; Ctrl-C leaves it running:
      runc attach web
  Talk to a program on a terminal in the background; Ctrl-P Ctrl-Q leaves it running:
      runc run -d shell
      runc attach shell

EXIT STATUS
  The container's if it ends; 0 if you leave before. 125: runc failed.";

#[derive(Args)]
pub struct Arguments {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Verb for Arguments {
    const FAILURE: u8 = crate::error::MANAGER_FAILED;

    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let store = Store::new(global.root());
        let (found, reply) = client::order(&store, &self.id, Request::Attach)?;
        match attach(reply)? {
            End::Ended(exit) => Ok(exit.status),
            End::Detached => Ok(0),
            End::Gone => Ok(found.wait(&store)?.status),
        }
    }
}
