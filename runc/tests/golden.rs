//! Every directory in `cases` is a command line and what runc has to say to it: plans, warnings and
//! errors, none of which needs the kernel that would carry them out. `GOLDEN=write` records what runc says.

use std::fs;
use std::path::Path;
use std::process::Command;

fn outcome(case: &Path) -> String {
    let arguments = fs::read_to_string(case.join("arguments")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_runc"))
        .args(arguments.lines())
        .current_dir(case)
        .env_clear()
        .env("TERM", "vt100")
        .output()
        .unwrap();
    let mut outcome = String::from_utf8(output.stdout).unwrap();
    outcome.push_str(&String::from_utf8(output.stderr).unwrap());
    outcome.push_str(&format!("exit status {}\n", output.status.code().unwrap()));
    outcome
}

#[test]
fn runc_says_what_it_should() {
    let write = std::env::var_os("GOLDEN").is_some_and(|value| value == "write");
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<_> = fs::read_dir(cases)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 40, "cases are missing");
    let mut different = Vec::new();
    for case in &cases {
        let outcome = outcome(case);
        if write {
            fs::write(case.join("expected"), outcome).unwrap();
        } else if fs::read_to_string(case.join("expected")).unwrap() != outcome {
            different.push(format!("{}:\n{outcome}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
