//! runc: manages containers on Gantry.
//!
//! The way of a command: `cli` parses the command line and calls the verb's file in `commands`; `config`
//! reads a layout file or an OCI bundle into a [`config::Container`], `plan` makes of it a list of operations
//! without touching anything, `execute` carries them out, undoing them in reverse when one fails, and
//! `supervise` looks after the running container. `system` alone makes system calls.
#![forbid(unsafe_code)]

mod cli;
mod commands;
mod config;
mod error;
mod execute;
mod image;
mod log;
mod plan;
mod supervise;
mod system;
mod text;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
