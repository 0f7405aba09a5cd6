//! The guest tests: what the kernel promises, case by case.
//!
//! `guest-tests [FILTER...]` runs the cases whose names contain a filter, or all: one line each, `ok NAME` or
//! `FAILED NAME: why`, and at the end `N passed, M failed`. Names that begin with `s` and a number are the statements
//! of the container interface. Exit status 0: every case passed.
#![forbid(unsafe_code)]

mod cases;
mod check;
mod child;
mod container;
mod files;
mod harness;
mod linux;
mod raw;
mod script;
mod users;

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, steps)) if first == script::FLAG => exit(script::run(steps)),
        Some((first, rest)) if first == script::ENTER_THEN_DO => {
            exit(script::enter_then_execute(rest))
        }
        _ => {
            let mut all = cases::all();
            all.extend(linux::all());
            exit(i32::from(!harness::run(&all, &arguments)))
        }
    }
}

fn exit(status: i32) -> ExitCode {
    ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX))
}
