//! Checks of the source itself: formatting, lints, and the tests that run on this machine.
use super::step::Step;
use crate::build::cargo;
use crate::setup::toolchain::Toolchain;
use anyhow::{Context, Result, bail};
use std::process::{Command, Stdio};

/// Packages that only exist for the kernel's target.
const BARE_PACKAGES: [&str; 2] = ["gantry_virt", "gantry_rpi4"];
/// All that the kernel consists of.
const KERNEL_PACKAGES: [&str; 6] = [
    "gantry_abi",
    "hal",
    "kernel_core",
    "board_drivers",
    "gantry_virt",
    "gantry_rpi4",
];
/// How many damaged volumes each test of a file system tries, of which there are some.
const DAMAGED_VOLUMES: u32 = 20_000;
/// How many losses of power each such test tries with each workload.
const POWER_LOSSES: u32 = 100;
const USERLAND_PACKAGES: [&str; 3] = ["gantry_abi", "runc", "guest"];

pub fn steps() -> Vec<Step> {
    vec![
        Step::new("formatting", || {
            run(cargo("cargo").args(["fmt", "--all", "--check"]))
        }),
        Step::new("lints, this machine", || {
            let mut clippy = Toolchain::find()?.host_cargo("clippy");
            clippy
                .args(["--workspace", "--all-targets"])
                .args(excluded())
                .args(["--", "-D", "warnings"]);
            run(&mut clippy)
        }),
        Step::new("lints, kernel", || {
            let mut clippy = Toolchain::find()?.kernel_cargo("clippy");
            clippy
                .args(packages(&KERNEL_PACKAGES))
                .args(["--release", "--", "-D", "warnings"]);
            run(&mut clippy)
        }),
        Step::new("lints, userland", || {
            let mut clippy = Toolchain::find()?.userland_cargo("clippy");
            clippy
                .args(packages(&USERLAND_PACKAGES))
                .args(["--", "-D", "warnings"]);
            run(&mut clippy)
        }),
        Step::new("tests on this machine", || {
            let mut tests = Toolchain::find()?.host_cargo("test");
            tests
                .args(["--workspace", "--no-fail-fast"])
                .args(excluded());
            run(&mut tests)
        }),
        Step::new("many damaged volumes and losses of power", || {
            let mut tests = Toolchain::find()?.host_cargo("test");
            tests
                .args(["--package", "kernel_core", "--profile", "stress", "--"])
                .args(["tests::damage", "tests::power"])
                .env("GANTRY_DAMAGED_VOLUMES", DAMAGED_VOLUMES.to_string())
                .env("GANTRY_POWER_LOSSES", POWER_LOSSES.to_string());
            run(&mut tests)
        }),
    ]
}

fn packages(names: &[&'static str]) -> impl Iterator<Item = &'static str> {
    names
        .iter()
        .flat_map(|name| ["--package", name])
        .collect::<Vec<_>>()
        .into_iter()
}

fn excluded() -> impl Iterator<Item = &'static str> {
    BARE_PACKAGES.iter().flat_map(|name| ["--exclude", *name])
}

/// Runs a command; when it fails, what it wrote is the error.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    bail!("{}", last_lines(&text, 100))
}

/// The end of a long text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}
