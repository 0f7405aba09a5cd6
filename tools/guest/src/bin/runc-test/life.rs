//! The life of a container: what its state says, and what is left of it when its monitor or runc is killed.

use crate::Result;
use crate::manager::{IDLE, Manager, PATIENCE, until};
use crate::place::Bundle;
use crate::test::{Kind, Test, note};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub const TESTS: &[Test] = &[
    Test::common(
        "the_state_tells_a_whole_life",
        whole_life,
        "runtime-tools: state; contest: lifecycle; bats state",
    ),
    Test::own(
        "the_state_tells_how_it_ended",
        ending,
        "others keep no exit status and no times",
    ),
    Test::common(
        "annotations_are_in_the_state",
        annotations,
        "runtime-tools, contest: misc_props",
    ),
    Test::own(
        "a_killed_monitor_takes_its_container_along",
        killed_monitor,
        "others have no monitor (runc#4534, runc#3828: state and container disagree)",
    ),
    Test::own(
        "a_killed_monitor_of_a_created_container_leaves_no_process",
        killed_early,
        "others have no monitor",
    ),
    Test::own(
        "what_a_killed_create_left_is_no_container",
        remains,
        "the files that keep a container's state differ",
    ),
    Test::common(
        "a_container_in_the_foreground_is_one_like_others",
        foreground,
        "bats run; bats exec",
    ),
    Test::own(
        "a_container_in_the_foreground_dies_with_its_runc",
        foreground_killed,
        "others leave it running",
    ),
    Test::common(
        "the_home_directory_is_that_of_the_user",
        home,
        "bats env: HOME",
    )
    .because("crun's exec looks up the user of the configuration only."),
    Test::common(
        "the_working_directory_is_inside",
        working_directory,
        "bats cwd; runtime-tools: process",
    )
    .because("crun gives the program its whole path."),
    Test::common(
        "no_code_of_runc_runs_inside",
        no_runc_inside,
        "bats exec: no file descriptor leaks; CVE-2019-5736",
    ),
    Test::own(
        "a_killed_create_leaves_no_mount_points",
        mount_points,
        "others leave them",
    ),
    Test::own(
        "a_stopped_monitor_is_said_to_be_one",
        stopped_monitor,
        "others have no monitor",
    ),
    Test::own(
        "a_crowd_of_clients_ends_no_container",
        crowd,
        "others have no monitor",
    ),
];

fn kill(process: i32) -> Result<()> {
    let process = Pid::from_raw(process).ok_or("no process")?;
    Ok(kill_process(process, Signal::KILL)?)
}

fn whole_life() -> Result<()> {
    let runc = Manager::with_script("life", "exit 3")?;
    runc.does(&["create", "a"])?;
    runc.is("a", "created")?;
    let first = runc.state("a", "pid")?;
    if !fs::exists(format!("/proc/{first}"))? {
        return Err(format!("there is no process {first}").into());
    }
    let created = runc.state("a", "created")?;
    // Whether it says today's date depends on whether the board knows it.
    if created.len() < "2025-01-01T00:00:00Z".len() || !created.ends_with('Z') {
        return Err(format!("created is {created}").into());
    }
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    if runc.state("a", "pid")? != "0" {
        note(Kind::Effect, "a stopped container has a process");
    }
    runc.does(&["delete", "a"])
}

fn ending() -> Result<()> {
    let runc = Manager::with_script("ending", "exit 3")?;
    runc.does(&["create", "a"])?;
    let [started, owner, rootfs] =
        ["startedAt", "owner", "rootfs"].map(|name| runc.state("a", name));
    if (started?, owner?, rootfs?) != (String::new(), "root".into(), runc.path("root")) {
        return Err(runc.output(&["state", "a"])?.into());
    }
    runc.does(&["start", "a"])?;
    runc.becomes("a", "stopped")?;
    let times = ["created", "startedAt", "finishedAt"].map(|name| runc.state("a", name));
    let [created, started, finished] = times;
    let (created, started, finished) = (created?, started?, finished?);
    let is_time = |time: &str| time.len() == 30 && time.ends_with('Z');
    if !is_time(&created) || created > started || started > finished {
        return Err(format!("{created}, {started}, {finished}").into());
    }
    for (name, value) in [("pid", "0"), ("exitCode", "3"), ("exitSignal", "")] {
        if runc.state("a", name)? != value {
            return Err(runc.output(&["state", "a"])?.into());
        }
    }
    runc.does(&["run", "-d", "b", "/bin/sh", "-c", IDLE])?;
    runc.does(&["kill", "b", "KILL"])?;
    runc.becomes("b", "stopped")?;
    match (
        runc.state("b", "exitSignal")?.as_str(),
        runc.state("b", "exitCode")?.as_str(),
    ) {
        ("9", "137") => Ok(()),
        ends => Err(format!("{ends:?}").into()),
    }
}

