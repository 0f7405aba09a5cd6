//! `cargo xtask bench`: what single operations of a kernel cost, in instructions.
pub mod figures;
pub mod measurement;

use crate::build;
use crate::setup::{self, packages};
use crate::workspace::{self, Board, read_file};
use anyhow::{Context, Result};
use figures::Figures;
use measurement::Measurement;
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
    /// Add the files of a folder to the initramfs, such as another container runtime
    #[arg(long, value_name = "DIR")]
    overlay: Option<PathBuf>,
    /// The container runtime to measure, with its global options
    #[arg(long, value_name = "COMMAND", default_value = "runc")]
    runtime: String,
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

/// Figures of Linux, recorded as BENCHMARKS.md says.
const RECORDED: &str = include_str!("linux-6.1.txt");

pub fn run(options: &BenchOptions) -> Result<ExitCode> {
    setup::for_board(Board::Virt)?;
    let (kernel, modules) = match &options.kernel {
        Some(kernel) => (kernel.clone(), modules(kernel)?),
        None => (build::image(Board::Virt)?, Vec::new()),
    };
    let measurement = Measurement {
        kernel,
        modules,
        append: options.append.clone(),
        overlay: options.overlay.clone(),
        runtime: options.runtime.clone(),
        rows: options.rows.clone(),
        limit: Duration::from_secs(options.timeout),
    };
    let (ours, outcome) = measurement.take()?;
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

/// What Linux, if that is the kernel to be measured, loads for a card.
fn modules(kernel: &Path) -> Result<Vec<PathBuf>> {
    let kernel = std::path::absolute(kernel)?;
    if kernel == packages::linux_image()? {
        packages::linux_card_modules()
    } else {
        Ok(Vec::new())
    }
}

fn recorded(file: Option<&Path>) -> Result<Figures> {
    let text = match file {
        Some(file) => String::from_utf8(read_file(file)?).context("recorded figures are text")?,
        None => RECORDED.to_string(),
    };
    Ok(Figures::parse(&text))
}
