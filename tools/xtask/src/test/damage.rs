//! What a boot loader may get wrong: the kernel must say so in a clear line, not hang or fall silent.
use super::guest::expect_status;
use super::source::last_lines;
use super::step::Step;
use crate::run::machine::Machine;
use crate::run::session;
use crate::workspace::{Board, TemporaryFolder, read_file, write_file};
use anyhow::{Result, bail};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
/// Without a device tree the kernel does not know how to end the machine: it says its line at once and stands still.
const STANDSTILL: Duration = Duration::from_secs(10);
/// Where the tests that do without QEMU's boot loader put things.
const STUB: u64 = 0x4010_0000;
const KERNEL: u64 = 0x4020_0000;
const TREE: u64 = 0x4800_0000;

pub fn steps() -> Vec<Step> {
    vec![
        Step::new("damaged initramfs: cut off", || {
            let archive = read_file(&Board::Virt.output().join("initramfs.cpio"))?;
            initramfs(&archive[..archive.len() / 3])
        }),
        Step::new("damaged initramfs: not an archive", || {
            initramfs(b"This is no initramfs.".repeat(1000).as_slice())
        }),
        Step::new("damaged initramfs: gzip cut off", || {
            let mut head = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
            head.extend([0x5a; 4000]);
            initramfs(&head)
        }),
        Step::new("missing initramfs", || {
            let mut machine = Machine::new(Board::Virt);
            machine.initrd = None;
            panics(&machine, &["initramfs", "init"])
        }),
        Step::new("missing device tree", || device_tree(None)),
        Step::new("damaged device tree: only a magic number", || {
            let mut tree = 0xd00d_feed_u32.to_be_bytes().to_vec();
            tree.resize(4096, 0xff);
            device_tree(Some(&tree))
        }),
        Step::new("damaged device tree: noise", || {
            device_tree(Some(&[0xa5; 4096]))
        }),
    ]
}

fn initramfs(content: &[u8]) -> Result<()> {
    let folder = TemporaryFolder::new("damage")?;
    let file = folder.path().join("initrd");
    write_file(&file, content)?;
    let mut machine = Machine::new(Board::Virt);
    machine.initrd = Some(file);
    panics(&machine, &["initramfs"])
}

/// Starts the kernel with a register that points to a device tree of our own, or to none.
fn device_tree(tree: Option<&[u8]>) -> Result<()> {
    let folder = TemporaryFolder::new("damage")?;
    let mut machine = Machine::new(Board::Virt);
    machine.kernel = None;
    machine.initrd = None;
    let mut load = |name: &str, content: &[u8], address: u64| -> Result<()> {
        let file = folder.path().join(name);
        write_file(&file, content)?;
        let argument = format!(
            "loader,file={},addr={address:#x},force-raw=on",
            file.display()
        );
        machine.extra.extend(["-device".to_string(), argument]);
        Ok(())
    };
    load(
        "Image",
        &read_file(&Board::Virt.output().join("Image"))?,
        KERNEL,
    )?;
    load("stub", &stub(tree.map_or(0, |_| TREE)), STUB)?;
    if let Some(tree) = tree {
        load("tree", tree, TREE)?;
    }
    machine.extra.extend([
        "-device".to_string(),
        format!("loader,addr={STUB:#x},cpu-num=0"),
    ]);
    machine.cpus = 1;
    let outcome = session::command(&machine, Some(STANDSTILL), &mut std::io::sink())?;
    expect_phrase(&outcome.log(), &["device tree"])
}

/// Code that sets x0 to an address, x1 to x3 to zero, and jumps to the kernel, as the boot protocol has it.
fn stub(tree: u64) -> Vec<u8> {
    let move_wide =
        |register: u32, value: u64| 0xd2a0_0000 | ((value >> 16) as u32 & 0xffff) << 5 | register;
    let jump = 0xd61f_0000 | 4 << 5;
    let code = [
        move_wide(0, tree),
        move_wide(1, 0),
        move_wide(2, 0),
        move_wide(3, 0),
        move_wide(4, KERNEL),
        jump,
    ];
    code.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// The kernel must panic, after a line with one of these phrases on the console.
fn panics(machine: &Machine, phrases: &[&str]) -> Result<()> {
    let outcome = session::command(machine, Some(LIMIT), &mut std::io::sink())?;
    expect_phrase(&outcome.log(), phrases)?;
    expect_status(&outcome, b"", session::PANIC_STATUS)
}

fn expect_phrase(text: &str, phrases: &[&str]) -> Result<()> {
    let found = text.lines().any(|line| {
        let line = line.to_ascii_lowercase();
        phrases.iter().any(|phrase| line.contains(phrase))
    });
    if !found {
        bail!("no line speaks of it:\n{}", last_lines(text, 40));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stub_is_the_code_it_should_be() {
        // movz x0, #0x4800, lsl #16; movz x1..x3, #0, lsl #16; movz x4, #0x4020, lsl #16; br x4
        let words = [
            0xd2a9_0000_u32,
            0xd2a0_0001,
            0xd2a0_0002,
            0xd2a0_0003,
            0xd2a8_0404,
            0xd61f_0080,
        ];
        assert_eq!(
            stub(TREE),
            words
                .into_iter()
                .flat_map(u32::to_le_bytes)
                .collect::<Vec<_>>()
        );
    }
}
