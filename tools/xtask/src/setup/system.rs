//! The distribution this machine runs, and its packages.
use super::privilege;
use crate::command;
use anyhow::{Result, bail};
use std::process::Command;
use std::sync::Once;

/// What /etc/os-release says of the distribution.
pub struct Distribution {
    pub id: String,
    pub codename: String,
}

impl Distribution {
    pub fn this() -> Self {
        Self::parse(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let value = |key: &str| {
            text.lines()
                .filter_map(|line| line.split_once('='))
                .find(|(name, _)| *name == key)
                .map_or_else(String::new, |(_, value)| {
                    value.trim_matches('"').to_string()
                })
        };
        Self {
            id: value("ID"),
            codename: value("VERSION_CODENAME"),
        }
    }
}

/// Brings apt's lists up to date, once in a run.
pub fn update_lists() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut outcome = Ok(());
    ONCE.call_once(|| outcome = refresh_lists());
    outcome
}

/// Brings apt's lists up to date after its sources changed.
pub fn refresh_lists() -> Result<()> {
    require_apt()?;
    privilege::run("apt-get", &["-q", "update"])
}

/// Installs packages, from the suite `from` if given; never at the price of removing others.
pub fn install(packages: &[&str], from: Option<&str>) -> Result<()> {
    require_apt()?;
    let mut arguments = vec![
        "-q",
        "-y",
        "--no-remove",
        "--no-install-recommends",
        "install",
    ];
    arguments.extend(from.iter().flat_map(|suite| ["-t", suite]));
    arguments.extend(packages);
    privilege::run("apt-get", &arguments)
}

/// The version apt would install, `None` for an unknown package.
pub fn candidate(package: &str) -> Result<Option<String>> {
    require_apt()?;
    let policy = command::output(
        Command::new("apt-cache")
            .args(["policy", package])
            .env("LC_ALL", "C"),
    )?;
    Ok(parse_candidate(&policy))
}

pub fn parse_candidate(policy: &str) -> Option<String> {
    let version = policy
        .lines()
        .find_map(|line| line.trim().strip_prefix("Candidate: "))?;
    (version != "(none)").then(|| version.to_string())
}

/// The first number of an upstream version: 10 for "1:10.0.2+ds-2".
pub fn major_version(version: &str) -> Option<u32> {
    let upstream = version
        .split_once(':')
        .map_or(version, |(_, upstream)| upstream);
    let digits = upstream.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Says what to do by hand on a machine without apt.
pub fn require_apt() -> Result<()> {
    if !command::is_installed("apt-get") {
        bail!(
            "there is no apt on this machine; install by hand: qemu-system-aarch64 (9 or newer) and, with rustup, the targets {} and {}",
            super::toolchain::KERNEL_TARGET,
            super::toolchain::MUSL_TARGET
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_os_release() {
        let this = Distribution::parse(
            "PRETTY_NAME=\"Debian 12\"\nID=debian\nVERSION_CODENAME=bookworm\n",
        );
        assert_eq!(
            (this.id.as_str(), this.codename.as_str()),
            ("debian", "bookworm")
        );
    }

    #[test]
    fn reads_the_candidate() {
        let policy =
            "qemu-system-arm:\n  Installed: (none)\n  Candidate: 1:7.2+dfsg-7\n  Version table:\n";
        assert_eq!(parse_candidate(policy).as_deref(), Some("1:7.2+dfsg-7"));
        assert_eq!(parse_candidate("x:\n  Candidate: (none)\n"), None);
        assert_eq!(parse_candidate(""), None);
    }

    #[test]
    fn reads_major_versions() {
        assert_eq!(major_version("1:10.0.2+ds-2"), Some(10));
        assert_eq!(major_version("7.2"), Some(7));
        assert_eq!(major_version("x"), None);
    }
}
