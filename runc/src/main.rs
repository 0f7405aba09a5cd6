//! runc: runs containers on Gantry.
//!
//! The way of a command: `cli` parses the command line, `config` reads a layout file or an OCI bundle
//! into a [`config::Container`], `plan` makes of it a list of operations without touching anything,
//! `execute` carries them out, undoing them in reverse when one fails, and `supervise` looks after the
//! running container. `system` alone makes system calls.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod error;
mod execute;
mod plan;
mod supervise;
mod system;
mod text;

use error::Error;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli::Command::Run(arguments) = cli::parse();
    match run(&arguments) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("runc: run {}: {error}", text::quoted(&arguments.id));
            ExitCode::from(error.status())
        }
    }
}

/// `runc run`: the container's exit status.
fn run(arguments: &cli::Run) -> Result<u8, Error> {
    config::check_id(&arguments.id)?;
    let loaded = config::load(&arguments.source(), &arguments.command)?;
    for warning in &loaded.warnings {
        eprintln!("runc: warning: {warning}");
    }
    let plan = plan::plan(&loaded.container);
    if arguments.dry_run {
        print!("{plan}");
        return Ok(0);
    }
    execute::run(&plan)
}
