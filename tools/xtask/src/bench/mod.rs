//! `cargo xtask bench`: what single operations of a kernel cost, in instructions.
mod figures;

use crate::build::{self, archive::Archive, archive::Entry, guest_program};
use crate::run::machine::Machine;
use crate::run::{initrd, session};
use crate::setup;
use crate::workspace::{self, Board, TemporaryFolder, read_file};
use anyhow::{Context, Result, bail};
use figures::Figures;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args)]
pub struct BenchOptions {
    /// Measure another arm64 kernel Image
    #[arg(long, value_name = "FILE")]
    kernel: Option<PathBuf>,
    /// More words for the kernel's command line
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    append: Option<String>,
    /// Compare with figures recorded in a file [default: those of Linux that come with the source]
    #[arg(long, value_name = "FILE")]
    linux: Option<PathBuf>,
    /// Record the figures in a file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// End the machine after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 1200)]
    timeout: u64,
    /// Measure these rows only (`bench --list` in the system names them)
    rows: Vec<String>,
}

/// A CPU without extensions that one kernel may use and the other not.
const CPU: &str = "cortex-a72";
const MEMORY_KIB: u64 = 1 << 20;
/// Figures of Linux, recorded as BENCHMARKS.md says.
const RECORDED: &str = include_str!("linux-6.1.txt");

pub fn run(options: &BenchOptions) -> Result<ExitCode> {
    setup::for_board(Board::Virt)?;
    let initramfs = build::initramfs()?;
    let kernel = match &options.kernel {
        Some(kernel) => kernel.clone(),
        None => build::image(Board::Virt)?,
    };
    let limit = Duration::from_secs(options.timeout);
    let folder = TemporaryFolder::new("bench")?;
    let machine = |append: Option<&str>, initrd: Vec<u8>| -> Result<Machine> {
        let mut machine = Machine::new(Board::Virt);
        machine.cpus = 1;
        machine.cpu_model = CPU.to_string();
        machine.counted = true;
        machine.kernel = Some(kernel.clone());
        machine.append.extend(append.map(str::to_string));
        machine.append.extend(options.append.clone());
        let file = folder.path().join("initrd");
        workspace::write_file(&file, &initrd)?;
        machine.initrd = Some(file);
        Ok(machine)
    };

    let mut ours = if options.rows.is_empty() {
        boot(&machine(None, boot_initrd()?)?, limit)?
    } else {
        Figures::default()
    };
    let mut addition = Archive::new();
    let rows = options.rows.join(" ");
    // The loopback interface is for the TCP row.
    let command = format!("ifconfig lo 127.0.0.1 up 2>/dev/null; exec bench {rows}");
    initrd::add_command(&mut addition, &command)?;
    let init = format!("rdinit={}", initrd::COMMAND_INIT);
    let machine = machine(Some(&init), initrd::join(initramfs, addition))?;
    let mut output = Vec::new();
    let outcome = session::command(&machine, Some(limit), &mut output)?;
    ours.extend(Figures::parse(&String::from_utf8_lossy(&output)));
    if let Some(complaint) = outcome.complaint() {
        eprint!("{}", outcome.log());
        eprintln!("xtask: {complaint}");
    }

    if let Some(file) = &options.save {
        workspace::write_file(file, ours.to_string().as_bytes())?;
    }
    print!(
        "{}",
        figures::table(&ours, &recorded(options.linux.as_deref())?)
    );
    Ok(ExitCode::from(outcome.status()))
}

fn recorded(file: Option<&Path>) -> Result<Figures> {
    let text = match file {
        Some(file) => String::from_utf8(read_file(file)?).context("recorded figures are text")?,
        None => RECORDED.to_string(),
    };
    Ok(Figures::parse(&text))
}

/// Measures the way to the first program, which is the benchmark itself and all there is.
fn boot(machine: &Machine, limit: Duration) -> Result<Figures> {
    let outcome = session::command(machine, Some(limit), &mut std::io::sink())?;
    let log = outcome.log();
    let mut figures = Figures::parse(&log);
    let free = log.lines().find_map(|line| {
        line.strip_prefix("free-memory ")?
            .trim()
            .parse::<u64>()
            .ok()
    });
    let Some(free) = free else {
        bail!("the kernel did not start its first program:\n{log}")
    };
    figures.add("boot-memory-KiB", MEMORY_KIB.saturating_sub(free) as f64);
    Ok(figures)
}

fn boot_initrd() -> Result<Vec<u8>> {
    let mut archive = Archive::new();
    archive.add(
        "dev/console",
        Entry::Device {
            mode: 0o600,
            major: 5,
            minor: 1,
        },
    );
    archive.add_file("init", 0o755, read_file(&guest_program("bench")?)?);
    Ok(archive.into_bytes())
}
