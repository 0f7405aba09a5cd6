//! What an attacker tried, and what of it worked.

use crate::attack::Role;
use crate::host::{PLACE, PROCESS_NAME, SECRET};
use std::fmt::Display;
use std::fs;
use std::path::Path;

/// The attempts of an attack.
#[derive(Default)]
pub struct Attempts {
    /// How many there were.
    pub count: u64,
    /// What should not have been possible, and was.
    pub successes: Vec<String>,
    /// Who attacks.
    pub role: Role,
    /// The host's number of a process of the host's.
    pub host_process: i32,
}

impl Attempts {
    /// Something that must be refused.
    pub fn refused<T, E>(&mut self, what: impl Display, result: std::result::Result<T, E>) {
        self.never(what, result.is_ok());
    }

    /// Something that must not be so.
    pub fn never(&mut self, what: impl Display, happened: bool) {
        self.count += 1;
        let what = what.to_string();
        if happened && !self.successes.contains(&what) {
            self.successes.push(what);
        }
    }

    /// Takes another attacker's attempts in.
    pub fn add(&mut self, other: Attempts) {
        self.count += other.count;
        self.successes.extend(other.successes);
    }

    /// The host's process, in what may be a proc file system.
    pub fn process_out_of_sight(&mut self, proc: &str) {
        for entry in fs::read_dir(proc).into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("comm"));
            self.never(
                format!("the host's process in {proc}"),
                name.is_ok_and(|name| name.trim_end() == PROCESS_NAME),
            );
        }
    }

    /// The host's secret, by every path that could lead to it from here.
    pub fn secret_out_of_reach(&mut self, from: &str) {
        let place = PLACE.trim_start_matches('/');
        for way in [
            "",
            "/",
            "../../../../../../../..",
            "/../../..",
            "/proc/1/root",
            "/proc/self/root",
            "/proc/self/cwd/../../..",
            "/proc/self/exe/../../..",
            "/shared/../../..",
            "/shown/../../..",
        ] {
            let path = format!("{way}/{place}/{SECRET}");
            self.never(
                format!("{path} was there {from}"),
                Path::new(&path).exists(),
            );
        }
        let beside = format!("/shared/../{SECRET}");
        self.never(
            format!("{beside} was there {from}"),
            Path::new(&beside).exists(),
        );
    }
}
