//! `cargo xtask test`: everything that can be checked, on this machine and in QEMU on both boards.
mod boot;
mod card;
mod damage;
mod ext4;
mod fat;
mod foreign;
mod guest;
mod image;
mod persistence;
mod promises;
mod removal;
mod screen;
mod source;
mod step;
mod storage;

use crate::setup;
use crate::workspace::Board;
use anyhow::Result;
use std::process::ExitCode;
use step::{Report, Step};

#[derive(clap::Args)]
pub struct TestOptions {
    /// How often to boot the virt board with four CPUs
    #[arg(long, value_name = "N", default_value_t = 10)]
    boots: u32,
    /// Run only the steps whose name contains this
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
    /// Name the steps and run none
    #[arg(long)]
    list: bool,
}

/// How many machines run at a time: each has four CPUs to emulate.
const MACHINES: usize = 2;

pub fn run(options: &TestOptions) -> Result<ExitCode> {
    let wanted = |step: &Step| {
        options
            .only
            .as_ref()
            .is_none_or(|text| step.name().contains(text.as_str()))
    };
    let guest = guest_steps(options.boots);
    let mut source = source::steps();
    let all = source.iter().chain(&guest);
    source.push(promises::source_step(
        all.map(|step| step.name().to_string()).collect(),
    ));
    let source: Vec<_> = source.into_iter().filter(wanted).collect();
    let guest: Vec<_> = guest.into_iter().filter(wanted).collect();
    if options.list {
        source
            .iter()
            .chain(&guest)
            .for_each(|step| println!("{}", step.name()));
        return Ok(ExitCode::SUCCESS);
    }
    setup::run()?;
    setup::for_tests()?;
    let mut report = Report::default();
    report.run(source, 1);
    if !guest.is_empty() {
        let builds = report.run(Board::ALL.map(guest::build_step).into(), 1);
        if builds {
            report.run(guest, MACHINES);
        } else {
            report.skip(guest.len(), "the build failed");
        }
    }
    Ok(report.finish())
}

fn guest_steps(boots: u32) -> Vec<Step> {
    let mut steps = Vec::new();
    for board in Board::ALL {
        steps.extend(guest::steps(board));
    }
    steps.extend(image::steps());
    steps.extend(card::steps());
    steps.extend(persistence::steps());
    steps.extend(removal::steps());
    steps.extend(boot::steps(boots));
    steps.extend(foreign::steps());
    steps.extend(damage::steps());
    steps.extend(storage::steps());
    steps.extend(screen::steps());
    steps.extend(ext4::steps());
    steps.extend(fat::steps());
    steps.push(promises::figures_step());
    steps
}
