//! `runc run`

use super::source::SourceOptions;
use crate::cli::{Global, Verb};
use crate::error::{Error, MANAGER_FAILED};
use crate::log::Log;
use crate::{config, execute, plan};
use clap::Args;

pub const EXAMPLES: &str = "\
EXAMPLES
  Run the container that /etc/web.json lays out, under the name web:
      runc run -f /etc/web.json web
  The same with a shell instead of its command:
      runc run -f /etc/web.json web /bin/sh
  Run the OCI bundle in the current directory:
      runc run db
  Show what would be done, without doing it:
      runc run --dry-run --bundle /srv/db db

EXIT STATUS
  The container's; 128 + N if signal N ended it. 127: its program does not exist. 126: its program can't
  be executed. 125: runc failed, and nothing is left behind. 2: the command line is wrong.";

#[derive(Args)]
pub struct Arguments {
    #[command(flatten)]
    source: SourceOptions,

    /// Print what would be done, one operation a line, and do nothing
    #[arg(long)]
    dry_run: bool,

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

    fn carry_out(&self, _global: &Global, log: &Log) -> Result<u8, Error> {
        config::check_id(&self.id)?;
        let loaded = config::load(&self.source.source(), &self.command)?;
        for warning in &loaded.warnings {
            log.warning(warning);
        }
        let plan = plan::plan(&loaded.container);
        if self.dry_run {
            print!("{plan}");
            return Ok(0);
        }
        log.step(|| format!("carry out {} operations", plan.operations.len()));
        execute::run(&plan)
    }
}
