//! The ways in which a machine may start the kernel.
use super::guest::{self, LIMIT, execute, expect_status};
use super::step::Step;
use crate::run::machine::{Machine, parse_size};
use crate::workspace::{Board, TemporaryFolder, read_file, write_file};
use anyhow::{Context, Result, bail};
use std::time::Duration;

/// A boot takes seconds: one that takes this long hangs.
const BOOT_LIMIT: Duration = Duration::from_secs(120);
/// Where the image's header says how far from the start of memory it wants to be.
const TEXT_OFFSET: std::ops::Range<usize> = 8..16;
/// Addresses from the start of memory that are multiples of 2 MiB and of nothing larger.
const OFFSETS: [u64; 2] = [0x60_0000, 0x1e0_0000];

/// What QEMU's virt machine can be: its properties, the CPU model, the number of CPUs.
const VARIANTS: [(&str, &str, &str, u32); 7] = [
    ("GICv2, entry at EL1", "gic-version=2", "cortex-a76", 4),
    ("GICv3, entry at EL1", "gic-version=3", "cortex-a76", 4),
    (
        "GICv2, entry at EL2",
        "gic-version=2,virtualization=on",
        "cortex-a72",
        4,
    ),
    (
        "GICv3, entry at EL2",
        "gic-version=3,virtualization=on",
        "cortex-a76",
        4,
    ),
    ("newest CPU", "gic-version=3,virtualization=on", "max", 2),
    ("one old CPU", "gic-version=2", "cortex-a53", 1),
    ("eight CPUs", "gic-version=3", "cortex-a76", 8),
];

pub fn steps(boots: u32) -> Vec<Step> {
    let mut steps: Vec<_> = VARIANTS
        .map(|(name, properties, cpu, count)| {
            Step::new(format!("virt, {name}"), move || {
                let mut machine = Machine::new(Board::Virt);
                machine.properties = Some(properties.to_string());
                machine.cpu_model = cpu.to_string();
                machine.cpus = count;
                check_cpus(machine, count)
            })
        })
        .into();
    steps.push(Step::new("rpi4, two CPUs of four", || {
        let mut machine = Machine::new(Board::Rpi4);
        machine.cpus = 2;
        check_cpus(machine, 2)
    }));
    for offset in OFFSETS {
        steps.push(Step::new(
            format!("virt, loaded at {offset:#x}"),
            move || loaded_at(offset),
        ));
    }
    // From 1 GiB on: the third one goes past 4 GiB.
    for size in ["64M", "3G", "6G"] {
        steps.push(Step::new(format!("virt, {size} of memory"), move || {
            uses_memory(size)
        }));
    }
    steps.push(Step::new("virt, a device with random numbers", || {
        let mut machine = Machine::new(Board::Virt);
        machine
            .extra
            .extend(["-device", "virtio-rng-device"].map(String::from));
        guest::succeed(machine, "dmesg | grep ': 64 random bytes$'").map(drop)
    }));
    steps.push(Step::new(
        "the end of the first process is a panic, status 101",
        || {
            let mut machine = Machine::new(Board::Virt);
            machine.append.push("rdinit=/bin/true".to_string());
            panics(&machine)
        },
    ));
    steps.push(Step::new(format!("virt, {boots} boots"), move || {
        for count in 1..=boots {
            let (outcome, output) = execute(Machine::new(Board::Virt), "true", BOOT_LIMIT)?;
            expect_status(&outcome, &output, 0)
                .map_err(|error| error.context(format!("boot {count}")))?;
        }
        Ok(())
    }));
    steps
}

/// All CPUs are there and every one of them runs programs.
fn check_cpus(machine: Machine, count: u32) -> Result<()> {
    let script = format!(
        "grep -c ^processor /proc/cpuinfo; for cpu in $(seq 0 {}); do taskset -c $cpu true || echo failed; done",
        count - 1
    );
    let output = guest::succeed(machine, &script)?;
    if output.trim() != count.to_string() {
        bail!("expected {count} CPUs: {output}");
    }
    Ok(())
}

/// Nearly all memory is there for programs.
fn uses_memory(size: &str) -> Result<()> {
    let mut machine = Machine::new(Board::Virt);
    machine.set_memory(Some(size))?;
    let output = guest::succeed(machine, "awk '/^MemFree/ { print $2 }' /proc/meminfo")?;
    let free: u64 = output.trim().parse().context("no number of free KiB")?;
    let expected = parse_size(size).unwrap_or_default() / 1024 / 10 * 7;
    if free < expected {
        bail!("{free} KiB are free, not {expected}");
    }
    Ok(())
}

/// Boots an image whose header asks for another place; QEMU puts it there.
fn loaded_at(offset: u64) -> Result<()> {
    let mut image = read_file(&Board::Virt.output().join("Image"))?;
    let Some(field) = image.get_mut(TEXT_OFFSET) else {
        bail!("the Image has no header")
    };
    field.copy_from_slice(&offset.to_le_bytes());
    let folder = TemporaryFolder::new("image")?;
    let file = folder.path().join("Image");
    write_file(&file, &image)?;
    let mut machine = Machine::new(Board::Virt);
    machine.kernel = Some(file);
    guest::succeed(machine, "true").map(drop)
}

/// Runs a machine whose kernel must panic.
pub fn panics(machine: &Machine) -> Result<()> {
    let mut output = Vec::new();
    let outcome = crate::run::session::command(machine, Some(LIMIT), &mut output)?;
    expect_status(&outcome, &output, crate::run::session::PANIC_STATUS)
}
