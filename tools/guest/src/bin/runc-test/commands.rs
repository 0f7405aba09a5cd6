//! The command line of OCI runtimes, row by row. Behind each name stands the test of a third party that it
//! corresponds to: of runc's integration tests (bats), youki's contest, or runtime-tools.

use crate::manager::{IDLE, Manager, until};
use crate::place::Bundle;
use crate::{Result, Test};
use std::fs;
use std::process::{Command, Stdio};

pub const TESTS: &[(&str, Test)] = &[
    // create.bats "runc create [with --pid-file]", contest pidfile
    ("create_takes_a_bundle_and_a_pid_file", create),
    // contest calls with the id in front, runtime-tools with the id behind
    ("options_stand_before_and_after_the_id", options),
    // create.bats, "runc create [invalid id]"; runtime-tools create
    ("ids_are_checked_first", ids),
    // runtime-tools create: "as if never attempted"
    ("a_failed_create_leaves_nothing", failed_create),
    // runtime-tools config_updates_without_affect
    ("later_edits_have_no_effect", later_edits),
    // runtime-tools start
    ("a_container_starts_once", start_once),
    // contest test_utils, state
    ("a_missing_container_does_not_exist", missing),
    // kill.bats "kill detached busybox", contest kill
    ("signals_have_names_and_numbers", signals),
    // kill.bats, contest kill_stopped
    ("a_stopped_container_gets_no_signal", kill_stopped),
    // delete.bats, contest delete
    ("only_stopped_containers_are_deleted", delete),
    // contest delete_created_container_test
    ("a_created_container_can_be_deleted", delete_created),
    // run.bats "runc run", "--keep"; start_detached.bats
    ("run_tells_how_it_ended", run),
    // exec.bats
    ("exec_tells_how_it_ended", exec),
    // exec.bats "runc exec --pid-file", "--detach"; contest exec
    ("exec_can_be_left_alone", exec_detached),
    // exec.bats "--user", "--cwd", "--env", process.json
    ("exec_takes_another_process", exec_process),
    // runtime-tools command line: standard streams are the program's
    ("streams_pass_through_untouched", streams),
    // exec.bats "--preserve-fds", contest fd_control
    ("descriptors_are_passed_on_if_asked", descriptors),
    // pid-file.bats "with new CWD"
    ("a_pid_file_is_where_the_caller_is", pid_file),
    // root.bats, list.bats
    ("a_root_that_was_named_must_exist", roots),
    // debug.bats
    ("errors_are_logged_in_both_forms", log_file),
    // list.bats
    ("the_list_has_a_table_and_json", list),
    // ps.bats
    ("processes_are_listed", ps),
    // events.bats
    ("events_tell_what_is_used", events),
    // update.bats
    ("an_update_is_refused", update),
    // pause.bats
    ("a_paused_container_stands_still", pause),
    // runsc wait
    ("wait_tells_how_it_ended", wait),
    // spec: unknown command
    ("an_unknown_command_is_an_error", unknown_command),
];

fn create() -> Result<()> {
    let runc = Manager::with_script("create", IDLE)?;
    let bundle = runc.bundle().display().to_string();
    let words = [
        "create",
        "--no-pivot",
        "--no-new-keyring",
        "--pid-file",
        "pid",
        "--bundle",
        &bundle,
        "a",
    ];
    runc.does(&words)?;
    runc.is("a", "created")?;
    let number = fs::read_to_string(runc.path("pid"))?;
    if number != runc.state("a", "pid")? {
        return Err(format!("the file says {number}").into());
    }
    for (name, value) in [
        ("id", "a"),
        ("ociVersion", "1.3.0"),
        ("bundle", &bundle),
        ("rootfs", &runc.path("root")),
        ("owner", "root"),
    ] {
        let found = runc.state("a", name)?;
        if found != value {
            return Err(format!("{name} is {found} instead of {value}").into());
        }
    }
    runc.does(&["start", "a"])?;
    runc.is("a", "running")?;
    if number != runc.state("a", "pid")? {
        return Err("the number has changed".into());
    }
    runc.does(&["delete", "-f", "a"])
}

