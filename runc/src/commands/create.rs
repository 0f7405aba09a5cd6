//! `runc create`

use super::launch::LaunchOptions;
use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::monitor::Mode;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Make the container web from the OCI bundle in /srv/web, then start its program:
      runc create --bundle /srv/web web
      runc start web
  Make one from a layout file, and keep what it writes:
      runc create -f /etc/web.json --output log web

EXIT STATUS
  0: it is made. 1: it is not, and nothing is left behind. 2: the command line is wrong.";

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: LaunchOptions,

    /// Name of the container: letters, digits and _+.-
    #[arg(value_name = "ID")]
    id: String,
}

impl Verb for Arguments {
    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn inherited(&self) -> u32 {
        self.options.inherited()
    }

    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error> {
        self.options
            .launch(&self.id, &[], Mode::Create, global, log)
    }
}
