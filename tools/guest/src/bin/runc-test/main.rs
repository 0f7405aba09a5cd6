//! Tests runc as its user meets it: containers that run, input that is wrong, and runc killed at any point.
//!
//! `runc-test [NAME...]` runs the tests with these names, or all, and ends with their numbers; `runc-test churn N`
//! drives N containers, `runc-test eat-memory` is a program that one of the tests runs. Exit status 0: every test passed. `--runtime 'crun OPTION...'` in front tests another runtime, as
//! far as it can have what the tests ask for; `--report` writes lines for programs instead (see [`report`]).
#![forbid(unsafe_code)]

mod bundles;
mod churn;
mod commands;
mod errors;
mod exec;
mod hooks;
mod images;
mod kill;
mod layouts;
mod life;
mod looking;
mod manager;
mod memory;
mod output;
mod place;
mod properties;
mod random;
mod roots;
mod runtime;
mod starting;
mod terminals;
mod test;
mod traces;

use std::env;
use std::process::ExitCode;
use test::{Difference, Kind, Test};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The tests, a list with its title for each module.
const TESTS: [(&str, &[Test]); 17] = [
    ("Layout files", layouts::TESTS),
    ("Bundles", bundles::TESTS),
    ("Properties", properties::TESTS),
    ("Errors", errors::TESTS),
    ("Commands", commands::TESTS),
    ("Further processes", exec::TESTS),
    ("Seen from outside", looking::TESTS),
    ("Life", life::TESTS),
    ("Hooks", hooks::TESTS),
    ("Terminals", terminals::TESTS),
    ("Output", output::TESTS),
    ("Memory", memory::TESTS),
    ("To start from", starting::TESTS),
    ("Images", images::TESTS),
    ("Roots", roots::TESTS),
    ("Killed at any point", kill::TESTS),
    ("Many at a time", churn::TESTS),
];

fn main() -> ExitCode {
    let mut names: Vec<String> = env::args().skip(1).collect();
    if names == ["eat-memory"] {
        memory::eat();
    }
    if names.len() >= 2 && names.first().is_some_and(|word| word == "--runtime") {
        runtime::choose(&names[1]);
        names.drain(..2);
    }
    let is_report = names.first().is_some_and(|word| word == "--report");
    if is_report {
        names.remove(0);
    }
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
    let is_chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let (mut passed, mut failed, mut left_out) = (0, 0, 0);
    for (title, tests) in TESTS {
        for test in tests.iter().filter(|test| is_chosen(test.name)) {
            let found = test.run();
            if is_report {
                report(title, test, found.as_deref());
            }
            match found {
                None => left_out += 1,
                Some(found) if found.is_empty() => {
                    passed += 1;
                    if !is_report {
                        println!("ok {}", test.name);
                    }
                }
                Some(found) => {
                    failed += 1;
                    for difference in found.iter().filter(|_| !is_report) {
                        println!("FAILED {}: {difference}", test.name);
                    }
                }
            }
        }
    }
    if !is_report {
        println!("{passed} passed, {failed} failed, {left_out} not applicable");
    }
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Writes a line `test TITLE NAME RESULT KIN WHY`, and a line `difference NAME KIND TEXT` for each that was found, with
/// tabs between the fields. RESULT is `same`, `text`, `status` or `effect`, as the worst difference is, or `-` if the
/// runtime can't have what the test shows.
fn report(title: &str, test: &Test, found: Option<&[Difference]>) {
    let result = match found {
        None => "-",
        Some(found) => found
            .iter()
            .map(|difference| difference.kind)
            .max()
            .map_or("same", Kind::name),
    };
    let (name, kin, why) = (test.name, test.kin.unwrap_or_default(), test.why);
    println!("test\t{title}\t{name}\t{result}\t{kin}\t{why}");
    for difference in found.unwrap_or_default() {
        println!(
            "difference\t{name}\t{}\t{difference}",
            difference.kind.name()
        );
    }
}
