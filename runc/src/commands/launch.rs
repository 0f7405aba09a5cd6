//! Options of the verbs that make a container.

use super::source::SourceOptions;
use crate::cli::Global;
use crate::config;
use crate::error::Error;
use crate::log::Log;
use crate::monitor::log_file::Limits;
use crate::monitor::{Launch, Mode, NO_PROGRAM, Streaming};
use crate::plan;
use crate::state::Store;
use crate::system::descriptor;
use crate::text;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// What becomes of the program's output.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Inherit,
    Log,
}

/// Options of `create` and `run`.
#[derive(Args)]
pub struct LaunchOptions {
    #[command(flatten)]
    source: SourceOptions,

    /// Print what would be done, one operation a line, and do nothing
    #[arg(long)]
    dry_run: bool,

    /// Send the master of the container's terminal to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// Write the number of the container's first process to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Pass on so many descriptors after standard error, beside those of LISTEN_FDS
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// What becomes of the output: it goes where that of runc goes, or into a log [default: log for run -d, else
    /// inherit]
    #[arg(long, value_name = "WHERE", value_enum)]
    output: Option<Output>,

    /// Keep standard input open for `attach`; with --output log
    #[arg(short, long)]
    interactive: bool,

    /// Size at which the log is rotated
    #[arg(long, value_name = "SIZE", default_value = "1m", value_parser = text::parse_size)]
    log_max_size: u64,

    /// Number of log files that are kept
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    log_max_files: u32,

    /// Accepted for callers that pass it: a container's root is a mount of its own
    #[arg(long, hide = true)]
    no_pivot: bool,

    /// Accepted for callers that pass it: there are no keyrings
    #[arg(long, hide = true)]
    no_new_keyring: bool,
}

/// The descriptors of socket activation that runc was given (sd_listen_fds(3)).
fn listening() -> u32 {
    std::env::var("LISTEN_FDS")
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|count| (1..1024).contains(count))
        .unwrap_or(0)
}

impl LaunchOptions {
    /// How many descriptors after standard error the program gets.
    pub fn inherited(&self) -> u32 {
        self.preserve_fds.saturating_add(listening())
    }

    /// Makes the container, or shows how.
    pub fn launch(
        &self,
        id: &str,
        command: &[String],
        mode: Mode,
        global: &Global,
        log: &Log,
    ) -> Result<u8, Error> {
        config::check_id(id)?;
        let loaded = config::load(&self.source.source(), command)?;
        for warning in &loaded.warnings {
            log.warning(warning);
        }
        if loaded.container.process.arguments.is_empty() && mode != Mode::Create {
            return Err(Error::new(NO_PROGRAM));
        }
        let options = plan::Options {
            preserved: self.inherited(),
            listening: listening(),
        };
        let plan = plan::plan(&loaded.container, &options);
        if self.dry_run {
            print!("{plan}");
            return Ok(0);
        }
        let is_background = !matches!(mode, Mode::Foreground { .. });
        let has_terminal = loaded.container.process.terminal;
        if self.console_socket.is_some() && !(is_background && has_terminal) {
            return Err(Error::new(
                "cannot use console socket if runc will not detach or allocate tty",
            ));
        }
        check_descriptors(options.preserved)?;
        let output = self.output.unwrap_or(match mode {
            Mode::Background => Output::Log,
            Mode::Create if has_terminal => Output::Log,
            _ => Output::Inherit,
        });
        if self.interactive && output == Output::Inherit {
            return Err(Error::new("--interactive takes --output log"));
        }
        let streaming = match output {
            Output::Inherit => Streaming::Inherited,
            Output::Log if !is_background && has_terminal => {
                return Err(Error::new(
                    "a terminal in the foreground isn't logged: run it with --detach",
                ));
            }
            Output::Log => Streaming::Kept(Limits {
                size: self.log_max_size,
                files: self.log_max_files,
            }),
        };
        let launch = Launch {
            id: id.to_owned(),
            loaded,
            plan,
            options,
            mode,
            output: streaming,
            interactive: self.interactive,
            console_socket: self.console_socket.clone(),
            pid_file: self.pid_file.clone(),
        };
        launch.carry_out(&Store::new(global.root()), log)
    }
}

/// The descriptors that a program is to inherit must be there: else it would get what runc opens.
pub fn check_descriptors(preserved: u32) -> Result<(), Error> {
    for offset in 0..preserved {
        let number = offset.saturating_add(3);
        if !i32::try_from(number).is_ok_and(descriptor::is_inheritable) {
            return Err(Error::new(format!(
                "descriptor {number}, which is to be passed on, is not open"
            )));
        }
    }
    Ok(())
}
