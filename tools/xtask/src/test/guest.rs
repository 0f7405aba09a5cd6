//! Programs run on the system: the guest tests, attacks, the demos and runc's robustness.
use super::source::last_lines;
use super::step::Step;
use crate::build::{self, archive::Archive};
use crate::run::initrd;
use crate::run::machine::{Machine, Screen};
use crate::run::session::{self, Outcome};
use crate::workspace::{self, Board, TemporaryFolder};
use anyhow::{Result, bail};
use std::time::Duration;

/// Long enough for a machine that shares two cores with another.
pub const LIMIT: Duration = Duration::from_secs(600);

/// The programs of the initramfs that check something, with what they check.
const PROGRAMS: [(&str, &str); 4] = [
    ("guest tests", "guest-tests"),
    ("ways out of a container", "escape"),
    ("demos", "demo all"),
    ("runc", "runc-test"),
];

pub fn build_step(board: Board) -> Step {
    Step::new(format!("build, {board}"), move || {
        build::image(board)?;
        build::place_initramfs(board, &build::initramfs()?).map(drop)
    })
}

pub fn steps(board: Board) -> Vec<Step> {
    let programs = PROGRAMS.map(|(name, command)| {
        Step::new(format!("{name}, {board}"), move || {
            succeed(Machine::new(board), command).map(drop)
        })
    });
    let mut steps: Vec<_> = programs.into();
    steps.push(Step::new(
        format!("exit status and output, {board}"),
        move || {
            let (outcome, output) = execute(
                Machine::new(board),
                "printf 'a\\0\\n\\r\\n'; exit 42",
                LIMIT,
            )?;
            expect_status(&outcome, &output, 42)?;
            if output != b"a\0\n\r\n" {
                bail!("the output was {:?}", String::from_utf8_lossy(&output));
            }
            Ok(())
        },
    ));
    steps.push(Step::new(format!("four CPUs, {board}"), move || {
        let output = succeed(Machine::new(board), "grep -c ^processor /proc/cpuinfo")?;
        if output.trim() != "4" {
            bail!("there are {}", output.trim())
        } else {
            Ok(())
        }
    }));
    steps
}

/// Runs a command that must succeed, and returns its output.
pub fn succeed(machine: Machine, command: &str) -> Result<String> {
    let (outcome, output) = execute(machine, command, LIMIT)?;
    expect_status(&outcome, &output, 0)?;
    Ok(String::from_utf8_lossy(&output).into_owned())
}

/// The initramfs that a machine would start with, plain.
pub fn initramfs(machine: &Machine) -> Result<Vec<u8>> {
    match &machine.initrd {
        Some(file) => initrd::read(file),
        None => Ok(Vec::new()),
    }
}

/// Runs a command on a machine whose initramfs has a shell.
pub fn execute(mut machine: Machine, command: &str, limit: Duration) -> Result<(Outcome, Vec<u8>)> {
    let base = initramfs(&machine)?;
    let mut addition = Archive::new();
    initrd::add_command(&mut addition, command)?;
    if machine.screen != Screen::None {
        initrd::show_output(&mut addition);
    }
    let folder = TemporaryFolder::new("test")?;
    let file = folder.path().join("initrd");
    workspace::write_file(&file, &initrd::join(base, addition))?;
    machine.initrd = Some(file);
    machine
        .append
        .push(format!("rdinit={}", initrd::COMMAND_INIT));
    let mut output = Vec::new();
    let outcome = session::command(&machine, Some(limit), &mut output)?;
    Ok((outcome, output))
}

pub fn expect_status(outcome: &Outcome, output: &[u8], status: u8) -> Result<()> {
    if outcome.status() == status {
        return Ok(());
    }
    let complaint = outcome
        .complaint()
        .unwrap_or_else(|| format!("exit status {}", outcome.status()));
    let output = String::from_utf8_lossy(output);
    let failures: Vec<_> = output.lines().filter(|line| names_failure(line)).collect();
    let (failures, output) = (failures.join("\n"), last_lines(&output, 60));
    let log = last_lines(&outcome.log(), 60);
    bail!("{complaint}\n{failures}\n{output}\n{log}")
}

/// Whether this is how a test program of the guest, or a demo, reports what failed: it may stand far from the end.
fn names_failure(line: &str) -> bool {
    ["FAILED", "FALSE", "ESCAPED"]
        .iter()
        .any(|word| line.trim_start().starts_with(word))
}
