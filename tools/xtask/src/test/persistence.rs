//! What containers write on the data partition is there after the machine was off, and its file systems are sound.
use super::card;
use super::guest;
use super::image;
use super::step::Step;
use crate::build::archive::Archive;
use crate::card::data;
use crate::command;
use crate::run::card as slot;
use crate::run::initrd;
use crate::run::machine::{Attachment, Machine};
use crate::setup::{self, filesystems};
use crate::workspace::{Board, TemporaryFolder, write_file};
use anyhow::{Result, ensure};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Bytes of virt's disk.
const SIZE: u64 = 128 << 20;

/// Changes an image's files in a container, and leaves another one running whose record is on the partition.
const BEFORE: &str = r#"set -e
runc image unpack /image:small /data/debian
runc run --bundle /data/debian debian /bin/sh -c '
    echo kept > /root/kept; chown 33:44 /root/kept; chmod 640 /root/kept
    mkdir /new; ln /root/kept /new/name; ln -s /root/kept /link
    mv /etc/debian_version /etc/renamed; rm /usr/bin/factor'
runc --root /data/state run --detach --bundle /data/debian left /bin/sh -c 'while true; do date > /root/now; done'
runc --root /data/state list | grep -c running
"#;
/// Looks for all that after a start.
const AFTER: &str = r#"set -e
runc --root /data/state list | grep -c stopped
runc --root /data/state delete left
runc run --bundle /data/debian debian /bin/sh -c '
    cat /root/kept /new/name /link; stat -c "%u:%g %a %h" /root/kept
    test -e /etc/renamed; test ! -e /etc/debian_version; test ! -e /usr/bin/factor; test -s /root/now
    echo 2 >> /root/kept'
runc image list | wc -l
"#;

pub fn steps() -> Vec<Step> {
    Board::ALL
        .map(|board| {
            Step::new(format!("a container that stays, {board}"), move || {
                stays(board)
            })
        })
        .into()
}

fn stays(board: Board) -> Result<()> {
    let folder = TemporaryFolder::new("persistence")?;
    let medium = Medium::make(board, folder.path())?;
    let machine = |archive| medium.machine(folder.path(), archive);
    medium.check()?;
    let sample = setup::image::sample()?;
    let output = guest::succeed(machine(image::archive(&sample)?)?, BEFORE)?;
    ensure!(output == "1\n", "before:\n{output}");
    medium.check()?;
    let output = guest::succeed(machine(Archive::new())?, AFTER)?;
    let expected = "1\nkept\nkept\nkept\n33:44 640 2\n2\n";
    ensure!(
        output == expected,
        "after:\n{output}\nexpected:\n{expected}"
    );
    medium.check()
}

/// What has the data partition.
enum Medium {
    /// A disk of virt, whole.
    Disk(PathBuf),
    /// A card of the Raspberry Pi, from which it starts.
    Card(PathBuf),
}

impl Medium {
    fn make(board: Board, folder: &Path) -> Result<Self> {
        match board {
            Board::Virt => {
                let file = folder.join("disk");
                File::create(&file)?.set_len(SIZE)?;
                data::make(&file, &(0..SIZE), 0)?;
                Ok(Self::Disk(file))
            }
            Board::Rpi4 => Ok(Self::Card(card::make(folder, "card")?)),
        }
    }

    /// A machine with it, in whose initramfs are further files.
    fn machine(&self, folder: &Path, addition: Archive) -> Result<Machine> {
        let (mut machine, base);
        match self {
            Self::Disk(file) => {
                machine = Machine::new(Board::Virt);
                machine.add_disk(file, Attachment::Virtio)?;
                machine.append.push("data=/dev/vda".to_string());
                base = guest::initramfs(&machine)?;
            }
            Self::Card(file) => {
                machine = Machine::new(Board::Rpi4);
                base = slot::insert(&mut machine, file, folder)?;
            }
        }
        let initramfs = folder.join("initramfs");
        write_file(&initramfs, &initrd::join(base, addition))?;
        machine.initrd = Some(initramfs);
        Ok(machine)
    }

    /// Lets the file systems' own checkers look for faults.
    fn check(&self) -> Result<()> {
        match self {
            Self::Disk(file) => command::run_quietly(
                filesystems::command("e2fsck")?
                    .arg("-fn")
                    .arg(file)
                    .env("LC_ALL", "C"),
            ),
            Self::Card(file) => card::check(file),
        }
    }
}
