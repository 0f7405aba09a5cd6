//! `cargo xtask calibrate`: runs the tests of runc with other container runtimes on Linux as well, so that they ask for
//! what really is so, and writes runc/CONFORMANCE.md: where runtimes differ, and why.
mod linux;
mod page;
mod report;

use crate::build::{self, archive::Archive};
use crate::run::initrd;
use crate::run::machine::Machine;
use crate::run::session;
use crate::setup;
use crate::workspace::{self, Board, TemporaryFolder};
use anyhow::{Context, Result, bail, ensure};
use report::Report;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(clap::Args)]
pub struct CalibrateOptions {
    /// Test this one only; what the page says of the others is what they did last time
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
    /// End each machine after this time
    #[arg(long, value_name = "SECONDS", default_value_t = 3000)]
    timeout: u64,
    /// Run these tests only; what the page says of others is from last time too
    tests: Vec<String>,
}

/// A container runtime, on its kernel.
#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Runtime {
    Crun,
    Runc,
    Ours,
}

impl Runtime {
    const ALL: [Self; 3] = [Self::Crun, Self::Runc, Self::Ours];

    /// Where its last report is kept.
    fn file(self) -> PathBuf {
        let name = match self {
            Self::Crun => "crun.txt",
            Self::Runc => "runc.txt",
            Self::Ours => "ours.txt",
        };
        workspace::output().join("calibration").join(name)
    }

    fn last_report(self) -> Result<Report> {
        let file = self.file();
        let text = workspace::read_file(&file).context("not every runtime was tested yet")?;
        Ok(Report::parse(&String::from_utf8_lossy(&text)))
    }
}

const PAGE: &str = "runc/CONFORMANCE.md";

pub fn run(options: &CalibrateOptions) -> Result<ExitCode> {
    setup::for_board(Board::Virt)?;
    let limit = Duration::from_secs(options.timeout);
    let chosen = match options.runtime {
        Some(runtime) => vec![runtime],
        None => Runtime::ALL.to_vec(),
    };
    for runtime in chosen {
        let mut output = Vec::new();
        test(runtime, &options.tests.join(" "), limit, &mut output)?;
        let new = Report::parse(&String::from_utf8_lossy(&output));
        ensure!(
            !new.tests.is_empty(),
            "no test was run:\n{}",
            String::from_utf8_lossy(&output)
        );
        let report = match runtime.last_report() {
            Ok(mut report) if !options.tests.is_empty() => {
                print!("{new}");
                report.update(new);
                report
            }
            _ => new,
        };
        workspace::write_file(&runtime.file(), report.to_string().as_bytes())?;
    }
    let [crun, runc, ours] = Runtime::ALL.map(Runtime::last_report);
    let page = page::write(&crun?, &runc?, &ours?)?;
    workspace::write_file(&workspace::root().join(PAGE), page.as_bytes())?;
    println!("{PAGE}");
    Ok(ExitCode::SUCCESS)
}

/// Tests a runtime; the output is what the tests report.
fn test(runtime: Runtime, tests: &str, limit: Duration, output: &mut dyn Write) -> Result<()> {
    let mut machine = Machine::new(Board::Virt);
    let mut addition = Archive::new();
    let initramfs = build::initramfs()?;
    let command = match runtime {
        Runtime::Ours => {
            machine.kernel = Some(build::image(Board::Virt)?);
            format!("runc-test --report {tests}")
        }
        Runtime::Crun => linux::prepare(&mut machine, &mut addition, "/usr/bin/crun", tests)?,
        Runtime::Runc => linux::prepare(&mut machine, &mut addition, "/usr/sbin/runc", tests)?,
    };
    initrd::add_command(&mut addition, &command)?;
    machine
        .append
        .push(format!("rdinit={}", initrd::COMMAND_INIT));
    let folder = TemporaryFolder::new("calibrate")?;
    let file = folder.path().join("initrd");
    workspace::write_file(&file, &initrd::join(initramfs, addition))?;
    machine.initrd = Some(file);
    let outcome = session::command(&machine, Some(limit), output)?;
    match outcome.complaint() {
        Some(complaint) => bail!("{complaint}\n{}", outcome.log()),
        None => Ok(()),
    }
}
