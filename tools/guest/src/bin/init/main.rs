//! The first process of the initramfs: mounts what every system has, and the data partition if the kernel's command line
//! names one, then runs a shell on the console, or the command that
//! lies beside this program, and switches the machine off when that ends.
#![forbid(unsafe_code)]

mod boot;
mod command;
mod data;
mod frames;
mod processes;
mod prompt;

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The first argument with which this program becomes the leader of the console's session.
const SESSION: &str = "session";

fn main() -> ExitCode {
    let program = PathBuf::from(env::args_os().next().unwrap_or_else(|| "/init".into()));
    if env::args_os()
        .nth(1)
        .is_some_and(|argument| argument == SESSION)
    {
        return prompt::become_shell();
    }
    if !rustix::process::getpid().is_init() {
        eprintln!("init: this is the first process of a system; it cannot be started again");
        return ExitCode::FAILURE;
    }
    if let Err(error) = processes::prepare() {
        eprintln!("init: cannot block signals: {error}");
    }
    boot::prepare();
    let file = program.parent().unwrap_or(Path::new("/")).join("command");
    let end = if file.starts_with("/.gantry") {
        command::run(&file)
    } else {
        prompt::run(&program)
    };
    boot::shut_down(end)
}
