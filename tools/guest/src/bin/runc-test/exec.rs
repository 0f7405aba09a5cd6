//! What `runc exec` gives a further process beyond what the container's program has.

use crate::Result;
use crate::manager::{IDLE, Manager};
use crate::place::Bundle;
use crate::test::Test;
use std::fs;

pub const TESTS: &[Test] = &[
    Test::own(
        "exec_grants_capabilities",
        capabilities,
        "others have no warning, or give other sets (bats exec: --cap)",
    ),
    Test::own(
        "exec_runs_on_the_processors_that_are_configured",
        affinity,
        "newer than these versions (contest: exec_cpu_affinity)",
    ),
];

/// Prints the five sets of capabilities without leading zeros, and the jail's refusal of what needs none.
const SETS: &str = "echo $(sed -n 's/^Cap...:[^0-9a-f]*0*//p' /proc/self/status | sed 's/^$/0/')";

fn capabilities() -> Result<()> {
    let bundle = Bundle {
        process: r#""/", "capabilities": { "bounding": ["CAP_KILL"], "effective": ["CAP_KILL"],
            "permitted": ["CAP_KILL"] }"#,
        mounts: r#"{ "destination": "/proc", "type": "proc" }"#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("exec-capabilities", IDLE, &bundle)?;
    runc.does(&["run", "-d", "a"])?;
    runc.expect(&["exec", "a", "sh", "-c", SETS], 0, "0 20 20 20 0\n")?;
    let words = [
        "exec",
        "--cap",
        "CAP_CHOWN",
        "-c",
        "CAP_FOWNER",
        "a",
        "sh",
        "-c",
        SETS,
    ];
    runc.expect(&words, 0, "0 29 29 29 0\n")?;
    // Another user than 0 has only what is ambient.
    let words = [
        "exec",
        "-u",
        "7",
        "--cap",
        "CAP_CHOWN",
        "a",
        "sh",
        "-c",
        SETS,
    ];
    runc.expect(&words, 0, "1 1 1 21 1\n")?;
    let outcome = runc.run(&["exec", "--cap", "CAP_FLY", "a", "true"])?;
    let message = "warning: ignoring unknown or unavailable capabilities: [CAP_FLY]";
    if outcome.status != Some(0) || !outcome.errors.contains(message) {
        return Err(format!("{outcome:?}").into());
    }
    Ok(())
}

fn affinity() -> Result<()> {
    let bundle = Bundle {
        process: r#""/", "execCPUAffinity": { "initial": "0-1", "final": "0" }"#,
        mounts: r#"{ "destination": "/proc", "type": "proc" }"#,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("exec-affinity", IDLE, &bundle)?;
    runc.does(&["run", "-d", "a"])?;
    let script = "sed -n 's/^Cpus_allowed_list:[^0-9]*//p' /proc/1/status /proc/self/status";
    let all = fs::read_to_string("/proc/self/status")?;
    let all = all
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .ok_or("no list of processors")?;
    // The container's own process is left alone.
    let expected = format!("{}\n0\n", all.trim());
    runc.expect(&["exec", "a", "sh", "-c", script], 0, &expected)
}
