//! An initramfs as people make them for Linux: not by our writer, not with our init.
use super::step::Step;
use crate::run::machine::Machine;
use crate::run::{initrd, session};
use crate::setup::packages;
use crate::workspace::{Board, TemporaryFolder, read_file, write_file};
use anyhow::{Result, bail};

/// What many an initramfs has for its init.
const INIT: &str = r#"#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin:/sbin
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mount -t tmpfs none /tmp
echo "foreign init runs as $$ on $(uname -s) $(uname -m)"
ln /bin/busybox /tmp/other 2>/dev/null || echo "no link across file systems"
cmp /bin/hard /bin/busybox && echo "hard links are one file"
echo "words of the command line: $(grep -c foreign.word=1 /proc/cmdline)"
setsid sh -c 'exec sh -c "echo a shell on \$(tty) and \$(cat /dev/null 2>&1 </dev/tty && echo its own terminal)" </dev/ttyAMA0 >/dev/ttyAMA0 2>&1'
sync
poweroff -f
"#;

/// What it must print.
const EXPECTED: [&str; 5] = [
    "foreign init runs as 1 on Linux aarch64",
    "no link across file systems",
    "hard links are one file",
    "words of the command line: 1",
    "a shell on /dev/ttyAMA0 and its own terminal",
];

pub fn steps() -> Vec<Step> {
    let mut steps = Vec::new();
    for board in Board::ALL {
        for compressed in [false, true] {
            let kind = if compressed { "gzip" } else { "plain" };
            steps.push(Step::new(
                format!("foreign initramfs, {kind}, {board}"),
                move || boots(board, compressed),
            ));
        }
    }
    steps
}

fn boots(board: Board, compressed: bool) -> Result<()> {
    let folder = TemporaryFolder::new("foreign")?;
    let plain = folder.path().join("initrd.cpio");
    write_file(&plain, &archive(&read_file(&packages::busybox()?)?))?;
    let mut file = plain;
    if compressed {
        let packed = folder.path().join("initrd.gz");
        initrd::compress(&file, &packed)?;
        file = packed;
    }
    let mut machine = Machine::new(board);
    machine.initrd = Some(file);
    machine.append.push("foreign.word=1".to_string());
    let outcome = session::command(&machine, Some(super::guest::LIMIT), &mut std::io::sink())?;
    let text = outcome.log();
    for expected in EXPECTED {
        if !text.contains(expected) {
            bail!(
                "nothing says \"{expected}\":\n{}",
                super::source::last_lines(&text, 60)
            );
        }
    }
    Ok(())
}

/// Writes the archive the way `find . | cpio -o -H newc` does: "." first, inode numbers, hard links with their data at the
/// last name, capital digits, times and owners as they come, blocks of 512 at the end.
fn archive(busybox: &[u8]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.entry(".", 0o040755, 1, 2, b"");
    for (number, folder) in ["./proc", "./sys", "./dev", "./tmp", "./bin", "./sbin"]
        .into_iter()
        .enumerate()
    {
        writer.entry(folder, 0o040755, 10 + number as u32, 2, b"");
    }
    writer.entry("./bin/hard", 0o100755, 40, 2, b"");
    writer.entry("./bin/busybox", 0o100755, 40, 2, busybox);
    writer.entry("./bin/sh", 0o120777, 41, 1, b"busybox");
    writer.entry("./init", 0o100755, 42, 1, INIT.as_bytes());
    writer.entry("TRAILER!!!", 0, 0, 1, b"");
    let size = writer.bytes.len().next_multiple_of(512);
    writer.bytes.resize(size, 0);
    writer.bytes
}

#[derive(Default)]
struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    fn entry(&mut self, name: &str, mode: u32, inode: u32, links: u32, data: &[u8]) {
        let (owner, time, device) = (1000, 0x6789_ABCD, (8, 1));
        let size = data.len() as u32;
        let length = name.len() as u32 + 1;
        let header = [
            inode, mode, owner, owner, links, time, size, device.0, device.1, 0, 0, length, 0,
        ];
        self.bytes.extend_from_slice(b"070701");
        for field in header {
            self.bytes
                .extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.align();
        self.bytes.extend_from_slice(data);
        self.align();
    }

    fn align(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