fn options() -> Result<()> {
    let runc = Manager::with_script("options", IDLE)?;
    let bundle = runc.bundle().display().to_string();
    let root = runc.root().display().to_string();
    runc.does(&["create", "a", "--bundle", &bundle])?;
    runc.does(&["create", "--bundle", &bundle, "b"])?;
    let after = Command::new("/bin/runc")
        .args(["state", "a", "--root", &root])
        .stdout(Stdio::null())
        .status()?;
    if !after.success() {
        return Err("--root after the command is not taken".into());
    }
    runc.does(&["kill", "a", "KILL", "--all"])?;
    runc.does(&["delete", "b", "--force"])
}

fn ids() -> Result<()> {
    let runc = Manager::with_script("ids", IDLE)?;
    for id in ["", ".", "..", "a/b", "a b", "ä"] {
        runc.fails(&["create", id], 1, "id")?;
    }
    runc.fails(&["create"], 2, "<ID>")?;
    if runc.root().exists() {
        return Err("something was made".into());
    }
    runc.does(&["create", "A-b_c.d+1"])
}

fn failed_create() -> Result<()> {
    let runc = Manager::with_script("failed-create", IDLE)?;
    runc.fails(
        &["create", "--bundle", "/nowhere", "a"],
        1,
        "/nowhere/config.json",
    )?;
    let bundle = Bundle {
        linux: r#", "seccomp": { "defaultAction": "SCMP_ACT_ALLOW" }"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.fails(&["create", "a"], 1, "linux.seccomp")?;
    let bundle = Bundle {
        mounts: r#"{ "destination": "/data", "source": "/nowhere", "options": ["bind"] }"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.fails(&["create", "a"], 1, "mount /nowhere on /data")?;
    runc.expect(&["list", "-q"], 0, "")?;
    runc.place().write_bundle(IDLE, &Bundle::default())?;
    runc.does(&["create", "a"])?;
    runc.fails(
        &["create", "a"],
        1,
        "container with given ID already exists",
    )?;
    runc.is("a", "created")
}

fn later_edits() -> Result<()> {
    let runc = Manager::with_script("edits", "echo before > /said")?;
    runc.does(&["create", "a"])?;
    runc.place()
        .write_bundle("echo after > /said", &Bundle::default())?;
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    match fs::read_to_string(runc.path("root/said"))?.as_str() {
        "before\n" => Ok(()),
        said => Err(said.into()),
    }
}

fn start_once() -> Result<()> {
    let runc = Manager::with_script("start", IDLE)?;
    runc.fails(&["start", "a"], 1, "does not exist")?;
    runc.does(&["create", "a"])?;
    runc.does(&["start", "a"])?;
    runc.fails(
        &["start", "a"],
        1,
        "cannot start a container that is running",
    )?;
    runc.is("a", "running")?;
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.fails(
        &["start", "a"],
        1,
        "cannot start a container that is stopped",
    )
}

fn missing() -> Result<()> {
    let runc = Manager::new("missing")?;
    for verb in [
        "state", "start", "kill", "delete", "ps", "pause", "resume", "events", "logs", "update",
    ] {
        runc.fails(&[verb, "a"], 1, "container does not exist")?;
    }
    runc.fails(&["exec", "a", "true"], 125, "container does not exist")?;
    runc.fails(&["wait", "a"], 125, "container does not exist")?;
    runc.fails(&["attach", "a"], 125, "container does not exist")?;
    runc.does(&["delete", "-f", "a"])
}

fn signals() -> Result<()> {
    let script = "trap 'echo usr1 >> /said' USR1; trap 'echo term >> /said; exit 3' TERM; touch /ready; while :; do sleep 0.02; done";
    let runc = Manager::with_script("signals", script)?;
    runc.does(&["run", "-d", "a"])?;
    let ready = runc.path("root/ready");
    until("ready", || Ok(fs::exists(&ready)?))?;
    let said = runc.path("root/said");
    for (count, words) in [
        ["kill", "a", "USR1"].as_slice(),
        &["kill", "a", "SIGUSR1"],
        &["kill", "a", "10"],
        &["kill", "-s", "usr1", "a"],
        &["kill", "--signal", "10", "a"],
    ]
    .into_iter()
    .enumerate()
    {
        runc.does(words)?;
        until("the signal", || {
            let text = fs::read_to_string(&said).unwrap_or_default();
            Ok(text.lines().count() == count + 1)
        })?;
    }
    runc.fails(&["kill", "a", "NONE"], 1, "unknown signal NONE")?;
    runc.fails(&["kill", "a", "0x9"], 1, "unknown signal")?;
    runc.does(&["kill", "a"])?;
    runc.expect(&["wait", "a"], 3, "3\n")
}

fn kill_stopped() -> Result<()> {
    let runc = Manager::with_script("kill-stopped", "true")?;
    runc.does(&["create", "a"])?;
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    runc.fails(&["kill", "a", "KILL"], 1, "container not running")?;
    runc.does(&["kill", "-a", "a", "KILL"])
}

fn delete() -> Result<()> {
    let runc = Manager::with_script("delete", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    let message = "cannot delete container a that is not stopped: running";
    runc.fails(&["delete", "a"], 1, message)?;
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.does(&["delete", "a"])?;
    runc.fails(&["delete", "a"], 1, "does not exist")?;
    runc.does(&["run", "-d", "b"])?;
    runc.does(&["delete", "--force", "b"])?;
    runc.fails(&["state", "b"], 1, "does not exist")?;
    runc.expect(&["list", "-q"], 0, "")
}

fn delete_created() -> Result<()> {
    let runc = Manager::with_script("delete-created", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.does(&["delete", "a"])?;
    runc.does(&["create", "a"])?;
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.does(&["delete", "a"])
}

fn run() -> Result<()> {
    let runc = Manager::with_script("run", "exit 7")?;
    runc.expect(&["run", "a"], 7, "")?;
    runc.fails(&["state", "a"], 1, "does not exist")?;
    runc.expect(&["run", "--keep", "a"], 7, "")?;
    runc.is("a", "stopped")?;
    if runc.state("a", "exitCode")? != "7" {
        return Err("the exit status is lost".into());
    }
    runc.fails(&["run", "a"], 125, "container with given ID already exists")?;
    runc.fails(
        &["run", "b", "/bin/nothing"],
        127,
        "does not exist in the container",
    )?;
    runc.fails(&["run", "b", "/bin"], 126, "permission denied")?;
    runc.does(&["run", "-d", "c", "/bin/sh", "-c", IDLE])?;
    runc.is("c", "running")
}

fn exec() -> Result<()> {
    let runc = Manager::with_script("exec", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.fails(&["exec", "a", "true"], 125, "container not running")?;
    runc.does(&["start", "a"])?;
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

fn streams() -> Result<()> {
    let runc = Manager::with_script("streams", "cat; echo errors >&2")?;
    fs::write(runc.path("typed"), "typed\n")?;
    let input = fs::File::open(runc.path("typed"))?;
    let output = fs::File::create(runc.path("written"))?;
    let mut create = runc.command(&["create", "a"]);
    let status = create
        .stdin(input)
        .stdout(output.try_clone()?)
        .stderr(output)
        .status()?;
    if !status.success() {
        return Err("it can't be created".into());
    }
    // Nothing but the program reads the input.
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    match fs::read_to_string(runc.path("written"))?.as_str() {
        "typed\nerrors\n" => Ok(()),
        written => Err(written.into()),
    }
}

fn descriptors() -> Result<()> {
    let script = "cat <&3; echo $LISTEN_FDS $LISTEN_PID; { cat <&4; } 2> /dev/null || echo closed";
    let mounts = r#"{ "destination": "/dev", "type": "devtmpfs" }"#;
    let bundle = Bundle {
        mounts,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("descriptors", script, &bundle)?;
    fs::write(runc.path("given"), "given\n")?;
    let root = runc.root().display().to_string();
    for (environment, option, expected) in [
        ("", "--preserve-fds 1", "given\n\nclosed\n"),
        ("LISTEN_FDS=1", "", "given\n1 1\nclosed\n"),
    ] {
        let line =
            format!("{environment} exec /bin/runc --root {root} run {option} a 3< given 4< given");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &line]).current_dir(runc.bundle());
        let outcome = runc.finish(&mut shell)?;
        if outcome.status != Some(0) || outcome.output != expected {
            return Err(format!("{outcome:?} instead of {expected:?}").into());
        }
    }
    runc.fails(
        &["run", "--preserve-fds", "2", "a"],
        125,
        "descriptor 3, which is to be passed on, is not open",
    )
}

fn pid_file() -> Result<()> {
    let runc = Manager::with_script("pid-file", IDLE)?;
    let elsewhere = runc.bundle().join("elsewhere");
    fs::create_dir(&elsewhere)?;
    let bundle = runc.bundle().display().to_string();
    let mut command = runc.command(&["run", "-d", "--pid-file", "pid", "--bundle", &bundle, "a"]);
    let outcome = runc.finish(command.current_dir(&elsewhere))?;
    let number = fs::read_to_string(elsewhere.join("pid"))?;
    if outcome.status != Some(0) || number != runc.state("a", "pid")? {
        return Err(format!("{outcome:?}, {number}").into());
    }
    Ok(())
}

fn roots() -> Result<()> {
    let runc = Manager::with_script("roots", "true")?;
    runc.fails(&["list"], 1, "does not exist")?;
    runc.expect(&["run", "a"], 0, "")?;
    runc.expect(&["list", "-q"], 0, "")
}

fn log_file() -> Result<()> {
    let runc = Manager::new("log-file")?;
    runc.fails(&["--log", "text", "state", "a"], 1, "does not exist")?;
    runc.fails(
        &["state", "a", "--log", "json", "--log-format", "json"],
        1,
        "does not exist",
    )?;
    let text = fs::read_to_string(runc.path("text"))?;
    let json = fs::read_to_string(runc.path("json"))?;
    let says = r#"level=error msg="state a: container does not exist""#;
    let tells = r#""level":"error","msg":"state a: container does not exist","time":"#;
    if text.contains(says) && json.contains(tells) {
        Ok(())
    } else {
        Err(format!("{text}{json}").into())
    }
}

fn list() -> Result<()> {
    let runc = Manager::with_script("list", IDLE)?;
    runc.does(&["create", "b"])?;
    runc.does(&["run", "-d", "a"])?;
    runc.expect(&["list", "-q"], 0, "a\nb\n")?;
    let table = runc.output(&["list"])?;
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split_whitespace().take(3).collect())
        .collect();
    let pid = |id| runc.state(id, "pid");
    let (first, second) = (pid("a")?, pid("b")?);
    let expected = [
        ["ID", "PID", "STATUS"],
        ["a", &first, "running"],
        ["b", &second, "created"],
    ];
    if rows != expected || !table.starts_with("ID") || !table.contains("OWNER\n") {
        return Err(table.into());
    }
    let json = runc.output(&["list", "-f", "json"])?;
    if !json.starts_with("[{") || json.matches("\"ociVersion\":\"1.3.0\"").count() != 2 {
        return Err(json.into());
    }
    // A damaged folder is said to be one, and the others are listed.
    fs::create_dir(runc.root().join("c"))?;
    fs::write(runc.root().join("c/container.json"), "{")?;
    let outcome = runc.run(&["list", "-q"])?;
    if outcome.status != Some(0)
        || outcome.output != "a\nb\n"
        || !outcome
            .errors
            .contains("warning: c: container.json is damaged")
    {
        return Err(format!("{outcome:?}").into());
    }
    fs::remove_dir_all(runc.root().join("c"))?;
    Ok(())
}

fn ps() -> Result<()> {
    let runc = Manager::with_script("ps", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.does(&["start", "a"])?;
    let number = runc.state("a", "pid")?;
    let table = runc.output(&["ps", "a"])?;
    let mut lines = table.lines();
    let header = lines.next().unwrap_or_default();
    let row: Vec<&str> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let is_it = header
        .split_whitespace()
        .eq(["UID", "PID", "PPID", "STAT", "TIME", "COMMAND"])
        && row.starts_with(&["0", &number])
        && table.contains(IDLE);
    if !is_it {
        return Err(table.into());
    }
    let json = runc.output(&["ps", "-f", "json", "a"])?;
    if !json.starts_with(&format!("[{number}")) {
        return Err(json.into());
    }
    runc.does(&["kill", "a", "KILL"])?;
    runc.becomes("a", "stopped")?;
    runc.expect(&["ps", "-f", "json", "a"], 0, "[]\n")
}

fn events() -> Result<()> {
    let runc = Manager::with_script("events", "sleep 1")?;
    runc.does(&["run", "-d", "a"])?;
    let line = runc.output(&["events", "--stats", "a"])?;
    let has = |text: &str| line.contains(text);
    if !has(r#""type":"stats""#) || !has(r#""id":"a""#) || !has(r#""pids":{"current":"#) {
        return Err(line.into());
    }
    let lines = runc.output(&["events", "--interval", "100ms", "a"])?;
    if lines.lines().count() < 3 {
        return Err(lines.into());
    }
    runc.fails(&["events", "a"], 1, "container not running")
}

fn update() -> Result<()> {
    let runc = Manager::with_script("update", IDLE)?;
    runc.does(&["create", "a"])?;
    runc.fails(
        &["update", "--memory", "64m", "a"],
        1,
        "--memory is not supported",
    )?;
    runc.fails(
        &["update", "a", "--pids-limit", "5"],
        1,
        "--pids-limit is not supported",
    )
}

fn pause() -> Result<()> {
    let script = "while :; do echo x >> /said; sleep 0.01; done";
    let runc = Manager::with_script("pause", script)?;
    runc.does(&["create", "a"])?;
    runc.fails(&["pause", "a"], 1, "container not running")?;
    runc.does(&["start", "a"])?;
    let said = runc.path("root/said");
    let length = || fs::metadata(&said).map_or(0, |data| data.len());
    until("a line", || Ok(length() > 0))?;
    runc.does(&["pause", "a"])?;
    runc.is("a", "paused")?;
    let before = length();
    runc.fails(
        &["exec", "a", "true"],
        125,
        "cannot exec in a paused container",
    )?;
    runc.fails(&["pause", "a"], 1, "container not running")?;
    std::thread::sleep(std::time::Duration::from_millis(100));
    if length() != before {
        return Err("it doesn't stand still".into());
    }
    runc.does(&["resume", "a"])?;
    runc.is("a", "running")?;
    until("further lines", || Ok(length() > before))?;
    runc.fails(&["resume", "a"], 1, "container not paused")?;
    runc.does(&["pause", "a"])?;
    runc.does(&["delete", "-f", "a"])
}

fn wait() -> Result<()> {
    let runc = Manager::with_script("wait", "sleep 0.2; exit 6")?;
    runc.does(&["create", "a"])?;
    let waiting = runc
        .command(&["wait", "a"])
        .stdout(Stdio::piped())
        .spawn()?;
    runc.does(&["start", "a"])?;
    let outcome = waiting.wait_with_output()?;
    if outcome.status.code() != Some(6) || outcome.stdout != b"6\n" {
        return Err(format!("{outcome:?}").into());
    }
    runc.expect(&["wait", "a"], 6, "6\n")
}

fn unknown_command() -> Result<()> {
    let runc = Manager::new("unknown")?;
    runc.fails(&["checkpoint", "a"], 2, "unrecognized subcommand")?;
    runc.fails(&["state"], 2, "<ID>")?;
    runc.fails(&["state", "a", "--nothing"], 2, "unexpected argument")
}
