//! Running other programs.
use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// How a command is shown to the user: its words, quoted where the shell would need it.
pub fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| quoted(&word.to_string_lossy()))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Runs a command with the caller's output; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    if !status.success() {
        bail!("`{}` failed: {status}", shown(command));
    }
    Ok(())
}

/// Runs a command silently; when it fails, the last lines it wrote are the error.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    output(command).map(drop)
}

/// Runs a command and returns what it wrote to its standard output.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let complaint = errors
            .lines()
            .chain(text.lines())
            .filter(|line| !line.trim().is_empty());
        let last: Vec<_> = complaint.take(5).collect();
        bail!("`{}` failed: {}", shown(command), last.join(" / "));
    }
    Ok(text)
}

/// Whether a program is to be found in PATH.
pub fn is_installed(program: &str) -> bool {
    search_path().any(|folder| folder.join(program).is_file())
}

/// Where a program is, if anywhere: PATH, or the folders for administrators, which many users' PATH leaves out.
pub fn find(program: &str) -> Option<PathBuf> {
    let administrators = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    search_path()
        .chain(administrators)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

fn search_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_words_quoted_where_needed() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo 'a b'", ""]);
        assert_eq!(shown(&command), r"sh -c 'echo '\''a b'\''' ''");
    }
}