fn annotations() -> Result<()> {
    let others = r#", "annotations": { "org.example": "a \"b\"", "empty": "" }"#;
    let bundle = Bundle {
        others,
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("annotations", IDLE, &bundle)?;
    runc.does(&["create", "a"])?;
    let state = runc.output(&["state", "a"])?;
    if state.contains(r#""org.example": "a \"b\"""#) && state.contains(r#""empty": """#) {
        Ok(())
    } else {
        Err(state.into())
    }
}

fn killed_monitor() -> Result<()> {
    let runc = Manager::with_script("killed-monitor", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    let first = runc.state("a", "pid")?;
    kill(runc.monitor("a")?)?;
    runc.becomes("a", "stopped")?;
    until("its process is gone", || {
        Ok(!fs::exists(format!("/proc/{first}"))?)
    })?;
    if runc.state("a", "exitCode")? != "137" || runc.state("a", "exitSignal")? != "9" {
        return Err(runc.output(&["state", "a"])?.into());
    }
    runc.expect(&["wait", "a"], 137, "137\n")?;
    runc.fails(&["kill", "a"], 1, "container not running")?;
    runc.fails(&["exec", "a", "true"], 125, "container not running")?;
    runc.does(&["delete", "a"])?;
    runc.expect(&["list", "-q"], 0, "")
}

fn killed_early() -> Result<()> {
    let runc = Manager::with_script("killed-early", IDLE)?;
    runc.does(&["create", "a"])?;
    let first = runc.state("a", "pid")?;
    kill(runc.monitor("a")?)?;
    runc.becomes("a", "stopped")?;
    until("its process is gone", || {
        Ok(!fs::exists(format!("/proc/{first}"))?)
    })?;
    runc.does(&["delete", "a"])
}

fn remains() -> Result<()> {
    let runc = Manager::with_script("remains", "true")?;
    // As a runc and a monitor that were killed before they had made anything leave it.
    fs::create_dir_all(runc.root().join("a"))?;
    fs::write(runc.root().join("a/config.json"), "{}")?;
    runc.fails(&["state", "a"], 1, "does not exist")?;
    if fs::exists(runc.root().join("a"))? {
        return Err("it is still there".into());
    }
    fs::create_dir_all(runc.root().join("b"))?;
    runc.does(&["create", "b"])?;
    runc.expect(&["list", "-q"], 0, "b\n")
}

fn foreground() -> Result<()> {
    let runc = Manager::with_script("foreground", IDLE)?;
    let mut running = runc.command(&["run", "a"]).spawn()?;
    until("it is there", || {
        Ok(runc.run(&["state", "a"])?.status == Some(0))
    })?;
    runc.becomes("a", "running")?;
    runc.expect(&["list", "-q"], 0, "a\n")?;
    runc.expect(&["exec", "a", "sh", "-c", "exit 4"], 4, "")?;
    runc.does(&["pause", "a"])?;
    runc.does(&["resume", "a"])?;
    runc.does(&["kill", "a", "KILL"])?;
    let status = running.wait()?;
    if status.code() != Some(137) {
        return Err(format!("{status:?}").into());
    }
    runc.fails(&["state", "a"], 1, "does not exist")
}

/// One that dies with its runc doesn't stand in the way of the next.
fn foreground_killed() -> Result<()> {
    let runc = Manager::with_script("foreground-killed", IDLE)?;
    let mut running = runc.command(&["run", "a"]).spawn()?;
    until("it is there", || {
        Ok(runc.run(&["state", "a"])?.status == Some(0))
    })?;
    running.kill()?;
    running.wait()?;
    let deadline = Instant::now() + PATIENCE;
    while runc.run(&["state", "a"])?.status == Some(0) && Instant::now() < deadline {}
    runc.expect(&["run", "a", "/bin/sh", "-c", "exit 2"], 2, "")
}

fn home() -> Result<()> {
    let runc = Manager::with_script("home", "echo $HOME")?;
    fs::create_dir(runc.bundle().join("root/etc"))?;
    fs::write(
        runc.path("root/etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nweb:x:33:33::/srv/web:/bin/sh\n",
    )?;
    runc.expect(&["run", "a"], 0, "/root\n")?;
    let bundle = Bundle {
        process: r#""/", "user": { "uid": 33, "gid": 33 }"#,
        ..Bundle::default()
    };
    runc.place().write_bundle("echo $HOME", &bundle)?;
    runc.expect(&["run", "a"], 0, "/srv/web\n")?;
    runc.place().write_bundle(
        IDLE,
        &Bundle {
            process: r#""/", "user": { "uid": 33, "gid": 33 }"#,
            ..Bundle::default()
        },
    )?;
    runc.does(&["run", "-d", "b"])?;
    runc.expect(&["exec", "b", "sh", "-c", "echo $HOME"], 0, "/srv/web\n")?;
    runc.expect(
        &["exec", "-u", "7", "b", "sh", "-c", "echo $HOME"],
        0,
        "/\n",
    )
}

fn working_directory() -> Result<()> {
    let bundle = Bundle {
        process: r#""/made/here""#,
        ..Bundle::default()
    };
    let script = "pwd; cd ..; pwd; cd ../../..; pwd; ls -d bin";
    let runc = Manager::with_bundle("cwd", script, &bundle)?;
    runc.expect(&["run", "a"], 0, "/made/here\n/made\n/\nbin\n")?;
    // A program by a relative path is looked for there.
    fs::write(runc.path("root/made/here/program"), "#!/bin/sh\necho $0\n")?;
    fs::set_permissions(
        runc.path("root/made/here/program"),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )?;
    let bundle = Bundle {
        program: r#""./program""#,
        ..bundle
    };
    runc.place().write_bundle("", &bundle)?;
    runc.expect(&["run", "a"], 0, "./program\n")
}

fn no_runc_inside() -> Result<()> {
    // Looks all the time for a process whose program isn't the container's.
    let script = "while :; do for exe in /proc/[0-9]*/exe; do case $(readlink $exe) in /bin/busybox|'') ;; \
        *) readlink $exe > /found;; esac; done; done";
    let runc = Manager::with_script("inside", script)?;
    runc.does(&["run", "-d", "a"])?;
    for _ in 0..20 {
        runc.expect(&["exec", "a", "true"], 0, "")?;
    }
    if fs::exists(runc.path("root/found"))? {
        return Err(fs::read_to_string(runc.path("root/found"))?.into());
    }
    Ok(())
}

/// What a create that is killed has made in the bundle is removed by the next call, and nothing else is.
fn mount_points() -> Result<()> {
    let hook = r#"{ "path": "/bin/sleep", "args": ["sleep", "1000"] }"#;
    let bundle = Bundle {
        mounts: r#"{ "destination": "/made/here", "type": "tmpfs" }, { "destination": "/there", "type": "tmpfs" },
            { "destination": "/made/file", "type": "bind", "source": "config.json", "options": ["bind"] }"#,
        others: &format!(r#", "hooks": {{ "prestart": [{hook}] }}"#),
        ..Bundle::default()
    };
    let runc = Manager::with_bundle("mount-points", IDLE, &bundle)?;
    fs::create_dir(runc.path("root/there"))?;
    let made = || fs::exists(runc.path("root/made/file"));
    for round in 0..2 {
        let mut create = runc.command(&["create", "a"]).spawn()?;
        until("the hook", || {
            Ok(made()? && runc.run(&["state", "a"])?.status == Some(0))
        })?;
        // Until then it looks like its monitor.
        create.kill()?;
        create.wait()?;
        kill(runc.monitor("a")?)?;
        // Whether somebody looks, or makes it anew.
        if round == 0 {
            until("it is gone", || {
                Ok(runc.run(&["state", "a"])?.status != Some(0))
            })?;
            if fs::exists(runc.path("root/made"))? || !fs::exists(runc.path("root/there"))? {
                return Err("the mount points are not as before".into());
            }
        }
    }
    runc.place().write_bundle(IDLE, &Bundle::default())?;
    until("it can be made", || {
        Ok(runc.run(&["create", "a"])?.status == Some(0))
    })?;
    if fs::exists(runc.path("root/made"))? {
        return Err("the mount points are still there".into());
    }
    // Those of a container that is only created go with it, those of one that runs stay.
    runc.does(&["delete", "a"])?;
    let bundle = Bundle {
        mounts: r#"{ "destination": "/made/here", "type": "tmpfs" }"#,
        ..Bundle::default()
    };
    runc.place().write_bundle(IDLE, &bundle)?;
    runc.does(&["create", "a"])?;
    kill(runc.monitor("a")?)?;
    runc.becomes("a", "stopped")?;
    runc.does(&["delete", "a"])?;
    if fs::exists(runc.path("root/made"))? {
        return Err("the mount point of a created container is still there".into());
    }
    runc.does(&["run", "-d", "a"])?;
    kill(runc.monitor("a")?)?;
    runc.becomes("a", "stopped")?;
    runc.does(&["delete", "a"])?;
    match fs::exists(runc.path("root/made/here"))? {
        true => Ok(()),
        false => Err("the mount point of a container that ran is gone".into()),
    }
}

/// No call waits for ever for a monitor that a signal has stopped.
fn stopped_monitor() -> Result<()> {
    let runc = Manager::with_script("stopped-monitor", IDLE)?;
    runc.does(&["run", "-d", "a"])?;
    runc.does(&["run", "-d", "b"])?;
    let number = runc.monitor("a")?;
    let monitor = Pid::from_raw(number).ok_or("no process")?;
    kill_process(monitor, Signal::STOP)?;
    let message =
        format!("the container's monitor (process {number}) is stopped: kill -CONT {number}");
    runc.fails(&["state", "a"], 1, &message)?;
    runc.fails(&["exec", "a", "true"], 125, &message)?;
    let outcome = runc.run(&["list", "-q"])?;
    if outcome.output != "b\n" || !outcome.errors.contains(&message) {
        return Err(format!("{outcome:?}").into());
    }
    kill_process(monitor, Signal::CONT)?;
    runc.is("a", "running")?;
    // Whoever wants it gone needn't know.
    kill_process(monitor, Signal::STOP)?;
    runc.does(&["delete", "-f", "a"])?;
    runc.fails(&["state", "a"], 1, "does not exist")
}

/// A monitor that has no descriptor left for a further client lets it wait.
fn crowd() -> Result<()> {
    let runc = Manager::with_script("crowd", IDLE)?;
    let root = runc.root().display().to_string();
    // The monitor inherits the limit.
    let script = format!("ulimit -n 24; exec /bin/runc --root {root} run -d a");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &script]).current_dir(runc.bundle());
    let outcome = runc.finish(&mut shell)?;
    if outcome.status != Some(0) {
        return Err(format!("{outcome:?}").into());
    }
    let waiting = || runc.command(&["wait", "a"]).stdout(Stdio::null()).spawn();
    let mut clients = (0..30)
        .map(|_| waiting())
        .collect::<std::io::Result<Vec<_>>>()?;
    std::thread::sleep(Duration::from_millis(300));
    for client in clients.iter_mut().take(20) {
        client.kill()?;
        client.wait()?;
    }
    runc.is("a", "running")?;
    runc.does(&["kill", "a", "KILL"])?;
    for mut client in clients.into_iter().skip(20) {
        if client.wait()?.code() != Some(137) {
            return Err("a client was not told the end".into());
        }
    }
    Ok(())
}
