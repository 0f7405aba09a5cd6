//! The command line of OCI runtimes, row by row.

use crate::Result;
use crate::manager::{IDLE, Manager, until};
use crate::place::Bundle;
use crate::runtime;
use crate::test::{Kind, Test, note};
use std::fs;
use std::process::{Command, Stdio};

pub const TESTS: &[Test] = &[
    Test::common(
        "create_takes_a_bundle_and_a_pid_file",
        create,
        "bats create: with --pid-file; contest: pidfile",
    ),
    Test::common(
        "options_stand_before_and_after_the_id",
        options,
        "bats kill: detached busybox; contest: how it calls a runtime",
    )
    .because("crun stops looking for options at the id."),
    Test::own(
        "global_options_stand_anywhere",
        global_options,
        "others take them before the command only",
    ),
    Test::common(
        "ids_are_checked_first",
        ids,
        "bats create: invalid id; runtime-tools: create",
    )
    .because("crun takes any file name; the empty one is its state directory."),
    Test::common(
        "a_failed_create_leaves_nothing",
        failed_create,
        "runtime-tools: create; contest: process_rlimits_fail",
    ),
    Test::common(
        "later_edits_have_no_effect",
        later_edits,
        "runtime-tools: config_updates_without_affect",
    ),
    Test::common(
        "a_container_starts_once",
        start_once,
        "runtime-tools: start; bats start",
    ),
    Test::own(
        "a_container_without_a_program_is_not_started",
        no_program,
        "others refuse to create it (runtime-tools: start, without process)",
    ),
    Test::common(
        "a_missing_container_does_not_exist",
        missing,
        "runtime-tools: state; bats state",
    )
    .because("crun names the file that it can't open, and has no events."),
    Test::own(
        "a_missing_container_does_not_exist_for_the_manager_either",
        missing_to_manager,
        "others have no logs, wait and attach",
    ),
    Test::common(
        "signals_have_names_and_numbers",
        signals,
        "bats kill: detached busybox; contest: kill",
    )
    .because("crun knows upper case only."),
    Test::common(
        "a_signal_can_be_an_option",
        signal_option,
        "runtime-tools: command-line-interface.md, kill --signal",
    )
    .because("The OCI command line has it as an option, runc after the id; here both are taken."),
    Test::common(
        "a_stopped_container_gets_no_signal",
        kill_stopped,
        "bats kill; contest: kill, stopped",
    ),
    Test::common(
        "only_stopped_containers_are_deleted",
        delete,
        "bats delete; contest: delete",
    ),
    Test::common(
        "a_created_container_can_be_deleted",
        delete_created,
        "contest: delete_created_container_test",
    ),
    Test::common(
        "run_tells_how_it_ended",
        run,
        "bats run, run --keep; podman run: exit codes 125, 126, 127",
    )
    .because("125, 126 and 127 are what container engines say. This crun has no --keep."),
    Test::common(
        "streams_pass_through_untouched",
        streams,
        "runtime-tools: command-line-interface.md, standard streams",
    ),
    Test::common(
        "descriptors_are_passed_on_if_asked",
        descriptors,
        "bats exec: --preserve-fds; contest: fd_control",
    )
    .because(
        "Both take descriptors of their own for some of the caller's. crun doesn't set LISTEN_PID.",
    ),
    Test::common(
        "a_pid_file_is_where_the_caller_is",
        pid_file,
        "bats create, run, exec: with new CWD; runtime-tools: pidfile",
    )
    .because("crun looks for the bundle first, and makes the file there."),
    Test::common(
        "a_root_that_was_named_must_exist",
        roots,
        "bats root, list: unknown root",
    )
    .because("Both make the directory; runc no longer since 1.2."),
    Test::common(
        "errors_are_logged_in_both_forms",
        log_file,
        "bats debug: --log, --log-format",
    )
    .because("crun's text log has no level."),
    Test::own(
        "an_update_is_refused",
        update,
        "others have limits to change (bats update)",
    ),
    Test::common(
        "a_paused_container_stands_still",
        pause,
        "bats pause; contest: exec in a paused container",
    )
    .because("crun pauses and resumes again what is so already."),
    Test::own(
        "wait_tells_how_it_ended",
        wait,
        "others have no wait (runsc wait)",
    ),
    Test::common(
        "an_unknown_command_is_an_error",
        unknown_command,
        "bats help; runtime-tools: command-line-interface.md",
    ),
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
    for (name, value) in [("id", "a"), ("bundle", &bundle)] {
        let found = runc.state("a", name)?;
        if found != value {
            return Err(format!("{name} is {found} instead of {value}").into());
        }
    }
    let version = runc.state("a", "ociVersion")?;
    if !version.starts_with("1.") {
        return Err(format!("ociVersion is {version}").into());
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
    runc.does(&["create", "--bundle", &bundle, "a"])?;
    runc.does(&["create", "b", "--bundle", &bundle])?;
    runc.does(&["kill", "a", "KILL", "--all"])?;
    runc.does(&["delete", "a", "--force"])
}

fn global_options() -> Result<()> {
    let runc = Manager::with_script("global-options", IDLE)?;
    let root = runc.root().display().to_string();
    runc.does(&["create", "a"])?;
    let after = runtime::command()
        .args(["state", "a", "--root", &root])
        .stdout(Stdio::null())
        .status()?;
    if after.success() {
        Ok(())
    } else {
        Err("--root after the command is not taken".into())
    }
}

fn ids() -> Result<()> {
    let runc = Manager::with_script("ids", IDLE)?;
    for id in ["", ".", "..", "a/b", "a b", "ä"] {
        runc.fails(&["create", id], 1, "id")?;
    }
    runc.fails(&["create"], 2, "")?;
    let list = runc.run(&["list", "-q"])?;
    if !list.output.is_empty() {
        note(Kind::Effect, format!("list -q: prints {:?}", list.output));
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
        process: r#""/", "rlimits": [{ "type": "RLIMIT_NONSENSE", "soft": 1, "hard": 1 }]"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.fails(&["create", "a"], 1, "rlimit")?;
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

fn no_program() -> Result<()> {
    let runc = Manager::new("no-program")?;
    let configuration = r#"{ "ociVersion": "1.3.0", "root": { "path": "root" },
        "linux": { "namespaces": [{ "type": "pid" }, { "type": "mount" }] } }"#;
    fs::write(runc.path("config.json"), configuration)?;
    let message = "its configuration names no program";
    runc.fails(&["run", "a"], 125, message)?;
    runc.does(&["create", "a"])?;
    runc.fails(&["start", "a"], 1, message)?;
    runc.is("a", "created")?;
    runc.fails(&["start", "a"], 1, message)?;
    runc.does(&["delete", "a"])?;
    runc.expect(&["list", "-q"], 0, "")
}

fn missing() -> Result<()> {
    let runc = Manager::new("missing")?;
    for verb in [
        "state", "start", "kill", "delete", "ps", "pause", "resume", "events", "update",
    ] {
        runc.fails(&[verb, "a"], 1, "does not exist")?;
    }
    runc.fails(&["exec", "a", "true"], 125, "does not exist")?;
    runc.does(&["delete", "-f", "a"])
}

fn missing_to_manager() -> Result<()> {
    let runc = Manager::new("missing-to-manager")?;
    runc.fails(&["logs", "a"], 1, "container does not exist")?;
    runc.fails(&["wait", "a"], 125, "container does not exist")?;
    runc.fails(&["attach", "a"], 125, "container does not exist")
}

fn signals() -> Result<()> {
    let script = "trap 'echo usr1 >> /said' USR1; trap 'echo term >> /said; exit 3' TERM; touch /ready; while :; do sleep 0.02; done";
    let runc = Manager::with_script("signals", script)?;
    runc.does(&["run", "-d", "a"])?;
    let ready = runc.path("root/ready");
    until("ready", || Ok(fs::exists(&ready)?))?;
    let said = runc.path("root/said");
    let mut count = 0;
    for signal in ["USR1", "SIGUSR1", "usr1", "10"] {
        let outcome = runc.run(&["kill", "a", signal])?;
        outcome.expect(&format!("kill a {signal}"), 0, "");
        count += usize::from(outcome.status == Some(0));
        until(signal, || {
            let text = fs::read_to_string(&said).unwrap_or_default();
            Ok(text.lines().count() == count)
        })?;
    }
    runc.fails(&["kill", "a", "NONE"], 1, "unknown signal")?;
    runc.fails(&["kill", "a", "0x9"], 1, "unknown signal")?;
    runc.does(&["kill", "a"])?;
    runc.becomes("a", "stopped")?;
    match fs::read_to_string(&said)? {
        text if text.ends_with("\nterm\n") => Ok(()),
        text => Err(text.into()),
    }
}

fn signal_option() -> Result<()> {
    let runc = Manager::with_script("signal-option", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    runc.does(&["kill", "-s", "cont", "a"])?;
    runc.does(&["kill", "--signal", "9", "a"])?;
    runc.becomes("a", "stopped")
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
    runc.fails(&["run", "a"], 125, "container with given ID already exists")?;
    for (program, status, message) in [
        (r#""/bin/nothing""#, 127, "execute /bin/nothing"),
        (r#""nothing""#, 127, "execute nothing"),
        (r#""/bin""#, 126, "permission denied"),
    ] {
        let bundle = Bundle {
            program,
            ..Bundle::default()
        };
        runc.place().write_bundle("", &bundle)?;
        runc.fails(&["run", "b"], status, message)?;
    }
    runc.place().write_bundle(IDLE, &Bundle::default())?;
    runc.does(&["run", "-d", "c"])?;
    runc.is("c", "running")
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
    let runc = Manager::with_script("descriptors", script)?;
    fs::write(runc.path("given"), "given\n")?;
    let root = runc.root().display().to_string();
    for (environment, option, expected) in [
        ("", "--preserve-fds 1", "given\n\nclosed\n"),
        ("LISTEN_FDS=1 LISTEN_PID=$$", "", "given\n1 1\nclosed\n"),
    ] {
        let runtime = runtime::words().join(" ");
        let line =
            format!("{environment} exec {runtime} --root {root} run {option} a 3< given 4< given");
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", &line]).current_dir(runc.bundle());
        let what = format!("{environment} run {option}");
        runc.finish(&mut shell)?.expect(&what, 0, expected);
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
    let number = fs::read_to_string(elsewhere.join("pid")).unwrap_or_default();
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
        &["--log", "json", "--log-format", "json", "state", "a"],
        1,
        "does not exist",
    )?;
    let text = fs::read_to_string(runc.path("text"))?;
    let json = fs::read_to_string(runc.path("json"))?;
    for (log, level) in [(text, "level=error"), (json, r#""level":"error""#)] {
        if !log.contains(level) || !log.contains("does not exist") {
            note(Kind::Text, format!("the log says {log:?}"));
        }
    }
    Ok(())
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
    runc.does(&["run", "-d", "a"])?;
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
    runc.fails(&["nonsense", "a"], 2, "nonsense")?;
    runc.fails(&["state"], 2, "")?;
    runc.fails(&["state", "--nonsense", "a"], 2, "nonsense")
}
