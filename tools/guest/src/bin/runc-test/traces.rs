//! What a container leaves while it lives.

use crate::Result;
use crate::runtime;
use std::time::{Duration, Instant};
use std::{fs, io, thread};

/// How long what is left may take to vanish: processes end in their own time.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(2);

/// What there is of a kind at one moment.
#[derive(PartialEq, Eq)]
pub struct Traces {
    contexts: usize,
    mounts: String,
    processes: Vec<String>,
}

impl Traces {
    /// Looks for contexts, mounts, and processes whose command line contains `mark`.
    pub fn find(mark: &str) -> io::Result<Self> {
        let mut processes = Vec::new();
        for entry in fs::read_dir("/proc")? {
            let path = entry?.path();
            // A process may end while it is looked at.
            if let Ok(command) = fs::read_to_string(path.join("cmdline"))
                && command.contains(mark)
            {
                processes.push(path.display().to_string());
            }
        }
        // Another runtime's kernel has none.
        let contexts = if runtime::is_ours() {
            fs::read_to_string("/proc/contexts")?.lines().count()
        } else {
            0
        };
        Ok(Self {
            contexts,
            mounts: fs::read_to_string("/proc/self/mountinfo")?,
            processes,
        })
    }

    /// Waits until everything is as it was; the error says what is not.
    pub fn wait_for(&self, mark: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Self::find(mark)?;
            if now == *self {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(now.difference(self).into());
            }
            thread::sleep(PAUSE);
        }
    }

    /// How these differ from earlier ones, in a line.
    fn difference(&self, before: &Self) -> String {
        let mut differences = Vec::new();
        if self.contexts != before.contexts {
            differences.push(format!(
                "{} lines in /proc/contexts instead of {}",
                self.contexts, before.contexts
            ));
        }
        if self.mounts != before.mounts {
            differences.push("other mounts than before".to_owned());
        }
        if self.processes != before.processes {
            differences.push(format!("processes {}", self.processes.join(", ")));
        }
        differences.join("; ")
    }
}
