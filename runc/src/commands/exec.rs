//! `runc exec`

use super::launch::check_descriptors;
use crate::cli::{Global, Verb};
use crate::config::{self, Container, Process};
use crate::error::{Error, MANAGER_FAILED};
use crate::further_process::{self, Options};
use crate::log::Log;
use crate::plan;
use crate::state::{self, Status};
use crate::text;
use clap::Args;
use std::path::PathBuf;

pub const EXAMPLES: &str = "\
EXAMPLES
  Run a shell in the container web, on a terminal:
      runc exec -t web /bin/sh
  Run a command as another user, elsewhere, with a variable more:
      runc exec --user 33:33 --cwd /srv --env MODE=test web make check
  Look at network sockets with a capability that the container lacks:
      runc exec --cap CAP_NET_RAW web ping -c 1 localhost
  Start a process and leave it there:
      runc exec --detach --pid-file /run/cron.pid web crond -f

EXIT STATUS
  The command's; 128 + N if signal N ended it. 127: it does not exist. 126: it can't be executed. 125: runc
  failed. 2: the command line is wrong.";

#[derive(Args)]
pub struct Arguments {
    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// Don't wait for it
    #[arg(short, long)]
    detach: bool,

    /// Its working directory in the container
    #[arg(long, value_name = "DIR")]
    cwd: Option<String>,

    /// A variable of its environment, beside those of the container
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Its user, and its group after a colon, by number
    #[arg(short, long, value_name = "UID[:GID]")]
    user: Option<String>,

    /// A group that it is a member of too, by number
    #[arg(short = 'g', long, value_name = "GID")]
    additional_gids: Vec<u32>,

    /// Exec gives it no privilege
    #[arg(long)]
    no_new_privs: bool,

    /// A capability that it has beside those of the container
    #[arg(short, long = "cap", value_name = "CAP_NAME")]
    capabilities: Vec<String>,

    /// The process as a file, in the form of the member `process` of config.json
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["command", "cwd", "env", "user"])]
    process: Option<PathBuf>,

    /// Write its number to this file
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,

    /// Send the master of its terminal to this socket
    #[arg(long, value_name = "SOCKET")]
    console_socket: Option<PathBuf>,

    /// Pass on so many descriptors after standard error
    #[arg(long, value_name = "N", default_value_t = 0)]
    preserve_fds: u32,

    /// Start it in a paused container too; it stands still until that is resumed
    #[arg(long)]
    ignore_paused: bool,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,

    /// The command with its arguments
    #[arg(
        value_name = "COMMAND",
        required_unless_present = "process",
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
        self.preserve_fds
    }

    fn carry_out(&self, global: &Global, log: &Log) -> Result<u8, Error> {
        let store = state::Store::new(global.root());
        let found = state::find(&store, &self.id)?;
        match found.now_made(&store)?.status {
            Status::Running => {}
            Status::Paused if self.ignore_paused => {}
            Status::Paused => {
                return Err(Error::new(
                    "cannot exec in a paused container (use --ignore-paused to override)",
                ));
            }
            Status::Created => {
                return Err(Error::new(
                    "container not running: its program has to be started first (runc start)",
                ));
            }
            Status::Creating | Status::Stopped => return Err(Error::new("container not running")),
        }
        let record = found
            .record()?
            .ok_or_else(|| Error::new("container not running"))?;
        let mut configuration = further_process::configuration(&store, &found, &record)?;
        self.adapt(&mut configuration, log)?;
        let has_terminal = configuration.process.terminal;
        if has_terminal && self.detach && self.console_socket.is_none() {
            return Err(Error::new(
                "cannot allocate tty if runc will detach without setting console socket",
            ));
        }
        if self.console_socket.is_some() && !(has_terminal && self.detach) {
            return Err(Error::new(
                "cannot use console socket if runc will not detach or allocate tty",
            ));
        }
        check_descriptors(self.preserve_fds)?;
        let options = Options {
            plan: plan::Options {
                preserved: self.preserve_fds,
                listening: 0,
            },
            detach: self.detach,
            console_socket: self.console_socket.as_deref(),
            pid_file: self.pid_file.as_deref(),
        };
        further_process::run(&found, &configuration, &options, log)
    }
}

impl Arguments {
    /// Makes the container's process the one that was asked for.
    fn adapt(&self, configuration: &mut Container, log: &Log) -> Result<(), Error> {
        if let Some(file) = &self.process {
            let (process, jail, warnings) = config::load_process(file)?;
            for warning in &warnings {
                log.warning(warning);
            }
            configuration.process = process;
            // Whatever the file asks for, a jailed container stays one.
            configuration.jail |= jail;
        } else {
            let process = &mut configuration.process;
            process.arguments.clone_from(&self.command);
            process.terminal = false;
            process.terminal_size = None;
            for variable in &self.env {
                let Some((name, _)) = variable
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                else {
                    return Err(Error::new("--env takes NAME=VALUE"));
                };
                let has_name = |known: &String| {
                    known
                        .strip_prefix(name)
                        .is_some_and(|rest| rest.starts_with('='))
                };
                process.environment.retain(|known| !has_name(known));
                process.environment.push(variable.clone());
            }
            if let Some(path) = &self.cwd {
                let path = config::path_inside(path)
                    .map_err(|message| Error::new(format!("--cwd: {message}")))?;
                process.working_directory = Some(path);
            }
            if let Some(text) = &self.user {
                let (user, group) = text.split_once(':').unwrap_or((text, ""));
                let number = |text: &str| {
                    text.parse::<u32>()
                        .ok()
                        .filter(|number| *number != u32::MAX)
                        .ok_or_else(|| Error::new("--user takes numbers, as 33 or 33:33"))
                };
                process.user = number(user)?;
                if !group.is_empty() {
                    process.group = number(group)?;
                }
                process.set_identity = true;
                // HOME of the user that the container runs as is not this one's.
                process
                    .environment
                    .retain(|known| !known.starts_with("HOME="));
            }
        }
        let process = &mut configuration.process;
        process.terminal |= self.tty;
        process.additional_groups.extend(&self.additional_gids);
        process.set_identity |= !self.additional_gids.is_empty();
        process.no_new_privileges |= self.no_new_privs;
        self.grant(process, log)
    }

    /// Gives the process the capabilities that were asked for: so that it has them whoever it runs as, another
    /// user than 0 gets them as ambient ones.
    fn grant(&self, process: &mut Process, log: &Log) -> Result<(), Error> {
        if self.capabilities.is_empty() {
            return Ok(());
        }
        let Some(sets) = &mut process.capabilities else {
            return Err(Error::new(
                "--cap: the container was made from a layout file, and has its caller's capabilities",
            ));
        };
        let mut wanted = vec![&mut sets.bounding, &mut sets.effective, &mut sets.permitted];
        if process.user != 0 {
            wanted.extend([&mut sets.inheritable, &mut sets.ambient]);
        }
        let mut unknown = Vec::new();
        for name in &self.capabilities {
            let is_known = wanted.iter_mut().all(|set| set.insert(name));
            if !is_known {
                unknown.push(text::shown(name));
            }
        }
        if !unknown.is_empty() {
            log.warning(&format!(
                "ignoring unknown or unavailable capabilities: [{}]",
                unknown.join(" ")
            ));
        }
        Ok(())
    }
}
