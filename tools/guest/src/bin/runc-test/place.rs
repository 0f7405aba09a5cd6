//! A folder for one test, with layouts and bundles in it, and runc to run them.

use crate::Result;
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

    /// The root of a bundle: a folder with BusyBox in it.
    pub fn make_root(&self) -> io::Result<PathBuf> {
        let root = self.0.join("root");
        fs::create_dir_all(root.join("bin"))?;
        fs::copy("/bin/busybox", root.join("bin/busybox"))?;
        for applet in [
            "sh", "ls", "cat", "id", "touch", "hostname", "readlink", "stat", "sleep", "true",
            "tty", "stty", "ps",
        ] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
        }
        Ok(root)
    }

    /// runc with a bundle whose process runs this script.
    pub fn bundle(&self, script: &str, bundle: &Bundle<'_>) -> io::Result<Command> {
        self.write_bundle(script, bundle)?;
        let mut command = Command::new("/bin/runc");
        command.arg("run").arg("--bundle").arg(&self.0).arg("test");
        Ok(command)
    }

    /// Writes the configuration of a bundle whose process runs this script.
    pub fn write_bundle(&self, script: &str, bundle: &Bundle<'_>) -> io::Result<()> {
        let script = script.replace('\\', r"\\").replace('"', r#"\""#);
        let Bundle {
            process,
            root,
            mounts,
            linux,
            others,
        } = bundle;
        fs::write(
            self.0.join("config.json"),
            format!(
                r#"{{ "ociVersion": "1.2.0", "root": {{ "path": "root" {root} }}, "mounts": [{mounts}],
                "process": {{ "args": ["/bin/sh", "-c", "{script}"], "env": ["PATH=/bin", "WORD=a b"],
                    "cwd": {process} }},
                "linux": {{ "namespaces": [{{ "type": "pid" }}, {{ "type": "mount" }}, {{ "type": "uts" }}] {linux} }}
                {others} }}"#
            ),
        )
    }
}

/// Parts of a bundle's configuration, as JSON.
pub struct Bundle<'a> {
    /// The working directory, and further members after a comma.
    pub process: &'a str,
    /// Further members of the root, each after a comma.
    pub root: &'a str,
    /// The list of mounts.
    pub mounts: &'a str,
    /// Further members of `linux`, each after a comma.
    pub linux: &'a str,
    /// Further members of the whole, each after a comma.
    pub others: &'a str,
}

impl Default for Bundle<'_> {
    fn default() -> Self {
        Self {
            process: r#""/""#,
            root: "",
            mounts: "",
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

/// Runs a command that has to end with this status and print this, and no error.
pub fn expect(command: &mut Command, status: i32, output: &str) -> Result<()> {
    let outcome = outcome(command)?;
    let expected = Outcome {
        status: Some(status),
        output: output.to_owned(),
        errors: String::new(),
    };
    if outcome == expected {
        Ok(())
    } else {
        Err(format!("{outcome:?} instead of {expected:?}").into())
    }
}

/// Runs a command that has to fail with this status and this message of runc's, and print nothing else.
pub fn expect_error(command: &mut Command, status: i32, message: &str) -> Result<()> {
    let outcome = outcome(command)?;
    let errors = format!("runc: run test: {message}\n");
    let expected = Outcome {
        status: Some(status),
        output: String::new(),
        errors,
    };
    if outcome == expected {
        Ok(())
    } else {
        Err(format!("{outcome:?} instead of {expected:?}").into())
    }
}
