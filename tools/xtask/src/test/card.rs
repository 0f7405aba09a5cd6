//! The card for the Raspberry Pi: that it is the same every time, that its file systems are sound, that it starts.
use super::guest;
use super::step::Step;
use crate::card::{self, Contents};
use crate::command;
use crate::run;
use crate::run::machine::Machine;
use crate::setup::filesystems;
use crate::workspace::{Board, TemporaryFolder, read_file, write_file};
use anyhow::{Context, Result, ensure};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

const SIZE: u64 = 128 << 20;
/// Longer than the resolution of all times that file systems keep.
const A_WHILE: Duration = Duration::from_millis(2_100);

pub fn steps() -> Vec<Step> {
    vec![
        Step::new("a card, made twice and checked", || {
            let folder = TemporaryFolder::new("card")?;
            let first = make(folder.path(), "first")?;
            std::thread::sleep(A_WHILE);
            let second = make(folder.path(), "second")?;
            command::run_quietly(
                std::process::Command::new("cmp")
                    .args([&first, &second])
                    .env("LC_ALL", "C"),
            )?;
            check(&first)?;
            says_what_is_built(&first)
        }),
        Step::new("a card that starts, rpi4", || {
            let folder = TemporaryFolder::new("card")?;
            let card = make(folder.path(), "card")?;
            let mut machine = Machine::new(Board::Rpi4);
            let initramfs = run::card::insert(&mut machine, &card, folder.path())?;
            let initrd = folder.path().join("initramfs");
            write_file(&initrd, &initramfs)?;
            machine.initrd = Some(initrd);
            let output = guest::succeed(machine, "demo all && cat /proc/cmdline")?;
            ensure!(
                output.contains("\nconsole=ttyS1,115200 "),
                "the card's command line does not count: {output}"
            );
            check(&card)
        }),
    ]
}

/// A card with what was built and no firmware, which QEMU does not need.
pub(super) fn make(folder: &Path, name: &str) -> Result<PathBuf> {
    let file = folder.join(name);
    card::make(&Contents::built(None)?, SIZE, &file)?;
    Ok(file)
}

/// Lets the checkers of both file systems look for faults; they change nothing.
pub(super) fn check(card: &Path) -> Result<()> {
    let folder = TemporaryFolder::new("partitions")?;
    for (index, (checker, options)) in [("fsck.fat", "-nv"), ("e2fsck", "-fn")]
        .into_iter()
        .enumerate()
    {
        let partition = folder.path().join(index.to_string());
        cut_out(card, index, &partition)?;
        command::run_quietly(
            filesystems::command(checker)?
                .arg(options)
                .arg(&partition)
                .env("LC_ALL", "C"),
        )?;
    }
    Ok(())
}

/// Copies a partition of a card.
fn cut_out(card: &Path, index: usize, target: &Path) -> Result<()> {
    let mut card = File::open(card)?;
    let partitions = card::boot::partitions(&mut card)?;
    let place = &partitions
        .get(index)
        .context("a partition is missing")?
        .place;
    card.seek(SeekFrom::Start(place.start))?;
    let mut target = File::create(target)?;
    std::io::copy(&mut card.take(place.end - place.start), &mut target)?;
    Ok(())
}

/// What would be started from the card is what was built.
fn says_what_is_built(card: &Path) -> Result<()> {
    let files = card::boot::read(card)?;
    let output = Board::Rpi4.output();
    for (name, found) in [
        ("Image", Some(files.kernel)),
        ("initramfs.cpio", files.initramfs),
    ] {
        let built = read_file(&output.join(name))?;
        ensure!(found.as_ref() == Some(&built), "the card's {name} differs");
    }
    Ok(())
}
