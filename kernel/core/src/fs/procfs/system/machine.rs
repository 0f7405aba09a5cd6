//! /proc/{cmdline,cpuinfo,devices,filesystems,kmsg,version}: the machine and what the kernel can do (proc(5)).

use super::super::text::Text;
use crate::block::registry;
use crate::system::identity;
use crate::task::{Capability, Current};
use crate::vfs::device::{self, DeviceKind};
use crate::vfs::file_system;
use crate::{Result, context, log};
use hal::boot::BootInformation;

/// The kernel's command line.
///
/// # Errors
/// None.
pub fn command_line(_reader: &Current, text: &mut Text) -> Result<()> {
    text.push(crate::start::command_line());
    text.push(b"\n");
    Ok(())
}

/// Each processor's identification and features.
///
/// # Errors
/// None.
pub fn cpuinfo(_reader: &Current, text: &mut Text) -> Result<()> {
    let (first, _second) = hal::cpu::hardware_capabilities();
    let identification = hal::cpu::main_id();
    for cpu in (0..64).filter(|cpu| crate::sched::cpu::joined() >> cpu & 1 != 0) {
        text.add(format_args!("processor\t: {cpu}\nFeatures\t:"));
        for (bit, name) in FEATURES {
            if first >> bit & 1 != 0 {
                text.add(format_args!(" {name}"));
            }
        }
        // MIDR_EL1: implementer 31:24, variant 23:20, architecture 19:16, part 15:4, revision 3:0.
        text.add(format_args!(
            "\nCPU implementer\t: 0x{:02x}\nCPU architecture: 8\nCPU variant\t: 0x{:x}\nCPU part\t: 0x{:03x}\nCPU revision\t: {}\n\n",
            identification >> 24 & 0xff,
            identification >> 20 & 0xf,
            identification >> 4 & 0xfff,
            identification & 0xf
        ));
    }
    if let Some(information) = crate::start::information() {
        show_board(information, text);
    }
    Ok(())
}

/// Which Raspberry Pi it is, as the Linux of its makers shows it.
fn show_board(information: &BootInformation, text: &mut Text) {
    let Some(revision) = information.facts.revision else {
        return;
    };
    text.add(format_args!("Revision\t: {revision:04x}\n"));
    if let Some(serial) = information.facts.serial {
        text.add(format_args!("Serial\t\t: {serial:016x}\n"));
    }
    text.add(format_args!("Model\t\t: {}\n", information.model));
}

/// Bits of AT_HWCAP with their names (Linux: arch/arm64/kernel/cpuinfo.c).
const FEATURES: [(u32, &str); 20] = [
    (0, "fp"),
    (1, "asimd"),
    (2, "evtstrm"),
    (3, "aes"),
    (4, "pmull"),
    (5, "sha1"),
    (6, "sha2"),
    (7, "crc32"),
    (8, "atomics"),
    (9, "fphp"),
    (10, "asimdhp"),
    (11, "cpuid"),
    (12, "asimdrdm"),
    (13, "jscvt"),
    (14, "fcma"),
    (15, "lrcpc"),
    (16, "dcpop"),
    (17, "sha3"),
    (20, "asimddp"),
    (21, "sha512"),
];

/// Major numbers with a driver.
///
/// # Errors
/// None.
pub fn devices(_reader: &Current, text: &mut Text) -> Result<()> {
    for (kind, title) in [
        (DeviceKind::Character, "Character devices:\n"),
        (DeviceKind::Block, "\nBlock devices:\n"),
    ] {
        text.push(title.as_bytes());
        for major in device::majors(kind) {
            text.add(format_args!("{major:3} {}\n", major_name(kind, major)));
        }
    }
    Ok(())
}

/// Linux's names of the major numbers in use here (Documentation/admin-guide/devices.txt).
fn major_name(kind: DeviceKind, major: u32) -> &'static str {
    match (kind, major) {
        (DeviceKind::Character, 1) => "mem",
        (DeviceKind::Character, 4) => "ttyS",
        (DeviceKind::Character, 5) => "/dev/tty",
        (DeviceKind::Character, 10) => "misc",
        (DeviceKind::Character, 128) => "ptm",
        (DeviceKind::Character, 136) => "pts",
        (DeviceKind::Character, 204) => "ttyAMA",
        (DeviceKind::Block, 179) => "mmc",
        (DeviceKind::Block, 253) => "virtblk",
        (DeviceKind::Block, 259) => "blkext",
        _ => "unknown",
    }
}

/// Disks and partitions, with their sizes in KiB.
///
/// # Errors
/// None.
pub fn partitions(_reader: &Current, text: &mut Text) -> Result<()> {
    let mut is_first = true;
    registry::each(|volume| {
        if core::mem::take(&mut is_first) {
            text.push(b"major minor  #blocks  name\n\n");
        }
        let number = volume.number();
        text.add(format_args!(
            "{:4}  {:7} {:10} {}\n",
            number.major,
            number.minor,
            volume.sectors() / 2,
            volume.name()
        ));
    });
    Ok(())
}

/// The known types of file systems.
///
/// # Errors
/// None.
pub fn filesystems(_reader: &Current, text: &mut Text) -> Result<()> {
    file_system::for_each(|known| {
        let mark = if known.needs_device() { "" } else { "nodev" };
        text.add(format_args!("{mark}\t{}\n", known.name()));
    });
    Ok(())
}

/// System, release and build.
///
/// # Errors
/// None.
pub fn version(_reader: &Current, text: &mut Text) -> Result<()> {
    text.add(format_args!(
        "{} version {} {}\n",
        identity::SYSTEM,
        identity::RELEASE,
        identity::VERSION
    ));
    Ok(())
}

/// The kernel log, for processes with CAP_SYSLOG outside of jails.
///
/// # Errors
/// `EPERM`.
pub fn kernel_log(reader: &Current, text: &mut Text) -> Result<()> {
    reader.require(Capability::Syslog)?;
    context::jail::refuse(reader)?;
    text.push(&log::newest(log::RING_SIZE).ok_or(crate::Errno::ENOMEM)?);
    Ok(())
}
