//! A state directory of one test's own, and the containers in it.

use crate::Result;
use crate::place::{Bundle, Outcome, Place};
use crate::runtime;
use crate::test::{Kind, note};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long something that has to happen may take.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// A program that runs until it is killed.
pub const IDLE: &str = "sleep 1000";

/// runc with a state directory of its own; what is left in it when it is dropped is killed.
pub struct Manager {
    place: Place,
    root: PathBuf,
    /// Calls so far, to tell the files apart that they write to.
    calls: AtomicU32,
}

impl Manager {
    /// A folder with the root of a bundle in it.
    pub fn new(name: &str) -> Result<Self> {
        let place = Place::new(name)?;
        place.make_root()?;
        let root = place.path().join("state");
        Ok(Self {
            place,
            root,
            calls: AtomicU32::new(0),
        })
    }

    /// The same with a bundle whose process runs this script.
    pub fn with_script(name: &str, script: &str) -> Result<Self> {
        let manager = Self::new(name)?;
        manager.place.write_bundle(script, &Bundle::default())?;
        Ok(manager)
    }

    /// The same with these parts of its configuration.
    pub fn with_bundle(name: &str, script: &str, bundle: &Bundle<'_>) -> Result<Self> {
        let manager = Self::new(name)?;
        manager.place.write_bundle(script, bundle)?;
        Ok(manager)
    }

    /// Replaces a part of the bundle's configuration.
    pub fn edit(&self, from: &str, to: &str) -> Result<()> {
        let file = self.path("config.json");
        let text = fs::read_to_string(&file)?;
        if !text.contains(from) {
            return Err(format!("{file} has no {from}").into());
        }
        Ok(fs::write(&file, text.replacen(from, to, 1))?)
    }

    /// The bundle's directory.
    pub fn bundle(&self) -> &Path {
        self.place.path()
    }

    /// The folder of the test.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The state directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path in the bundle, as text.
    pub fn path(&self, name: &str) -> String {
        self.bundle().join(name).display().to_string()
    }

    /// The runtime with these words, in the bundle's directory.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = runtime::command();
        command.arg("--root").arg(&self.root).args(words);
        command.current_dir(self.bundle()).stdin(Stdio::null());
        command
    }

    /// Runs it to its end. What it writes goes to files: a container that lives on holds them open.
    pub fn run(&self, words: &[&str]) -> Result<Outcome> {
        self.finish(&mut self.command(words))
    }

    /// Runs a command to its end, as [`Manager::run`].
    pub fn finish(&self, command: &mut Command) -> Result<Outcome> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        let output = self.bundle().join(format!("output-{call}"));
        let errors = self.bundle().join(format!("errors-{call}"));
        let status = command
            .stdout(File::create(&output)?)
            .stderr(File::create(&errors)?)
            .status()?;
        let outcome = Outcome {
            status: status.code(),
            output: String::from_utf8_lossy(&fs::read(&output)?).into_owned(),
            errors: String::from_utf8_lossy(&fs::read(&errors)?).into_owned(),
        };
        fs::remove_file(output)?;
        fs::remove_file(errors)?;
        Ok(outcome)
    }

    /// It has to end with this status and print this, and no error.
    pub fn expect(&self, words: &[&str], status: i32, output: &str) -> Result<()> {
        self.run(words)?.expect(&words.join(" "), status, output);
        Ok(())
    }

    /// It has to succeed and print nothing.
    pub fn does(&self, words: &[&str]) -> Result<()> {
        self.expect(words, 0, "")
    }

    /// It has to fail with this status and an error that contains this text.
    pub fn fails(&self, words: &[&str], status: i32, text: &str) -> Result<()> {
        self.run(words)?
            .expect_error(&words.join(" "), status, text);
        Ok(())
    }

    /// What it prints when it succeeds.
    pub fn output(&self, words: &[&str]) -> Result<String> {
        let outcome = self.run(words)?;
        if outcome.status == Some(0) {
            Ok(outcome.output)
        } else {
            Err(format!("{}: {outcome:?}", words.join(" ")).into())
        }
    }

    /// A member of a container's state; empty if there is none of that name.
    pub fn state(&self, id: &str, name: &str) -> Result<String> {
        let state = self.output(&["state", id])?;
        let start = format!("\"{name}\": ");
        Ok(state
            .lines()
            .find_map(|line| line.trim().strip_prefix(&start))
            .map(|value| value.trim_end_matches(',').trim_matches('"').to_owned())
            .unwrap_or_default())
    }

    /// A container has to have this status.
    pub fn is(&self, id: &str, status: &str) -> Result<()> {
        let found = self.state(id, "status")?;
        if found != status {
            note(Kind::Effect, format!("{id} is {found} instead of {status}"));
        }
        Ok(())
    }

    /// Waits until a container has this status.
    pub fn becomes(&self, id: &str, status: &str) -> Result<()> {
        until(status, || Ok(self.state(id, "status")? == status))
    }

    /// The process number of a container's monitor: of the runc that made it.
    pub fn monitor(&self, id: &str) -> Result<i32> {
        for entry in fs::read_dir("/proc")? {
            let entry = entry?;
            let Some(number) = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
            else {
                continue;
            };
            // A process may end while it is looked at.
            let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let words: Vec<&[u8]> = command.split(|byte| *byte == 0).collect();
            let root = self.root.as_os_str().as_encoded_bytes();
            let is_of_it = words.contains(&root) && words.contains(&id.as_bytes());
            // The first process of a container that was not started yet looks the same; it has the later number.
            if is_of_it && words.first() == Some(&b"/bin/runc".as_slice()) {
                return Ok(number);
            }
        }
        Err(format!("{id} has no monitor").into())
    }
}

impl Drop for Manager {
    fn drop(&mut self) {
        let Ok(ids) = self.output(&["list", "-q"]) else {
            return;
        };
        for id in ids.lines() {
            let _ = self.run(&["delete", "-f", id]);
        }
    }
}

/// Waits until something is so.
pub fn until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while !is_so()? {
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}").into());
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
