//! A folder for one test, with layouts and bundles in it, and runc to run them.

use crate::Result;
use crate::runtime;
use crate::test::{Kind, note};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The objects of a layout: a root with BusyBox as its shell, /proc and /dev.
pub const SYSTEM: &str = r#"
    { "type": "root_mount", "source": null, "fs_type": "RAMFS" },
    { "type": "directory", "target": "/bin" },
    { "type": "directory", "target": "/proc" },
    { "type": "directory", "target": "/dev" },
    { "type": "copy_custom", "source": "/bin/busybox", "target": "/bin/busybox" },
    { "type": "symlink", "path": "/bin/sh", "target": "busybox" },
    { "type": "symlink", "path": "/bin/ls", "target": "busybox" },
    { "type": "symlink", "path": "/bin/sleep", "target": "busybox" },
    { "type": "symlink", "path": "/bin/hostname", "target": "busybox" },
    { "type": "mount", "source": null, "target": "/proc", "fs_type": "ProcFS" },
    { "type": "mount", "source": null, "target": "/dev", "fs_type": "devtmpfs" }"#;

/// The mounts that every bundle has.
pub const MOUNTS: &str = r#"{ "destination": "/proc", "type": "proc", "source": "proc" },
    { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] }"#;

/// A folder, removed with everything in it when dropped.
pub struct Place(PathBuf);

/// What runc did.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Place {
    pub fn new(name: &str) -> io::Result<Self> {
        let path = Path::new("/tmp").join(format!("runc-test-{name}"));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// runc with a layout of these objects.
    pub fn layout(&self, objects: &str) -> io::Result<Command> {
        let file = self.0.join("layout.json");
        fs::write(
            &file,
            format!(
                r#"{{ "jail": true, "pid-isolation": true, "hostname": "inside",
                "command": "/bin/sh", "layout": [{objects}] }}"#
            ),
        )?;
        let mut command = Command::new("/bin/runc");
        command.args(["run", "-f"]).arg(file).arg("test");
        Ok(command)
    }

    /// The root of a bundle: a folder with BusyBox in it, and what file systems are mounted on.
    pub fn make_root(&self) -> io::Result<PathBuf> {
        let root = self.0.join("root");
        for folder in ["bin", "proc", "dev"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        for applet in [
            "sh", "ls", "cat", "id", "touch", "hostname", "readlink", "stat", "sleep", "true",
            "tty", "stty", "ps", "grep", "cut", "sed",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
        }
        Ok(root)
    }

    /// runc with a bundle whose process runs this script.
    pub fn bundle(&self, script: &str, bundle: &Bundle<'_>) -> io::Result<Command> {
        self.write_bundle(script, bundle)?;
        let mut command = runtime::command();
        command.arg("run").arg("--bundle").arg(&self.0).arg("test");
        Ok(command)
    }

    /// Writes the configuration of a bundle whose process runs this script.
    pub fn write_bundle(&self, script: &str, bundle: &Bundle<'_>) -> io::Result<()> {
        let script = script.replace('\\', r"\\").replace('"', r#"\""#);
        let Bundle {
            program,
            process,
            root,
            mounts,
            linux,
            others,
        } = bundle;
        fs::write(
            self.0.join("config.json"),
            format!(
                r#"{{ "ociVersion": "1.0.2", "root": {{ "path": "root" {root} }}, "mounts": [{mounts}],
                "process": {{ "args": [{program}, "{script}"], "env": ["PATH=/bin", "WORD=a b"],
                    "cwd": {process} }},
                "linux": {{ "namespaces": [{{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "uts" }}] {linux} }}
                {others} }}"#
            ),
        )
    }
}

/// Parts of a bundle's configuration, as JSON.
pub struct Bundle<'a> {
    /// The words before the script.
    pub program: &'a str,
    /// The working directory, and further members after a comma.
    pub process: &'a str,
    /// Further members of the root, each after a comma.
    pub root: &'a str,
    /// The list of mounts: [`MOUNTS`], if it is not about them.
    pub mounts: &'a str,
    /// Further members of `linux`, each after a comma.
    pub linux: &'a str,
    /// Further members of the whole, each after a comma.
    pub others: &'a str,
}

impl Default for Bundle<'_> {
    fn default() -> Self {
        Self {
            program: r#""/bin/sh", "-c""#,
            process: r#""/""#,
            root: "",
            mounts: MOUNTS,
            linux: "",
            others: "",
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs a command to its end.
pub fn outcome(command: &mut Command) -> io::Result<Outcome> {
    let output = command.stdin(Stdio::null()).output()?;
    Ok(Outcome {
        status: output.status.code(),
        output: String::from_utf8_lossy(&output.stdout).into_owned(),
        errors: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

impl Outcome {
    /// Notes how it differs from this status, this output and no error.
    pub fn expect(&self, what: &str, status: i32, output: &str) {
        self.expect_status(what, status);
        if self.output != output {
            let found = &self.output;
            note(
                Kind::Effect,
                format!("{what}: prints {found:?} instead of {output:?}"),
            );
        }
        // An error has been said.
        if self.status == Some(status) && !self.errors.is_empty() {
            note(Kind::Text, format!("{what}: says {:?}", self.errors));
        }
    }

    /// Notes how it differs from this status, with an error that contains this text, in whatever case.
    pub fn expect_error(&self, what: &str, status: i32, text: &str) {
        self.expect_status(what, status);
        if (self.status == Some(0)) == (status == 0)
            && !self.errors.to_lowercase().contains(&text.to_lowercase())
        {
            let found = &self.errors;
            note(
                Kind::Text,
                format!("{what}: says {found:?} instead of {text:?}"),
            );
        }
    }

    fn expect_status(&self, what: &str, status: i32) {
        let errors = &self.errors;
        match self.status {
            Some(found) if found == status => {}
            Some(0) => note(
                Kind::Effect,
                format!("{what}: succeeds instead of {status}"),
            ),
            Some(found) if status != 0 => note(
                Kind::Status,
                format!("{what}: status {found} instead of {status}"),
            ),
            found => note(
                Kind::Effect,
                format!("{what}: status {found:?} instead of {status}: {errors:?}"),
            ),
        }
    }
}

/// Runs a command that has to end with this status and print this, and no error.
pub fn expect(command: &mut Command, status: i32, output: &str) -> Result<()> {
    outcome(command)?.expect("run", status, output);
    Ok(())
}

/// Runs a command that has to fail with this status and this message of runc's, and print nothing else.
pub fn expect_error(command: &mut Command, status: i32, message: &str) -> Result<()> {
    let outcome = outcome(command)?;
    let line = format!("runc: run test: {message}\n");
    outcome.expect_error("run", status, &line);
    if !outcome.output.is_empty() || (runtime::is_ours() && outcome.errors != line) {
        note(Kind::Text, format!("run: {outcome:?}"));
    }
    Ok(())
}
