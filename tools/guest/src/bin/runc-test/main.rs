//! Tests runc as its user meets it: containers that run, input that is wrong, and runc killed at any point.
//!
//! `runc-test [NAME...]` runs the tests with these names, or all, and ends with their numbers. Exit status
//! 0: every test passed.
#![forbid(unsafe_code)]

mod bundles;
mod errors;
mod kill;
mod layouts;
mod place;
mod starting;
mod traces;

use std::env;
use std::process::ExitCode;
use traces::Traces;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;
type Test = fn() -> Result<()>;

const TESTS: [(&str, Test); 17] = [
    (
        "a_layout_is_what_the_program_sees",
        layouts::is_what_the_program_sees,
    ),
    (
        "exit_statuses_come_through",
        layouts::exit_statuses_come_through,
    ),
    (
        "signals_reach_the_program",
        layouts::signals_reach_the_program,
    ),
    ("descriptors_stay_behind", layouts::descriptors_stay_behind),
    ("a_bundle_sets_the_process_up", bundles::sets_the_process_up),
    (
        "a_read_only_root_cannot_be_written",
        bundles::read_only_root_cannot_be_written,
    ),
    ("masked_paths_are_hidden", bundles::masked_paths_are_hidden),
    (
        "a_device_folder_is_filled",
        bundles::device_folder_is_filled,
    ),
    ("failed_operations_say_what_failed", errors::say_what_failed),
    ("no_link_leads_out", errors::no_link_leads_out),
    (
        "no_working_directory_leads_out",
        errors::no_working_directory_leads_out,
    ),
    (
        "a_failed_bundle_is_as_it_was",
        errors::failed_bundle_is_as_it_was,
    ),
    (
        "others_than_root_are_refused",
        errors::others_than_root_are_refused,
    ),
    ("spec_writes_a_bundle", starting::spec_writes_a_bundle),
    ("an_example_layout_runs", starting::example_layout_runs),
    ("info_counts_contexts", starting::info_counts_contexts),
    ("killing_runc_leaves_nothing", kill::leaves_nothing),
];

fn main() -> ExitCode {
    let names: Vec<String> = env::args().skip(1).collect();
    let chosen = |name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in TESTS.iter().filter(|(name, _)| chosen(name)) {
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
