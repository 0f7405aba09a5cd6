//! Tests runc as its user meets it: containers that run, input that is wrong, and runc killed at any point.
//!
//! `runc-test [NAME...]` runs the tests with these names, or all, and ends with their numbers; `runc-test churn N`
//! drives N containers. Exit status 0: every test passed.
#![forbid(unsafe_code)]

mod bundles;
mod churn;
mod commands;
mod errors;
mod hooks;
mod kill;
mod layouts;
mod life;
mod manager;
mod memory;
mod output;
mod place;
mod random;
mod starting;
mod terminals;
mod traces;

use std::env;
use std::process::ExitCode;
use traces::Traces;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Test = fn() -> Result<()>;

/// The tests, a list for each module.
const TESTS: [&[(&str, Test)]; 12] = [
    layouts::TESTS,
    bundles::TESTS,
    errors::TESTS,
    commands::TESTS,
    life::TESTS,
    hooks::TESTS,
    terminals::TESTS,
    output::TESTS,
    memory::TESTS,
    starting::TESTS,
    kill::TESTS,
    churn::TESTS,
];

fn main() -> ExitCode {
    let names: Vec<String> = env::args().skip(1).collect();
    if let [command, count] = names.as_slice()
        && let ("churn", Ok(count)) = (command.as_str(), count.parse())
    {
        return match churn::churn(count) {
            Ok(()) => {
                println!("ok churn of {count}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                println!("FAILED churn: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let (mut passed, mut failed) = (0, 0);
    let tests = TESTS.into_iter().flatten();
    for (name, test) in tests.filter(|(name, _)| chosen(name)) {
        match run(*test) {
            Ok(()) => {
                println!("ok {name}");
                passed += 1;
            }
            Err(error) => {
                println!("FAILED {name}: {error}");
                failed += 1;
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Runs a test; whatever it did, contexts and mounts have to be as before.
fn run(test: Test) -> Result<()> {
    const NO_PROCESS: &str = "\u{1}";
    let before = Traces::find(NO_PROCESS)?;
    test()?;
    before.wait_for(NO_PROCESS)
}
