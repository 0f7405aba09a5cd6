//! The command line: what can be asked of runc, and nothing of how it is done.

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

const RUN_EXAMPLES: &str = "\
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

/// Runs containers: each with its own files, processes and hostname, as far as its configuration says so.
#[derive(Parser)]
#[command(
    name = "runc",
    version,
    disable_help_subcommand = true,
    max_term_width = 100
)]
pub struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

/// What runc is to do.
#[derive(Subcommand)]
pub enum Command {
    /// Run a container from a layout file or an OCI bundle, and wait for it
    #[command(after_help = RUN_EXAMPLES)]
    Run(Run),
}

/// `runc run`
#[derive(Args)]
pub struct Run {
    /// Layout file that describes the container
    #[arg(short, long, value_name = "FILE", conflicts_with = "bundle")]
    file: Option<PathBuf>,

    /// OCI bundle: a directory that holds config.json [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,

    /// Print what would be done, one operation a line, and do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Name of the container: letters, digits and _+.-
    #[arg(value_name = "ID")]
    pub id: String,

    /// Command to run instead of the configured one, with its arguments
    #[arg(
        value_name = "COMMAND",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub command: Vec<String>,
}

/// Where a container's configuration comes from.
pub enum Source {
    /// A layout file.
    Layout(PathBuf),
    /// An OCI bundle's directory.
    Bundle(PathBuf),
}

impl Run {
    /// The configuration that the options name.
    pub fn source(&self) -> Source {
        match (&self.file, &self.bundle) {
            (Some(file), _) => Source::Layout(file.clone()),
            (None, Some(directory)) => Source::Bundle(directory.clone()),
            (None, None) => Source::Bundle(PathBuf::new()),
        }
    }
}

/// Parses the command line; a wrong one, or a question for help, ends the program here.
pub fn parse() -> Command {
    CommandLine::parse().command
}
