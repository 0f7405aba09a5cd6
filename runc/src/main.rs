//! runc: manages containers on Gantry.
//!
//! The way of a command: `cli` parses the command line and calls the verb's file in `commands`; `config`
//! reads a layout file or an OCI bundle into a [`config::Container`], `plan` makes of it a list of operations
//! without touching anything, `execute` carries them out, undoing them in reverse when one fails, and `monitor`
//! looks after the container. Other commands find it through `state` and ask its monitor through `client`.
//! `system` alone makes system calls.
#![forbid(unsafe_code)]

mod attach;
mod cli;
mod client;
mod commands;
mod config;
mod error;
mod execute;
mod further_process;
mod image;
mod log;
mod logs;
#[cfg(test)]
mod manual;
mod monitor;
mod plan;
mod processes;
mod protocol;
mod state;
mod system;
mod text;
mod time;

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::run())
}
