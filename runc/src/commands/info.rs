//! `runc info`

use crate::cli::{Global, Verb};
use crate::error::Error;
use crate::log::Log;
use crate::state::Store;
use crate::system;
use clap::Args;
use std::path::Path;

pub const EXAMPLES: &str = "\
EXAMPLES
  See at a glance what there is to run containers on, and how many there are:
      runc info";

/// Files of /proc are small.
const LARGEST_FILE: u64 = 1 << 20;
/// The types of contexts by their names in /proc/contexts, and what people call them.
const CONTEXTS: [(&str, &str); 3] = [
    ("pid", "process lists"),
    ("mnt", "VFS roots"),
    ("uts", "hostnames"),
];

#[derive(Args)]
pub struct Arguments {}

impl Verb for Arguments {
    fn carry_out(&self, global: &Global, _log: &Log) -> Result<u8, Error> {
        let kernel = system::kernel();
        println!("runc        {}", env!("CARGO_PKG_VERSION"));
        println!("kernel      {}", kernel.name);
        println!("hostname    {}", kernel.host);
        println!(
            "processors  {}",
            std::thread::available_parallelism().map_or(1, usize::from)
        );
        println!("memory      {}", memory(&read("/proc/meminfo")?)?);
        // Only Gantry has them, and it shows them to nobody in a container.
        match read("/proc/contexts") {
            Ok(text) => println!("contexts    {}", contexts(&text)),
            Err(_) => println!("contexts    not to be seen from here"),
        }
        let store = Store::new(global.root());
        let mut containers = 0;
        for id in store.ids()?.unwrap_or_default() {
            containers += usize::from(exists(&store, &id)?);
        }
        println!("containers  {containers}, in {}", store.root().display());
        Ok(0)
    }
}

/// Whether a folder is that of a container, and not what a killed `create` has left.
fn exists(store: &Store, id: &str) -> Result<bool, Error> {
    match store.find(id)? {
        Some(found) => found.exists(store),
        None => Ok(false),
    }
}

fn read(path: &str) -> Result<String, Error> {
    let text = system::read_file(Path::new(path), LARGEST_FILE);
    let text = text.map_err(|error| Error::system(path, &error))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What /proc/meminfo says, in a few words.
fn memory(text: &str) -> Result<String, Error> {
    let mebibytes = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes =
            value.and_then(|value| value.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        let missing = || Error::new(format!("/proc/meminfo: there is no {name}"));
        kibibytes.map(|number| number >> 10).ok_or_else(missing)
    };
    let (total, free) = (mebibytes("MemTotal")?, mebibytes("MemAvailable")?);
    Ok(format!("{free} of {total} MiB available"))
}

/// How many contexts of each type there are beside those that the system began with.
fn contexts(text: &str) -> String {
    let counts = CONTEXTS.map(|(name, words)| {
        let ours = text.lines().filter(|line| {
            let mut fields = line.split_whitespace();
            fields.next() == Some(name) && fields.next().is_some_and(|id| id != "1")
        });
        format!("{} {words}", ours.count())
    });
    counts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::{contexts, memory};

    #[test]
    fn memory_is_told_in_words() {
        let text = "MemTotal:        1023392 kB\nMemFree: 1 kB\nMemAvailable:  524288 kB\n";
        assert_eq!(memory(text).unwrap(), "512 of 999 MiB available");
        assert!(memory("MemTotal: 5 pages\n").is_err());
    }

    #[test]
    fn contexts_are_counted() {
        let text = "type      id state     processes pending descriptors\n\
                    pid        1 running           9       0           0\n\
                    pid       12 running           1       0           1\n\
                    mnt        1 running           9       0           0\n\
                    uts        1 running           9       0           0\n\
                    uts        3 created           0       0           1\n";
        assert_eq!(contexts(text), "1 process lists, 0 VFS roots, 1 hostnames");
    }
}
