//! The emulator.
use super::sources;
use super::system::{self, Distribution};
use super::{announce, privilege};
use crate::command;
use crate::workspace::Board;
use anyhow::{Context, Result, bail};
use std::process::Command;

const PROGRAM: &str = "qemu-system-aarch64";
const PACKAGE: &str = "qemu-system-arm";
/// The first version with the raspi4b machine.
const RASPBERRY_VERSION: u32 = 9;
/// The oldest version that the virt board is known to work with.
const VIRT_VERSION: u32 = 7;

/// Sees to it that there is a QEMU that has `board`.
pub fn ensure(board: Board) -> Result<()> {
    let needed = match board {
        Board::Virt => VIRT_VERSION,
        Board::Rpi4 => RASPBERRY_VERSION,
    };
    let found = installed_version()?;
    if found.is_some_and(|version| version >= needed) {
        return Ok(());
    }
    let why = match found {
        None => "the emulator that runs the kernel".to_string(),
        Some(version) => {
            format!("the board {board} needs QEMU {needed} or newer, here is {version}")
        }
    };
    announce(PACKAGE, &why);
    install(needed)?;
    match installed_version()? {
        Some(version) if version >= needed => Ok(()),
        Some(version) => {
            bail!("the board {board} needs QEMU {needed} or newer, this distribution has {version}")
        }
        None => bail!("{PACKAGE} is installed but {PROGRAM} is not in PATH"),
    }
}

/// Installs the newest QEMU there is reason to: on Debian from backports where the release's own is too old for a board.
fn install(needed: u32) -> Result<()> {
    system::update_lists()?;
    let candidate = system::candidate(PACKAGE)?.and_then(|version| system::major_version(&version));
    let distribution = Distribution::this();
    if candidate.is_some_and(|version| version >= RASPBERRY_VERSION) || distribution.id != "debian"
    {
        return system::install(&[PACKAGE], None);
    }
    let backports = format!("{}-backports", distribution.codename);
    if !has_suite(&backports)? {
        match sources::derive_backports(&distribution.codename)? {
            Some(source) => {
                announce(
                    &format!("apt source {}", source.path),
                    "QEMU 9 or newer comes from backports",
                );
                privilege::write_file(source.path, &source.content)?;
                system::refresh_lists()?;
            }
            None if candidate.is_some_and(|version| version >= needed) => {
                return system::install(&[PACKAGE], None);
            }
            None => bail!(
                "QEMU {needed} or newer is needed: add the suite {backports} to apt's sources (no entry for {} was found to derive it from)",
                distribution.codename
            ),
        }
    }
    system::install(&[PACKAGE], Some(&backports))
}

/// Whether apt knows packages of a suite.
fn has_suite(suite: &str) -> Result<bool> {
    let policy = command::output(Command::new("apt-cache").arg("policy").env("LC_ALL", "C"))?;
    Ok(policy
        .split([' ', ',', '\n'])
        .any(|word| word == format!("a={suite}") || word == format!("n={suite}")))
}

fn installed_version() -> Result<Option<u32>> {
    if !command::is_installed(PROGRAM) {
        return Ok(None);
    }
    let text = command::output(Command::new(PROGRAM).arg("--version"))?;
    let version =
        parse_version(&text).with_context(|| format!("`{PROGRAM} --version` says no version"))?;
    Ok(Some(version))
}

fn parse_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("version ")?;
    system::major_version(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version() {
        assert_eq!(
            parse_version("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\nCopyright"),
            Some(10)
        );
        assert_eq!(parse_version("something else"), None);
    }
}
