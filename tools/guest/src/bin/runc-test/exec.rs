//! Further processes: `runc exec`.

use crate::Result;
use crate::manager::{IDLE, Manager, until};
use crate::place::Bundle;
use crate::test::Test;
use std::fs;

pub const TESTS: &[Test] = &[
    Test::common(
        "exec_tells_how_it_ended",
        exec,
        "bats exec, exec with an unknown binary; podman exec: exit codes",
    )
    .because("125, 126 and 127 are what container engines say."),
    Test::common(
        "a_created_container_has_nothing_to_join_or_pause",
        created_is_empty,
        "bats exec, pause",
    )
    .because(
        "Number 1 of a process list is the container's program: before that runs there is no process of the container, \
         so nothing to pause, and nobody can join. Elsewhere a process of the runtime's is in the container already.",
    ),
    Test::common(
        "exec_can_be_left_alone",
        exec_detached,
        "bats exec: --pid-file, --detach; contest: exec",
    ),
    Test::common(
        "exec_takes_another_process",
        exec_process,
        "bats exec: --user, --cwd, --env, with process.json",
    )
    .because("crun has no option for further groups."),
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

fn exec() -> Result<()> {
    let runc = Manager::with_script("exec", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    runc.expect(&["exec", "a", "sh", "-c", "echo $PPID; exit 5"], 5, "0\n")?;
    runc.expect(&["exec", "a", "sh", "-c", "kill -9 $$"], 137, "")?;
    runc.fails(
        &["exec", "a", "nothing"],
        127,
        "in no directory of the container's PATH",
    )?;
    runc.fails(&["exec", "a", "/bin"], 126, "permission denied")?;
    runc.expect(
        &["exec", "a", "hostname"],
        0,
        &fs::read_to_string("/etc/hostname")?,
    )?;
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.fails(&["exec", "a", "true"], 125, "container not running")
}

fn created_is_empty() -> Result<()> {
    let runc = Manager::with_script("created", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.fails(&["exec", "a", "true"], 125, "container not running")?;
    runc.fails(&["pause", "a"], 1, "container not running")
}

fn exec_detached() -> Result<()> {
    let runc = Manager::with_script("exec-detached", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    let script = "touch /ready; sleep 1000";
    runc.does(&["exec", "-d", "--pid-file", "pid", "a", "sh", "-c", script])?;
    let ready = runc.path("root/ready");
    until("the process", || Ok(fs::exists(&ready)?))?;
    let number = fs::read_to_string(runc.path("pid"))?;
    let list = runc.output(&["ps", "-f", "json", "a"])?;
    if !list.contains(&number) {
        return Err(format!("{number} is not in {list}").into());
    }
    runc.does(&["kill", "-a", "a", "KILL"])?;
    until("its end", || Ok(!fs::exists(format!("/proc/{number}"))?))
}

fn exec_process() -> Result<()> {
    let runc = Manager::with_script("exec-process", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    let words = [
        "exec",
        "--user",
        "33:44",
        "-g",
        "55",
        "--cwd",
        "/bin",
        "-e",
        "WORD=other",
        "a",
        "sh",
        "-c",
        "id -u; id -G; pwd; echo $WORD",
    ];
    runc.expect(&words, 0, "33\n44 55\n/bin\nother\n")?;
    let process = r#"{ "args": ["sh", "-c", "id -u; pwd; exit 4"], "env": ["PATH=/bin"], "cwd": "/", "user": { "uid": 7 } }"#;
    fs::write(runc.path("process.json"), process)?;
    let outcome = runc.run(&["exec", "--process", "process.json", "a"])?;
    if outcome.status != Some(4) || outcome.output != "7\n/\n" {
        return Err(format!("{outcome:?}").into());
    }
    runc.fails(
        &["exec", "--user", "web", "a", "true"],
        125,
        "--user takes numbers",
    )
}
