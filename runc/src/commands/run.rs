//! `runc run`

use super::launch::LaunchOptions;
use crate::cli::{Global, Verb};
use crate::error::{Error, MANAGER_FAILED};
use crate::log::Log;
use crate::monitor::Mode;
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Run the container that /etc/web.json lays out, under the name web:
      runc run -f /etc/web.json web
  The same with a shell instead of its command:
      runc run -f /etc/web.json web /bin/sh
  Run the OCI bundle in the current directory in the background, and read what it writes:
      runc run -d db
      runc logs -f db
  Show what would be done, without doing it:
      runc run --dry-run --bundle /srv/db db

EXIT STATUS
  The container's; 128 + N if signal N ended it. 127: its program does not exist. 126: its program can't
  be executed. 125: runc failed, and nothing is left behind. 2: the command line is wrong.";

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    options: LaunchOptions,

    /// Return as soon as the program runs; the container stays until it is deleted
    #[arg(short, long)]
    detach: bool,

    /// Don't delete the container when it has ended
    #[arg(long)]
    keep: bool,

    /// Accepted for callers that pass it: the monitor waits for every process
    #[arg(long, hide = true)]
    no_subreaper: bool,

    /// Name of the container: letters, digits and _+.-
    #[arg(value_name = "ID")]
    id: String,

    /// Command to run instead of the configured one, with its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

impl Verb for Arguments {
    const FAILURE: u8 = MANAGER_FAILED;

    fn container(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn inherited(&self) -> u32 {
        self.options.inherited()
    }

    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error> {
        let mode = if self.detach {
            Mode::Background
        } else {
            Mode::Foreground { keep: self.keep }
        };
        self.options
            .launch(&self.id, &self.command, mode, global, log)
    }
}
