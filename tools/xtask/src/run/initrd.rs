//! What is added to an initramfs for one run.
use crate::build::archive::Archive;
use crate::build::guest_program;
use crate::command;
use crate::workspace::read_file;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::{Command, Stdio};

/// The init of a run with a command: ours, whatever initramfs it is added to.
pub const COMMAND_INIT: &str = "/.gantry/init";
/// The file that holds the command; init looks for it beside itself.
const COMMAND_FILE: &str = ".gantry/command";
/// The file that says that the output is to be seen on the console, too.
const SHOWN_FILE: &str = ".gantry/shown";

/// Lets the init of a run with a command show on the console what the command prints.
pub fn show_output(archive: &mut Archive) {
    archive.add_file(SHOWN_FILE, 0o644, "");
}

/// Adds a command and the init that runs it.
pub fn add_command(archive: &mut Archive, command: &str) -> Result<()> {
    ensure!(
        !command.contains('\0'),
        "--exec: a command cannot hold a NUL"
    );
    archive.add_file(COMMAND_INIT, 0o755, read_file(&guest_program("init")?)?);
    archive.add_file(COMMAND_FILE, 0o644, command);
    Ok(())
}

/// Reads an initramfs and unpacks it if it is compressed with gzip, so that an archive can follow it.
pub fn read(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_file(path)?;
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return Ok(bytes);
    }
    let output = Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .stdin(Stdio::null())
        .output()
        .context("cannot start gzip")?;
    if !output.status.success() {
        bail!(
            "{}: {}",
            path.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(output.stdout)
}

/// Puts an archive behind another; what is in both is taken from the second.
pub fn join(mut base: Vec<u8>, addition: Archive) -> Vec<u8> {
    if !addition.is_empty() {
        base.resize(base.len().next_multiple_of(4096), 0);
        base.extend(addition.into_bytes());
    }
    base
}

/// Compresses a file with gzip.
pub fn compress(from: &Path, to: &Path) -> Result<()> {
    let file =
        std::fs::File::create(to).with_context(|| format!("cannot create {}", to.display()))?;
    command::run(
        Command::new("gzip")
            .args(["-n", "-c"])
            .arg(from)
            .stdout(file),
    )
}
