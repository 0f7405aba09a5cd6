//! ext4: what a guest does on a disk, and on a card's data partition, is sound afterwards and there for other programs, also
//! when the machine is switched off in the midst.
use super::card;
use super::guest::{LIMIT, execute, succeed};
use super::step::Step;
use crate::command;
use crate::run::machine::{Attachment, Machine};
use crate::setup::filesystems;
use crate::workspace::{Board, TemporaryFolder};
use anyhow::{Result, ensure};
use std::path::Path;

/// Bytes of the disk.
const SIZE: u64 = 64 << 20;

/// What is done in the directory on which it is mounted: all kinds of files, moving, sizes, holes, a full volume, programs,
/// files without names, remounting.
const USE: &str = r#"
cd /tmp/ext4
mkdir -p a/b/c
cp /bin/busybox a/b/busybox
test "$(a/b/busybox echo runs)" = runs
ln a/b/busybox a/linked
ln -s ../a/b a/to-b
ln -s "$(printf '%0200d' 1)" long
mkfifo fifo
mknod null c 1 3
echo gone > null
test "$(stat -c %h a/linked)" = 2
mv a/b/c a/c
mv a/linked a/c/busybox
cmp /bin/busybox a/to-b/busybox
truncate -s 10M sparse
test "$(du -k sparse | cut -f1)" = 0
echo end >> sparse
test "$(du -k sparse | cut -f1)" = 4
truncate -s 5000 sparse
truncate -s 9000 sparse
test "$(tr -d '\0' < sparse | wc -c)" = 0
fallocate -l 3M room
test "$(du -k room | cut -f1)" = 3072
exec 3< a/c/busybox
rm a/c/busybox a/b/busybox
cmp /bin/busybox - <&3
exec 3<&-
sync
before=$(stat -f -c %f .)
if dd if=/dev/zero of=full bs=1M 2>&1; then exit 2; fi
rm full
sync
test "$(stat -f -c %f .)" = $before
touch -d '2100-01-02 03:04:05' later
chown 70000:80000 later
chmod 4750 later
mkdir many
for i in $(seq 500); do echo $i > "many/name number $i"; done
rm many/*7
test "$(ls many | wc -l)" = 450
cd /
mount -o remount,ro /tmp/ext4
if touch /tmp/ext4/new 2>&1; then exit 3; fi
mount -o remount,rw /tmp/ext4
"#;

/// What is there after the next mount.
const FIND: &str = r#"
cd /tmp/ext4
test "$(stat -c '%a %u:%g' later)" = '4750 70000:80000'
test "$(date -r later +%Y)" = 2100
test "$(readlink long | wc -c)" = 201
test "$(stat -c %t:%T null)" = 1:3
test -p fifo
test "$(cat 'many/name number 58')" = 58
test "$(ls many | wc -l)" = 450
cd /
"#;

pub fn steps() -> Vec<Step> {
    vec![
        Step::new("ext4 on a disk, virt", on_a_disk),
        Step::new("ext4 on a card, rpi4", on_a_card),
    ]
}

fn on_a_disk() -> Result<()> {
    let folder = TemporaryFolder::new("ext4")?;
    let disk = folder.path().join("disk");
    std::fs::File::create(&disk)?.set_len(SIZE)?;
    let features = "none,has_journal,extent,filetype,sparse_super,large_file,dir_index";
    run("mke2fs", &["-q", "-F", "-O", features], &disk)?;
    let machine = || -> Result<Machine> {
        let mut machine = Machine::new(Board::Virt);
        machine.add_disk(&disk, Attachment::Virtio)?;
        Ok(machine)
    };
    succeed(machine()?, &mounted("/dev/vda", &format!("{USE}{FIND}")))?;
    check(&disk)?;
    // The machine ends without an unmounting: what was synced is there, by replaying the journal.
    let lost = "set -e; mkdir /tmp/ext4; mount /dev/vda /tmp/ext4; cd /tmp/ext4
        rm -r many; echo kept > synced; sync; echo lost > later; reboot -nf";
    execute(machine()?, lost, LIMIT)?;
    let output = succeed(
        machine()?,
        &mounted("/dev/vda", "cat /tmp/ext4/synced; ls /tmp/ext4"),
    )?;
    ensure!(
        output.contains("kept") && !output.contains("many"),
        "what was synced is missing in\n{output}"
    );
    check(&disk)
}

fn on_a_card() -> Result<()> {
    let folder = TemporaryFolder::new("ext4")?;
    let card = card::make(folder.path(), "card")?;
    for what in [USE, FIND] {
        let mut machine = Machine::new(Board::Rpi4);
        machine.card = Some(card.clone());
        succeed(machine, &mounted("/dev/mmcblk0p2", what))?;
    }
    card::check(&card)
}

/// The command that mounts a device, without a word of what is on it, does something, and unmounts it.
fn mounted(device: &str, what: &str) -> String {
    format!(
        "set -e; mkdir /tmp/ext4; mount {device} /tmp/ext4
         grep -q '^{device} /tmp/ext4 ext4 rw,' /proc/mounts
         {what}
         umount /tmp/ext4"
    )
}

fn check(disk: &Path) -> Result<()> {
    run("e2fsck", &["-fn"], disk)
}

fn run(program: &str, options: &[&str], disk: &Path) -> Result<()> {
    command::run_quietly(
        filesystems::command(program)?
            .args(options)
            .arg(disk)
            .env("MKE2FS_CONFIG", "/dev/null"),
    )
}
