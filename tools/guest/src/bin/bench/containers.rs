//! Containers, by runc: each row counts everything that its commands do.
use crate::{files, meter};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// A container in the foreground, from the command to its end.
pub fn run() -> io::Result<f64> {
    let layout = layout(&["/bin/true"])?;
    meter::repeat(10, || runc(&["run", "-f", &layout, "bench"]))
}

/// A container's life in four commands: created, started, killed, deleted.
pub fn life() -> io::Result<f64> {
    let layout = layout(&["/bin/sleep", "1000"])?;
    meter::repeat(5, || {
        runc(&["create", "-f", &layout, "bench"])?;
        runc(&["start", "bench"])?;
        runc(&["kill", "bench", "KILL"])?;
        runc(&["delete", "-f", "bench"])
    })
}

/// A layout file: contexts of every type, and the host's files in a tree of their own.
fn layout(command: &[&str]) -> io::Result<String> {
    let path = Path::new(files::FOLDER).join("layout.json");
    let text = format!(
        r#"{{ "jail": true, "pid-isolation": true, "hostname": "bench", "command": {command:?},
        "layout": [{{ "type": "root_mount", "source": "/", "fs_type": "bind" }}] }}"#
    );
    std::fs::write(&path, text)?;
    Ok(path.display().to_string())
}

fn runc(words: &[&str]) -> io::Result<()> {
    let mut command = Command::new("/bin/runc");
    command.args(words).stdin(Stdio::null());
    let status = command.stdout(Stdio::null()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!(
            "runc {}: {status}",
            words.join(" ")
        )))
    }
}
