//! What the host has that an attacker must not reach, and whether it is as it was.

use crate::attack::Result;
use gantry_abi::user::fork;
use gantry_abi::user::process::wait;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What the process that waits is called.
pub const PROCESS_NAME: &str = "only-outside";

/// What only the host has.
pub struct Canaries {
    place: PathBuf,
    process: i32,
}

/// The name of the file with the secret, in the canaries' place.
pub const SECRET: &str = "secret";
/// The name that the place has in every host, so that attackers can look for it.
pub const PLACE: &str = "/tmp/escape-host";

impl Canaries {
    /// A folder with a secret, a folder to share, a file to show, and a process that waits to be killed.
    pub fn new() -> Result<Self> {
        let place = PathBuf::from(PLACE);
        // What an earlier run that was killed has left.
        let _ = fs::remove_dir_all(&place);
        fs::create_dir_all(place.join("shared"))?;
        fs::create_dir_all(place.join("shown"))?;
        fs::write(place.join(SECRET), "the host's secret")?;
        fs::write(place.join("shown/base"), content())?;
        let process = fork(|| {
            // Attackers look for it by this: their own numbers may be the same.
            let _ = fs::write("/proc/self/comm", PROCESS_NAME);
            loop {
                std::thread::park();
            }
        })?;
        Ok(Canaries { place, process })
    }

    /// Where they are.
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// The host's number of the process.
    pub fn process(&self) -> i32 {
        self.process
    }
}

impl Drop for Canaries {
    fn drop(&mut self) {
        // It may have been killed, which the snapshot tells.
        let _ = gantry_abi::user::calls::kill(self.process, 9);
        let _ = wait(self.process);
        let _ = fs::remove_dir_all(&self.place);
    }
}

/// The content of the file that containers see read-only.
pub fn content() -> Vec<u8> {
    b"what every container sees "
        .iter()
        .copied()
        .cycle()
        .take(16_384)
        .collect()
}

/// The host as an attack could have changed it.
#[derive(PartialEq, Eq)]
pub struct Snapshot {
    parts: Vec<(&'static str, String)>,
}

/// Folders whose files are compared by name, kind, mode, owner, size and time of change.
const TREES: [&str; 4] = ["/etc", "/bin", "/root", "/dev"];

impl Snapshot {
    /// The host now.
    pub fn take(canaries: &Canaries) -> Result<Self> {
        let mut trees = String::new();
        for tree in TREES {
            describe(Path::new(tree), &mut trees)?;
        }
        let mut top: Vec<String> = fs::read_dir("/")?
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        top.sort();
        let contexts: Vec<String> = fs::read_to_string("/proc/contexts")?
            .lines()
            .map(|line| {
                let words: Vec<&str> = line.split_whitespace().take(2).collect();
                words.join(" ")
            })
            .collect();
        let alive = gantry_abi::user::calls::kill(canaries.process(), 0).is_ok()
            && !fs::read_to_string(format!("/proc/{}/stat", canaries.process()))?.contains(") Z ");
        Ok(Snapshot {
            parts: vec![
                ("the host's files", trees),
                ("the host's root", top.join(" ")),
                (
                    "the host's name",
                    fs::read_to_string("/proc/sys/kernel/hostname")?,
                ),
                (
                    "the host's mounts",
                    fs::read_to_string("/proc/self/mountinfo")?,
                ),
                ("contexts that were left behind", contexts.join(", ")),
                (
                    "the host's secret",
                    fs::read_to_string(canaries.place().join(SECRET))?,
                ),
                (
                    "the file that containers see",
                    (fs::read(canaries.place().join("shown/base"))? == content()).to_string(),
                ),
                ("the host's process", alive.to_string()),
            ],
        })
    }

    /// What differs from this now.
    pub fn changes(&self, canaries: &Canaries) -> Result<Vec<String>> {
        let mut now = Snapshot::take(canaries)?;
        // The last member of a container may still be on its way out.
        for _ in 0..500 {
            if now == *self {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
            now = Snapshot::take(canaries)?;
        }
        let changed = self.parts.iter().zip(&now.parts);
        Ok(changed
            .filter(|(before, now)| before != now)
            .map(|((what, before), (_, now))| {
                format!(
                    "{what}: {} was {}",
                    different(now, before),
                    different(before, now)
                )
            })
            .collect())
    }
}

/// The first line of `text` that `other` doesn't have.
fn different<'a>(text: &'a str, other: &str) -> &'a str {
    text.lines()
        .find(|line| !other.lines().any(|other| other == *line))
        .unwrap_or("nothing")
}

fn describe(path: &Path, text: &mut String) -> Result<()> {
    let status = fs::symlink_metadata(path)?;
    // Terminals and directories with changing content tell by their names alone.
    let size = if status.is_file() { status.len() } else { 0 };
    let time = if status.is_file() {
        status.mtime_nsec()
    } else {
        0
    };
    text.push_str(&format!(
        "{} {:o} {} {} {size} {time}\n",
        path.display(),
        status.mode(),
        status.uid(),
        status.rdev(),
    ));
    if status.is_dir() {
        let mut entries: Vec<PathBuf> = fs::read_dir(path)?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        entries.sort();
        for entry in entries {
            // A pseudoterminal may be gone by now.
            if !entry.starts_with("/dev/pts") {
                describe(&entry, text)?;
            }
        }
    }
    Ok(())
}
