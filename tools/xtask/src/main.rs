//! The project's own commands: `cargo xtask setup|build|run|image|test|bench|calibrate|image-sample`.
#![forbid(unsafe_code)]

mod bench;
mod build;
mod calibrate;
mod card;
mod command;
mod run;
mod setup;
mod test;
mod workspace;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Builds, runs, tests and measures the Gantry kernel.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing to build and run the system
    Setup,
    /// Build kernel images and the initramfs into out/<board>/
    Build(build::BuildOptions),
    /// Build everything and boot it in QEMU, down to a shell prompt
    Run(run::RunOptions),
    /// Make a card for the Raspberry Pi 4, as one file
    Image(card::ImageOptions),
    /// Make an OCI image of a small arm64 Debian, and say where it is
    ImageSample,
    /// Check everything: formatting, lints, host tests, and the system in QEMU on both boards
    Test(test::TestOptions),
    /// Measure what single operations of the kernel cost, and compare with Linux
    Bench(bench::BenchOptions),
    /// Run the tests of runc with crun and runc on Linux too, and record how they differ
    Calibrate(calibrate::CalibrateOptions),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Setup => setup::run().map(|()| ExitCode::SUCCESS),
        Command::Build(options) => build::run(&options).map(|()| ExitCode::SUCCESS),
        Command::Run(options) => run::run(&options),
        Command::Image(options) => card::run(&options).map(|()| ExitCode::SUCCESS),
        Command::ImageSample => setup::image::sample().map(|sample| {
            println!("{}", sample.layout().display());
            ExitCode::SUCCESS
        }),
        Command::Test(options) => test::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Calibrate(options) => calibrate::run(&options),
    };
    result.unwrap_or_else(|error| {
        eprintln!("xtask: {error:#}");
        ExitCode::FAILURE
    })
}
