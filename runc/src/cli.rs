//! The command line: the global options, the table of verbs, and what happens around each of them.
//!
//! A verb is a file in `commands` with its options (`Arguments`), its `EXAMPLES`, and what it does
//! ([`Verb`]); one line in the table below makes it known.

use crate::commands;
use crate::error::Error;
use crate::log::{Format, Log};
use crate::system::process;
use clap::{Arg, ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsStr;
use std::path::PathBuf;

/// Where the state of containers is kept unless `--root` names another place.
const DEFAULT_ROOT: &str = "/run/runc";

/// What `--version` prints after the name, in the form that container engines read.
const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0");

/// Manages containers: each with its own files, processes and hostname, as far as its configuration says so.
#[derive(Parser)]
#[command(
    name = "runc",
    version = VERSION,
    disable_version_flag = true,
    arg = Arg::new("version")
        .short('v')
        .long("version")
        .action(ArgAction::Version)
        .help("Print the versions of this program and of the runtime specification"),
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

impl Global {
    /// The directory with a folder per container.
    pub fn root(&self) -> PathBuf {
        self.root
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_ROOT))
    }

    /// Whether the user named that directory: one that is missing is an error then.
    pub fn names_root(&self) -> bool {
        self.root.is_some()
    }
}

/// What a verb does with its options.
pub trait Verb {
    /// The exit status when runc fails. Those that run a program leave the low ones to it.
    const FAILURE: u8 = 1;

    /// The container that it is about, for messages.
    fn container(&self) -> Option<&str> {
        None
    }

    /// How many descriptors after standard error it passes on; runc closes the others that it was started with.
    fn inherited(&self) -> u32 {
        0
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
            /// What clap is told of one verb's options, by its name; without the texts of its help.
            fn only(name: &OsStr) -> Option<clap::Command> {
                $(
                    if name == $name {
                        return Some(commands::$module::Arguments::augment_args(clap::Command::new($name)));
                    }
                )*
                None
            }

            fn carry_out(&self, global: &Global) -> u8 {
                match self {
                    $(Self::$variant(arguments) => run_verb($name, arguments, global),)*
                }
            }
        }
    };
}

verbs! {
    /// Make a container, whose program waits for `start`
    Create("create", create),
    /// Start the program of a container that was made
    Start("start", start),
    /// Run a container from a layout file or an OCI bundle, and wait for it
    Run("run", run),
    /// Run a further process in a container
    Exec("exec", exec),
    /// Tell the state of a container
    State("state", state),
    /// List the containers
    List("list", list),
    /// List the processes of a container
    Ps("ps", ps),
    /// Send a signal to a container
    Kill("kill", kill),
    /// Wait until a container has ended
    Wait("wait", wait),
    /// Let a container's processes stand still
    Pause("pause", pause),
    /// Let the processes of a paused container go on
    Resume("resume", resume),
    /// Print what a container has written
    Logs("logs", logs),
    /// Show what a container writes, and write to it
    Attach("attach", attach),
    /// Print what becomes of a container and what it uses
    Events("events", events),
    /// Change the limits of a container: not supported
    Update("update", update),
    /// Remove a container that has ended
    Delete("delete", delete),
    /// Make bundles of images
    Image("image", image),
    /// Write a configuration to start from
    Spec("spec", spec),
    /// Print what of a configuration has an effect
    Features("features", features),
    /// Show what there is to run containers on
    Info("info", info),
    /// Print a script with which a shell completes commands and options
    Completion("completion", completion),
}

/// Carries a verb out; what goes wrong is one line with the verb and the container.
fn run_verb<V: Verb>(name: &str, verb: &V, global: &Global) -> u8 {
    // Nobody who waits for the end of something that runc knows nothing of waits for a container's monitor.
    // Without close_range(2) they stay open, and the program doesn't get them all the same.
    let _ = process::close_others(verb.inherited());
    let log = match Log::open(global.log.as_deref(), global.log_format, global.debug) {
        Ok(log) => log,
        Err(error) => {
            eprintln!("runc: {error}");
            return V::FAILURE;
        }
    };
    match verb.carry_out(global, &log) {
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
    // To describe all verbs to clap takes longer than most of them do: the others are only of interest for messages.
    let CommandLine { global, verb } = parse_one_verb().unwrap_or_else(CommandLine::parse);
    verb.carry_out(&global)
}

/// Parses a right command line, knowing nothing but the verb that seems to be asked for.
fn parse_one_verb() -> Option<CommandLine> {
    let verb = std::env::args_os()
        .skip(1)
        .find_map(|argument| Command::only(&argument))?;
    let mut matches = Global::augment_args(clap::Command::new("runc"))
        .subcommand(verb)
        .try_get_matches()
        .ok()?;
    CommandLine::from_arg_matches_mut(&mut matches).ok()
}

/// The whole command line, for what describes it.
pub fn command() -> clap::Command {
    CommandLine::command()
}
