//! FAT: what a guest does on a disk, and on a card's boot partition, is sound afterwards and there for other programs.
use super::card;
use super::guest::succeed;
use super::step::Step;
use crate::command;
use crate::run::machine::{Attachment, Machine};
use crate::setup::filesystems;
use crate::workspace::{Board, TemporaryFolder, write_file};
use anyhow::{Result, ensure};
use std::path::Path;

/// Bytes of the disk.
const SIZE: u64 = 48 << 20;

/// What is done in the directory on which it is mounted: long names in any case, moving, sizes, a full volume, programs,
/// what FAT hasn't got.
const USE: &str = r#"
cd /tmp/fat
mkdir 'A directory'
echo content > 'A directory/A long name.text'
test "$(cat 'a DIRECTORY/a LONG name.TEXT')" = content
test "$(ls 'A DIRECTORY')" = 'A long name.text'
if mkdir 'a directory' 2>&1; then exit 1; fi
mv 'A directory/A long name.text' moved
cp /bin/busybox .
cmp busybox /bin/busybox
test "$(./busybox echo runs)" = runs
rm busybox
truncate -s 1000000 moved
truncate -s 8 moved
truncate -s 300000 moved
test "$(head -c 8 moved)" = content
test "$(tail -c +9 moved | tr -d '\0' | wc -c)" = 0
exec 3< moved
rm moved
test "$(head -c 7 <&3)" = content
exec 3<&-
before=$(stat -f -c %f .)
if dd if=/dev/zero of=full bs=1M 2>&1; then exit 2; fi
rm full
test "$(stat -f -c %f .)" = $before
if ln -s a b 2>&1 || mkfifo f 2>&1 || chmod 4755 'A directory' 2>&1; then exit 3; fi
chmod 555 ../fat/'A directory'
for i in $(seq 100); do echo $i > "A directory/one of many, number $i"; done
rm "A directory/one of many, number "?
for n in 1 2 3 4; do
    (set -e; for i in $(seq 8); do
        head -c ${i}7777 /bin/busybox > "by process $n"
        cp "by process $n" "copy by $n"
        cmp "by process $n" "copy by $n"
        mv "copy by $n" "A directory/copy $i by $n"
        sync
    done) & jobs="$jobs $!"
done
for job in $jobs; do wait $job; done
cd /
mount -o remount,ro /tmp/fat
if touch /tmp/fat/new 2>&1; then exit 4; fi
mount -o remount,rw /tmp/fat
echo later > /tmp/fat/later
"#;

pub fn steps() -> Vec<Step> {
    vec![
        Step::new("FAT on a disk, virt", on_a_disk),
        Step::new("FAT on a card, rpi4", on_a_card),
    ]
}

fn on_a_disk() -> Result<()> {
    let folder = TemporaryFolder::new("fat")?;
    let disk = folder.path().join("disk");
    std::fs::File::create(&disk)?.set_len(SIZE)?;
    run("mkfs.fat", &["-F", "32", "-s", "1"], &disk)?;
    let outside = folder.path().join("outside");
    write_file(&outside, b"from outside")?;
    command::run_quietly(
        filesystems::command("mcopy")?
            .arg("-i")
            .args([&disk, &outside])
            .arg("::/Written outside"),
    )?;
    let mut machine = Machine::new(Board::Virt);
    machine.add_disk(&disk, Attachment::Virtio)?;
    let output = succeed(
        machine,
        &mounted("/dev/vda", "cat '/tmp/fat/WRITTEN OUTSIDE'"),
    )?;
    ensure!(
        output.contains("from outside"),
        "the file is missing in\n{output}"
    );
    run("fsck.fat", &["-nv"], &disk)?;
    for (name, expected) in [
        ("::/later", "later\n"),
        ("::/A directory/one of many, number 57", "57\n"),
    ] {
        let found = command::output(
            filesystems::command("mtype")?
                .arg("-i")
                .arg(&disk)
                .arg(name),
        )?;
        ensure!(found == expected, "{name} holds {found:?}");
    }
    Ok(())
}

fn on_a_card() -> Result<()> {
    let folder = TemporaryFolder::new("fat")?;
    let card = card::make(folder.path(), "card")?;
    let mut machine = Machine::new(Board::Rpi4);
    machine.card = Some(card.clone());
    succeed(
        machine,
        &mounted("/dev/mmcblk0p1", "test -s /tmp/fat/config.txt"),
    )?;
    card::check(&card)
}

/// The command that mounts a device, does what is done everywhere after `first`, and unmounts it.
fn mounted(device: &str, first: &str) -> String {
    format!(
        "set -e; mkdir /tmp/fat; mount -t vfat -o umask=022 {device} /tmp/fat
         grep -q '^{device} /tmp/fat vfat rw,' /proc/mounts
         {first}
         {USE}
         umount /tmp/fat"
    )
}

fn run(program: &str, options: &[&str], disk: &Path) -> Result<()> {
    command::run_quietly(
        filesystems::command(program)?
            .args(options)
            .arg(disk)
            .env("LC_ALL", "C"),
    )
}
