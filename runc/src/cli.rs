//! The command line: the global options, the table of verbs, and what happens around each of them.
//!
//! A verb is a file in `commands` with its options (`Arguments`), its `EXAMPLES`, and what it does
//! ([`Verb`]); one line in the table below makes it known.

use crate::commands;
use crate::error::Error;
use crate::log::{Format, Log};
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// Manages containers: each with its own files, processes and hostname, as far as its configuration says so.
#[derive(Parser)]
#[command(
    name = "runc",
    version,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "\
EXAMPLES
  Run the OCI bundle in the current directory as the container web, and wait for it:
      runc run web
  See what a command takes, with examples:
      runc run --help"
)]
pub struct CommandLine {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    verb: Command,
}

/// Options of every verb, before it or after it.
#[derive(Args)]
pub struct Global {
    /// Where the state of containers is kept [default: /run/runc]
    #[arg(
        long,
        global = true,
        value_name = "DIR",
        help_heading = "Global options"
    )]
    root: Option<PathBuf>,

    /// Write errors and warnings to a file too
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Global options"
    )]
    log: Option<PathBuf>,

    /// Form of the lines in that file
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        help_heading = "Global options"
    )]
    log_format: Format,

    /// Say every step on the way
    #[arg(long, global = true, help_heading = "Global options")]
    debug: bool,

    /// Accepted for callers that pass it: there are no control groups to manage
    #[arg(long, global = true, hide = true)]
    systemd_cgroup: bool,

    /// Accepted for callers that pass it: only root makes contexts
    #[arg(long, global = true, hide = true, value_name = "WHEN", num_args = 0..=1)]
    rootless: Option<String>,
}

/// What a verb does with its options.
pub trait Verb {
    /// The exit status when runc fails. Those that run a program leave the low ones to it.
    const FAILURE: u8 = 1;

    /// The container that it is about, for messages.
    fn container(&self) -> Option<&str> {
        None
    }

    /// Does it; the exit status of runc.
    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error>;
}

macro_rules! verbs {
    ($($(#[$attribute:meta])* $variant:ident($name:literal, $module:ident),)*) => {
        /// What runc is to do.
        #[derive(Subcommand)]
        enum Command {
            $(
                $(#[$attribute])*
                #[command(name = $name, after_help = commands::$module::EXAMPLES)]
                $variant(commands::$module::Arguments),
            )*
        }

        impl Command {
            fn carry_out(&self, global: &Global, log: &Log) -> u8 {
                match self {
                    $(Self::$variant(arguments) => report($name, arguments, global, log),)*
                }
            }
        }
    };
}

verbs! {
    /// Run a container from a layout file or an OCI bundle, and wait for it
    Run("run", run),
    /// Make bundles of images
    Image("image", image),
}

/// Carries a verb out; what goes wrong is one line with the verb and the container.
fn report<V: Verb>(name: &str, verb: &V, global: &Global, log: &Log) -> u8 {
    match verb.carry_out(global, log) {
        Ok(status) => status,
        Err(error) => {
            let container = verb.container().map(crate::text::quoted);
            let container = container.map_or(String::new(), |id| format!(" {id}"));
            log.error(&format!("{name}{container}: {error}"));
            error.status().unwrap_or(V::FAILURE)
        }
    }
}

/// Parses the command line and does what it asks for. A wrong one, or a question for help, ends the program
/// here.
pub fn run() -> u8 {
    let CommandLine { global, verb } = CommandLine::parse();
    let log = match Log::open(global.log.as_deref(), global.log_format, global.debug) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("runc: {error}");
            return 1;
        }
    };
    verb.carry_out(&global, &log)
}
