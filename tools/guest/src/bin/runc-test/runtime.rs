//! The runtime that is tested: our runc, or another one with the command line of OCI runtimes.

use std::process::Command;
use std::sync::OnceLock;

const OURS: &str = "/bin/runc";
/// The words of another runtime's command, with its global options.
static OTHER: OnceLock<Vec<String>> = OnceLock::new();

/// Tests another runtime, which is this program with these global options.
pub fn choose(command: &str) {
    let words = command.split_whitespace().map(str::to_owned).collect();
    // The command line is read once.
    let _ = OTHER.set(words);
}

pub fn is_ours() -> bool {
    OTHER.get().is_none()
}

/// Its command.
pub fn words() -> Vec<&'static str> {
    match OTHER.get() {
        Some(words) => words.iter().map(String::as_str).collect(),
        None => vec![OURS],
    }
}

/// The runtime, without its verb.
pub fn command() -> Command {
    let words = words();
    let (program, options) = words.split_first().unwrap_or((&OURS, &[]));
    let mut command = Command::new(program);
    command.args(options);
    command
}
