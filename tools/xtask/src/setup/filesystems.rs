//! The makers and checkers of file systems.
use super::{announce, system};
use crate::command;
use anyhow::{Context, Result};
use std::process::Command;

/// A program, its package, and what it is for.
type Tool = (&'static str, &'static str, &'static str);

const MAKER: Tool = (
    "mke2fs",
    "e2fsprogs",
    "it makes the card's data file system",
);
const CHECKERS: [Tool; 3] = [
    (
        "e2fsck",
        "e2fsprogs",
        "it checks the card's data file system",
    ),
    (
        "fsck.fat",
        "dosfstools",
        "it makes and checks FAT file systems",
    ),
    (
        "mcopy",
        "mtools",
        "it reads and writes FAT file systems beside the kernel",
    ),
];

/// Sees to it that a card's file systems can be made.
pub fn ensure_maker() -> Result<()> {
    ensure(MAKER)
}

/// Sees to it that file systems can be checked.
pub fn ensure_checkers() -> Result<()> {
    CHECKERS.into_iter().try_for_each(ensure)
}

/// A program of these, to be started.
pub fn command(program: &str) -> Result<Command> {
    let path = command::find(program).with_context(|| format!("there is no {program}"))?;
    Ok(Command::new(path))
}

fn ensure((program, package, why): Tool) -> Result<()> {
    if command::find(program).is_some() {
        return Ok(());
    }
    announce(package, why);
    system::update_lists()?;
    system::install(&[package], None)?;
    command(program)
        .map(drop)
        .with_context(|| format!("{package} is installed"))
}
