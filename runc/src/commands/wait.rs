//! `runc wait`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::state;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Wait until the container web has ended, and print its exit status:
      runc wait web

EXIT STATUS
  The container's, which is printed too; 128 + N if signal N ended it. 125: there is no such container.";

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
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        let exit = found.wait(&store)?;
        println!("{}", exit.status);
        Ok(exit.status)
    }
}
