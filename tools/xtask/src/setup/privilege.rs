//! Running commands as root.
use crate::command;
use anyhow::{Result, bail};
use std::fs;
use std::io::{IsTerminal, stdin};
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// A command that will run as root: directly, or by sudo, which asks for a password only on a terminal.
pub fn command(program: &str, arguments: &[&str]) -> Result<Command> {
    let mut command = if is_root() {
        Command::new(program)
    } else if command::is_installed("sudo") {
        let mut sudo = Command::new("sudo");
        if !stdin().is_terminal() {
            sudo.arg("--non-interactive");
        }
        sudo.arg(program);
        sudo
    } else {
        bail!(
            "this needs root and there is no sudo; as root, run: {program} {}",
            arguments.join(" ")
        );
    };
    command
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive");
    Ok(command)
}

/// Runs a command as root, with its output on our standard error.
pub fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let mut command = command(program, arguments)?;
    command.stdout(std::io::stderr());
    command::run(&mut command)
}

/// Puts a file where only root may write.
pub fn write_file(path: &str, content: &str) -> Result<()> {
    let folder = crate::workspace::TemporaryFolder::new("root-file")?;
    let source = folder.path().join("content");
    crate::workspace::write_file(&source, content.as_bytes())?;
    run("install", &["-m", "644", &source.to_string_lossy(), path])
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}
