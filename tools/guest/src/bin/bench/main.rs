//! Benchmarks of a kernel for arm64 Linux programs: what single operations cost.
//!
//! `bench [ROW…]` prints a line `row NAME FIGURE` each, in nanoseconds for one operation, or `row NAME missing REASON`. In
//! an emulator that counts instructions as nanoseconds the figures are instructions. As the first process of a system it
//! prints what it took to get there instead, and ends the machine.
#![forbid(unsafe_code)]

mod boot;
mod calls;
mod cards;
mod containers;
mod files;
mod memory;
mod meter;
mod pipes;
mod processes;
mod rows;
mod runner;
mod signals;
mod sockets;
mod threads;

use std::env;
use std::process::ExitCode;

/// The argument with which this program does nothing: what starting a program costs is measured with it.
const NOTHING: &str = "--nothing";

fn main() -> ExitCode {
    if rustix::process::getpid().is_init() {
        return boot::report();
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some(NOTHING) => ExitCode::SUCCESS,
        Some("--list") => {
            rows::ALL.iter().for_each(|row| println!("{}", row.name));
            ExitCode::SUCCESS
        }
        _ => runner::run(&arguments),
    }
}
